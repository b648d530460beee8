/* Context mixing over nucleotides; see base_model.h.
 *
 * A base is coded as whether it is one of A, C, G, T, then two bits down a tree, or four for the
 * other letters. The counts of the four contexts that differ in the last base lie side by side, so
 * that they are fetched before that base is known.
 */
#include "reduce/base_model.h"

#include "base/alloc.h"
#include "base/check.h"
#include "reduce/mixing.h"

#include <string.h>

enum {
    ORDERS = 4,
    MATCHES = 3,
    INPUTS = ORDERS + MATCHES + 1, /* and a bias */
    ROOM_BITS_MIN = 12,            /* of the tables: about one place a residue */
    ROOM_BITS_MAX = 20,
    ROOM_CODE_BITS = 5,
    TRUSTS = 64, /* states of a match */
    TRUST_REFUTED = 62,
    MISSES_MAX = 8,    /* of the last 16 predictions, before a match is given up */
    VERIFIED_MAX = 40, /* bases compared of a new match */
    SURE_LEN = 20,     /* the first match is followed by flags alone from here on */
    SWITCH_LEN = 16,   /* matches that held longer are not left for another */
    SEEN_MAX = 15,
    RATE = 6, /* of the weights */
};

/* Which match. */
enum { MATCH_LONG, MATCH_SHORT, MATCH_REVERSE };

/* 12 bits of probability of 1, 4 bits of how often it was seen; 0 is fresh. */
typedef uint16_t count;
#define FRESH_COUNT 0x8000u

static const int order_lens[ORDERS] = {2, 8, 11, 16};
static const int match_mins[MATCHES] = {32, 16, 20};

typedef struct base_match {
    uint32_t *table; /* by hash of the bases before: where they were last */
    size_t at;       /* the base expected next (of the other strand: behind it); 0: none */
    uint32_t len, misses, miss_count;
    tal_chance hits[2][TRUSTS]; /* by depth in the tree */
    uint32_t slot, enter_slot;  /* of the bases before the last; to be read and to be written */
    size_t found;               /* read there; 0: nothing */
    /* At the base in work. */
    bool is_expecting;
    unsigned expected, trust;
} base_match;

struct tal_base_model {
    tal_mixing mixing;
    unsigned room_bits, capacity_bits; /* of the tables; 0: none yet */
    count *counts[ORDERS];
    unsigned context_bits[ORDERS];
    base_match matches[MATCHES];
    int32_t weights[3][TRUSTS][4][INPUTS]; /* by the short match beside the long one */
    tal_chance goes_on[32][3][4];
    tal_chance is_plain[4]; /* whether A, C, G or T, by the two before */
    tal_bit rare[16];
    unsigned plain_history;
    uint64_t bases, reverse; /* the last 32, and their reverse complement */
    int32_t step[SEEN_MAX + 1];
};

tal_status tal_base_model_create(tal_base_model **out_model)
{
    tal_base_model *model = tal_alloc_zero(sizeof(*model));
    if (model == NULL)
        return TAL_ERR_MEMORY;
    tal_mixing_init(&model->mixing);
    for (int seen = 0; seen <= SEEN_MAX; seen++)
        model->step[seen] = 65536 * 10 / (25 + 17 * seen);
    *out_model = model;
    return TAL_OK;
}

static void release_tables(tal_base_model *model)
{
    for (int i = 0; i < ORDERS; i++) {
        tal_free(model->counts[i]);
        model->counts[i] = NULL;
    }
    for (int i = 0; i < MATCHES; i++) {
        tal_free(model->matches[i].table);
        model->matches[i].table = NULL;
    }
    model->capacity_bits = 0;
}

void tal_base_model_destroy(tal_base_model *model)
{
    if (model == NULL)
        return;
    release_tables(model);
    tal_free(model);
}

static unsigned context_bits(unsigned room_bits, int order)
{
    const unsigned bits = 2 * (unsigned)order_lens[order];
    return bits < room_bits ? bits : room_bits;
}

static tal_status make_tables(tal_base_model *model, unsigned room_bits)
{
    if (room_bits <= model->capacity_bits)
        return TAL_OK;
    release_tables(model);
    bool is_made = true;
    for (int i = 0; i < ORDERS; i++) {
        const size_t counts = (size_t)4 << context_bits(room_bits, i);
        model->counts[i] = tal_alloc_vector(counts * sizeof(count));
        is_made = is_made && model->counts[i] != NULL;
    }
    for (int i = 0; i < MATCHES; i++) {
        model->matches[i].table = tal_alloc_array((size_t)1 << room_bits, sizeof(uint32_t));
        is_made = is_made && model->matches[i].table != NULL;
    }
    if (!is_made) {
        release_tables(model);
        return TAL_ERR_MEMORY;
    }
    model->capacity_bits = room_bits;
    return TAL_OK;
}

static unsigned room_for(uint64_t residues)
{
    unsigned bits = ROOM_BITS_MIN;
    while (bits < ROOM_BITS_MAX && residues >> bits != 0)
        bits++;
    return bits;
}

static void forget(tal_base_model *model)
{
    for (int i = 0; i < ORDERS; i++) {
        model->context_bits[i] = context_bits(model->room_bits, i);
        memset(model->counts[i], 0, ((size_t)4 << model->context_bits[i]) * sizeof(count));
    }
    for (int i = 0; i < MATCHES; i++) {
        uint32_t *table = model->matches[i].table;
        memset(table, 0, sizeof(uint32_t) << model->room_bits);
        model->matches[i] = (base_match){.table = table};
    }
    int32_t *weights = model->weights[0][0][0];
    for (size_t i = 0; i < sizeof(model->weights) / sizeof(*weights); i++)
        weights[i] = i % INPUTS == INPUTS - 1 ? 0 : TAL_WEIGHT_BEGIN;
    memset(model->goes_on, 0, sizeof(model->goes_on));
    memset(model->is_plain, 0, sizeof(model->is_plain));
    tal_bits_reset(model->rare, 16);
    model->plain_history = 3;
    model->bases = 0;
    model->reverse = UINT64_MAX;
}

tal_status tal_base_model_begin(tal_base_model *model, tal_coder *coder, uint64_t residues)
{
    const unsigned enough = room_for(residues);
    tal_bit room[1 << ROOM_CODE_BITS];
    tal_bits_reset(room, sizeof(room) / sizeof(*room));
    const unsigned bits = tal_coder_tree(coder, room, ROOM_CODE_BITS, enough);
    if (bits < ROOM_BITS_MIN || bits > enough)
        return TAL_ERR_DATA;
    tal_status status = make_tables(model, bits);
    if (status != TAL_OK)
        return status;
    model->room_bits = bits;
    forget(model);
    return TAL_OK;
}

static void count_learn(const tal_base_model *model, count *at, unsigned bit)
{
    const unsigned known = *at ^ FRESH_COUNT, seen = known & 15;
    const int32_t chance = (int32_t)(known >> 4), target = bit != 0 ? 4095 : 0;
    int32_t learned = chance + (((target - chance) * model->step[seen] + 32768) >> 16);
    learned = learned < 1 ? 1 : learned;
    *at = (count)(FRESH_COUNT ^ ((unsigned)learned << 4 | (seen < SEEN_MAX ? seen + 1 : seen)));
}

static uint64_t scatter(uint64_t bases, unsigned bits)
{
    return (bases * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - bits);
}

static uint64_t last_bases(const tal_base_model *model, int len)
{
    return len == 32 ? model->bases : model->bases & ((UINT64_C(1) << 2 * len) - 1);
}

/* The trees of the contexts of `len` bases that begin with `bases` and end with any: four. */
static count *trees_of(const tal_base_model *model, int order, uint64_t bases)
{
    const unsigned bits = model->context_bits[order];
    const uint64_t line = 2 * (unsigned)order_lens[order] <= bits ? bases & ((1u << (bits - 2)) - 1)
                                                                  : scatter(bases, bits - 2);
    return model->counts[order] + line * 16;
}

/* The trees of all contexts here; those of the next base are on their way then. */
static void find_trees(const tal_base_model *model, count *out_trees[ORDERS])
{
    for (int i = 0; i < ORDERS; i++) {
        const uint64_t bases = last_bases(model, order_lens[i]);
        out_trees[i] = trees_of(model, i, bases >> 2) + (bases & 3) * 4;
        __builtin_prefetch(trees_of(model, i, last_bases(model, order_lens[i] - 1)), 1);
    }
}

/* The base that a match expects; false: another letter, or none. */
static bool match_expects(const base_match *match, int which, const uint8_t *residues,
                          unsigned *out_base)
{
    if (match->at == 0)
        return false;
    const unsigned residue = which == MATCH_REVERSE ? residues[match->at - 1] : residues[match->at];
    *out_base = which == MATCH_REVERSE ? 3 - residue : residue;
    return residue < 4;
}

/* Let the match go on over `residue`. */
static void match_follow(base_match *match, int which, const uint8_t *residues, unsigned residue)
{
    if (match->at == 0)
        return;
    unsigned seen = which == MATCH_REVERSE ? residues[--match->at] : residues[match->at++];
    if (which == MATCH_REVERSE && seen < 4)
        seen = 3 - seen;
    const uint32_t is_miss = seen != residue;
    match->miss_count += is_miss - (match->misses >> 15);
    match->misses = (match->misses << 1 | is_miss) & 0xffff;
    match->len = is_miss != 0 ? 0 : match->len + 1;
    if (match->miss_count > MISSES_MAX)
        match->at = 0;
}

/* Residues before a and b that are alike. */
static uint32_t common_before(const uint8_t *residues, size_t a, size_t b)
{
    uint32_t len = 0;
    while (len < VERIFIED_MAX && len < a && residues[a - 1 - len] == residues[b - 1 - len])
        len++;
    return len;
}

/* Residues from `a` on, forward, that are the complements of those before `b`, backward. */
static uint32_t common_across(const uint8_t *residues, size_t a, size_t b)
{
    uint32_t len = 0;
    while (len < VERIFIED_MAX && a + len < b && residues[b - 1 - len] < 4 &&
           residues[a + len] == 3 - residues[b - 1 - len])
        len++;
    return len;
}

/* Take up what was found, if it is longer than what is followed. */
static void match_take(base_match *match, int which, size_t found, uint32_t len)
{
    if (len < (uint32_t)match_mins[which] || (match->at != 0 && len <= match->len))
        return;
    match->at = found;
    match->len = len;
    match->misses = 0;
    match->miss_count = 0;
}

/* The same place as seen from the next base. */
static size_t move_on(int which, size_t found)
{
    if (found == 0)
        return 0;
    return which == MATCH_REVERSE ? found - 1 : found + 1;
}

/* Where the bases before were seen before, in the three ways; 0: nowhere. They are entered. What is
 * read from memory is asked for two bases ahead: the slot, then the residues that it points to. */
static void look_up(tal_base_model *model, const uint8_t *residues, size_t at,
                    size_t out_found[MATCHES])
{
    for (int i = 0; i < MATCHES; i++) {
        base_match *match = &model->matches[i];
        const size_t min = (size_t)match_mins[i];
        out_found[i] = move_on(i, match->found);
        match->found = match->table[match->slot];
        if (i == MATCH_REVERSE)
            match->found = match->found > min ? match->found - min : 0;
        match->found = move_on(i, match->found);
        if (match->found != 0)
            __builtin_prefetch(&residues[match->found - 1]);
        if (at > 0)
            match->table[match->enter_slot] = (uint32_t)(at - 1);
        match->enter_slot = (uint32_t)scatter(last_bases(model, match_mins[i]), model->room_bits);
        match->slot = match->enter_slot;
        if (i == MATCH_REVERSE)
            match->slot = (uint32_t)scatter(model->reverse >> (64 - 2 * min), model->room_bits);
        __builtin_prefetch(&match->table[match->slot]);
        __builtin_prefetch(&match->table[match->enter_slot], 1);
    }
}

/* The long and the short match are never the same. */
static void find_short(tal_base_model *model, const uint8_t *residues, size_t at, size_t found)
{
    base_match *match = &model->matches[MATCH_SHORT];
    const size_t other = model->matches[MATCH_LONG].at;
    if (match->at == other)
        match->at = 0;
    if (found != 0 && found != match->at && found != other &&
        (match->at == 0 || match->len < SWITCH_LEN))
        match_take(match, MATCH_SHORT, found, common_before(residues, found, at));
}

static void find_others(tal_base_model *model, const uint8_t *residues, size_t at,
                        const size_t found[MATCHES])
{
    base_match *match = &model->matches[MATCH_LONG];
    if (found[MATCH_LONG] != 0 && found[MATCH_LONG] != match->at &&
        (match->at == 0 || match->len < SURE_LEN))
        match_take(match, MATCH_LONG, found[MATCH_LONG],
                   common_before(residues, found[MATCH_LONG], at));
    match = &model->matches[MATCH_REVERSE];
    if (found[MATCH_REVERSE] != 0 && (match->at == 0 || match->len < SWITCH_LEN))
        match_take(match, MATCH_REVERSE, found[MATCH_REVERSE],
                   common_across(residues, found[MATCH_REVERSE], at));
}

/* The context of trust in a match: how long it held, how often it failed. */
static unsigned match_trust(const base_match *match)
{
    const unsigned misses = match->miss_count;
    const unsigned held = match->len < 16    ? match->len / 2
                          : match->len < 32  ? 8 + (match->len - 16) / 4
                          : match->len < 512 ? 13
                                             : 14;
    return 1 + held + 15 * (misses > 3 ? 3 : misses);
}

/* Code one bit at `node` of the tree, `depth_left` bits from its leaves. */
static unsigned code_node(tal_base_model *model, tal_coder *coder, count *const trees[ORDERS],
                          unsigned node, unsigned depth_left, unsigned bit)
{
    const tal_mixing *mixing = &model->mixing;
    int32_t inputs[INPUTS];
    bool is_on[MATCHES];
    unsigned side[MATCHES];
    for (int i = 0; i < ORDERS; i++)
        inputs[i] = mixing->stretch[(trees[i][node] ^ FRESH_COUNT) >> 4];
    for (int i = 0; i < MATCHES; i++) {
        const base_match *match = &model->matches[i];
        is_on[i] = match->is_expecting && (4u + match->expected) >> depth_left == node;
        side[i] = match->expected >> (depth_left - 1) & 1;
        int32_t sure = 0;
        if (is_on[i])
            sure = tal_chance_stretch(mixing, match->hits[depth_left - 1][match->trust]);
        inputs[ORDERS + i] = side[i] != 0 ? sure : -sure;
    }
    inputs[INPUTS - 1] = 256;
    const unsigned beside = !is_on[MATCH_SHORT]                                          ? 0
                            : is_on[MATCH_LONG] && side[MATCH_SHORT] != side[MATCH_LONG] ? 2
                                                                                         : 1;
    int32_t *weights =
        model->weights[beside][is_on[MATCH_LONG] ? model->matches[MATCH_LONG].trust : 0][node];
    int64_t sum = 0;
    for (int i = 0; i < INPUTS; i++)
        sum += (int64_t)inputs[i] * weights[i];
    const int32_t chance = tal_mixing_squash(mixing, sum >> 16);
    bit = tal_coder_code(coder, bit, (uint32_t)chance * 16);
    const int32_t error = ((bit != 0 ? 4095 : 0) - chance) * RATE;
    for (int i = 0; i < INPUTS; i++)
        weights[i] += (inputs[i] * error + 0x2000) >> 14;
    for (int i = 0; i < ORDERS; i++)
        count_learn(model, &trees[i][node], bit);
    for (int i = 0; i < MATCHES; i++)
        if (is_on[i])
            tal_chance_learn(mixing,
                             &model->matches[i].hits[depth_left - 1][model->matches[i].trust],
                             bit == side[i]);
    return bit;
}

/* Code one of A, C, G, T. */
static unsigned code_base(tal_base_model *model, tal_coder *coder, const uint8_t *residues,
                          bool is_refuted, unsigned base)
{
    for (int i = 0; i < MATCHES; i++) {
        base_match *match = &model->matches[i];
        match->is_expecting = match_expects(match, i, residues, &match->expected);
        match->trust = i == MATCH_LONG && is_refuted ? TRUST_REFUTED : match_trust(match);
    }
    count *trees[ORDERS];
    find_trees(model, trees);
    unsigned node = 1;
    for (unsigned left = 2; left > 0; left--)
        node = node * 2 + code_node(model, coder, trees, node, left, (base >> (left - 1)) & 1);
    return node - 4;
}

/* Code one bit by a chance of its own. */
static unsigned code_chance(const tal_base_model *model, tal_coder *coder, tal_chance *chance,
                            unsigned bit)
{
    uint32_t share = (*chance ^ TAL_CHANCE_FRESH) >> 16;
    share = share < 1 ? 1 : share;
    bit = tal_coder_code(coder, bit, share);
    tal_chance_learn(&model->mixing, chance, bit);
    return bit;
}

/* Whether the long match, which is sure, goes on. */
static bool code_goes_on(tal_base_model *model, tal_coder *coder, const uint8_t *residues,
                         unsigned expected, unsigned residue)
{
    const base_match *sure = &model->matches[MATCH_LONG];
    const base_match *other = &model->matches[MATCH_SHORT];
    const unsigned misses = sure->miss_count;
    unsigned beside = 0;
    if (other->at != 0)
        beside = residues[other->at] == expected ? 1 : other->len < 20 ? 2 : 3;
    return code_chance(
               model, coder,
               &model->goes_on[31 - __builtin_clz(sure->len)][misses > 2 ? 2 : misses][beside],
               residue == expected) != 0;
}

static unsigned code_residue(tal_base_model *model, tal_coder *coder, const uint8_t *residues,
                             size_t at, unsigned residue)
{
    size_t found[MATCHES];
    unsigned expected = 0;
    look_up(model, residues, at, found);
    find_short(model, residues, at, found[MATCH_SHORT]);
    const bool is_sure =
        model->matches[MATCH_LONG].len >= SURE_LEN &&
        match_expects(&model->matches[MATCH_LONG], MATCH_LONG, residues, &expected);
    if (is_sure && code_goes_on(model, coder, residues, expected, residue)) {
        model->matches[MATCH_REVERSE].at = 0;
        return expected;
    }
    find_others(model, residues, at, found);
    const unsigned is_plain =
        code_chance(model, coder, &model->is_plain[model->plain_history & 3], residue < 4);
    model->plain_history = model->plain_history << 1 | is_plain;
    if (is_plain == 0)
        return tal_coder_tree(coder, model->rare, 4, residue);
    return code_base(model, coder, residues, is_sure, residue & 3);
}

void tal_base_model_code(tal_base_model *model, tal_coder *coder, uint8_t *residues, size_t begin,
                         size_t end)
{
    TAL_ASSERT(end <= UINT32_MAX);
    for (size_t at = begin; at < end; at++) {
        const unsigned residue =
            code_residue(model, coder, residues, at, coder->out != NULL ? residues[at] : 0);
        residues[at] = (uint8_t)residue;
        for (int i = 0; i < MATCHES; i++)
            match_follow(&model->matches[i], i, residues, residue);
        model->bases = model->bases << 2 | (residue & 3);
        model->reverse = model->reverse >> 2 | (uint64_t)(3 - (residue & 3)) << 62;
    }
}
