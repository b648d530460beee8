/* Context mixing over residues; see residue_model.h.
 *
 * A residue is coded as bits down a tree: proteins five; nucleotides first whether it is one of
 * A, C, G, T, then two, or four for the others.
 */
#include "reduce/residue_model.h"

#include "base/alloc.h"
#include "base/check.h"

#include <string.h>

enum {
    ORDERS_MAX = 5,
    INPUTS = ORDERS_MAX + 3, /* orders, match twice, bias */
    MATCH_SETS = 64,         /* contexts of the mixer and the match model */
    MATCH_TABLE_BITS = 18,
    MISSES_MAX = 8, /* of the last 16 predictions, before a match is given up */
    VERIFIED_MAX = 32,
    COUNT_MAX = 250,
    STRETCH_MAX = 2047,
};

/* 22 bits of probability of 1, 10 bits of how often it was seen; kept as the difference to even
 * chances not seen yet, so that what is all zero is fresh. */
typedef uint32_t counter;
#define FRESH (UINT32_C(1) << 31)

typedef struct order_table {
    counter *counters; /* (context << tree_bits) + node */
    uint32_t context_count;
    int len; /* residues the context is made of */
    size_t base;
} order_table;

struct tal_residue_model {
    tal_alphabet alphabet;
    int tree_bits; /* of the mixed part of a residue */
    int order_count;
    order_table orders[ORDERS_MAX];
    int32_t weights[MATCH_SETS][32][INPUTS];
    counter match_hits[MATCH_SETS];
    tal_bit is_plain[4]; /* nucleotides: whether A, C, G or T, by the two before */
    tal_bit rare[16];
    unsigned plain_history;
    uint32_t *match_table;
    size_t match_at; /* the residue expected next; 0: none */
    uint32_t match_len, match_misses;
    int match_min;
    int16_t stretch[4096];
    int16_t squash[4096];
    uint16_t reciprocal[COUNT_MAX + 1];
};

static const int protein_orders[] = {0, 1, 2};
static const int nucleotide_orders[] = {2, 4, 8, 11, 16};
enum { HASHED_BITS = 18 };

/* squash(x) = 4096 / (1 + e^(-x / 256)), by the table of lpaq, and its inverse. */
static void fill_tables(tal_residue_model *model)
{
    static const int knots[33] = {1,    2,    3,    6,    10,   16,   27,   45,   73,   120,  194,
                                  310,  488,  747,  1101, 1546, 2047, 2549, 2994, 3348, 3607, 3785,
                                  3901, 3975, 4022, 4050, 4068, 4079, 4085, 4089, 4092, 4093, 4094};
    int filled = 0;
    for (int x = -2048; x < 2048; x++) {
        const int place = (x + 2048) / 128, part = (x + 2048) % 128;
        const int value = (knots[place] * (128 - part) + knots[place + 1] * part + 64) / 128;
        model->squash[x + 2048] = (int16_t)value;
        for (; filled <= value; filled++)
            model->stretch[filled] = (int16_t)(x < -STRETCH_MAX ? -STRETCH_MAX : x);
    }
    for (; filled < 4096; filled++)
        model->stretch[filled] = STRETCH_MAX;
    for (int count = 0; count <= COUNT_MAX; count++)
        model->reciprocal[count] = (uint16_t)(65536 * 2 / (2 * count + 3));
}

tal_status tal_residue_model_create(tal_alphabet alphabet, tal_residue_model **out_model)
{
    tal_residue_model *model = tal_alloc_zero(sizeof(*model));
    if (model == NULL)
        return TAL_ERR_MEMORY;
    const bool is_protein = alphabet == TAL_PROTEIN;
    const int *lens = is_protein ? protein_orders : nucleotide_orders;
    model->alphabet = alphabet;
    model->tree_bits = is_protein ? 5 : 2;
    model->match_min = is_protein ? 5 : 12;
    model->order_count = is_protein ? 3 : 5;
    fill_tables(model);
    const int letter_bits = is_protein ? 5 : 2;
    bool is_made = true;
    for (int i = 0; i < model->order_count; i++) {
        order_table *order = &model->orders[i];
        order->len = lens[i];
        const int bits = lens[i] * letter_bits;
        order->context_count = UINT32_C(1) << (bits < HASHED_BITS ? bits : HASHED_BITS);
        order->counters =
            tal_alloc_array((size_t)order->context_count << model->tree_bits, sizeof(counter));
        is_made = is_made && order->counters != NULL;
    }
    model->match_table = tal_alloc_array((size_t)1 << MATCH_TABLE_BITS, sizeof(uint32_t));
    if (!is_made || model->match_table == NULL) {
        tal_residue_model_destroy(model);
        return TAL_ERR_MEMORY;
    }
    *out_model = model;
    return TAL_OK;
}

void tal_residue_model_destroy(tal_residue_model *model)
{
    if (model == NULL)
        return;
    for (int i = 0; i < ORDERS_MAX; i++)
        tal_free(model->orders[i].counters);
    tal_free(model->match_table);
    tal_free(model);
}

void tal_residue_model_reset(tal_residue_model *model)
{
    for (int i = 0; i < model->order_count; i++)
        memset(model->orders[i].counters, 0,
               ((size_t)model->orders[i].context_count << model->tree_bits) * sizeof(counter));
    memset(model->match_hits, 0, sizeof(model->match_hits));
    for (int set = 0; set < MATCH_SETS; set++)
        for (int node = 0; node < 32; node++)
            for (int i = 0; i < INPUTS; i++)
                model->weights[set][node][i] = i == INPUTS - 1 ? 0 : 1 << 14;
    tal_bits_reset(model->is_plain, 4);
    tal_bits_reset(model->rare, 16);
    model->plain_history = 3;
    memset(model->match_table, 0, sizeof(uint32_t) << MATCH_TABLE_BITS);
    model->match_at = 0;
    model->match_len = 0;
    model->match_misses = 0;
}

static void counter_learn(const tal_residue_model *model, counter *at, unsigned bit)
{
    const uint32_t known = *at ^ FRESH, count = known & 1023;
    const int32_t chance = (int32_t)(known >> 10);
    const int32_t target = bit != 0 ? (1 << 22) - 1 : 0;
    const int64_t step = (int64_t)(target - chance) * model->reciprocal[count] / 65536;
    *at = FRESH ^
          ((uint32_t)(chance + (int32_t)step) << 10 | (count < COUNT_MAX ? count + 1 : count));
}

/* What to do at one residue: where the contexts' trees begin, what the match expects. */
typedef struct residue_place {
    counter *trees[ORDERS_MAX];
    bool is_expected;
    unsigned expected;
    unsigned set;
} residue_place;

/* Code one bit at `node` of the tree. */
static unsigned code_node(tal_residue_model *model, tal_coder *coder, const residue_place *place,
                          unsigned node, unsigned depth_left, unsigned bit)
{
    int32_t inputs[INPUTS] = {0};
    for (int i = 0; i < model->order_count; i++)
        inputs[i] = model->stretch[(place->trees[i][node] ^ FRESH) >> 20];
    /* Whether the expected residue lies below this node, and on which side. */
    const unsigned width = (unsigned)model->tree_bits;
    const bool is_expected =
        place->is_expected && ((1u << width) + place->expected) >> depth_left == node;
    const unsigned expected = (place->expected >> (depth_left - 1)) & 1;
    unsigned set = 0;
    if (is_expected) {
        set = place->set;
        const int32_t sure = model->stretch[(model->match_hits[set] ^ FRESH) >> 20];
        inputs[ORDERS_MAX] = expected != 0 ? sure : -sure;
        inputs[ORDERS_MAX + 1] = expected != 0 ? sure / 2 : -sure / 2;
    }
    inputs[INPUTS - 1] = 256;
    int32_t *weights = model->weights[set][node];
    int64_t sum = 0;
    for (int i = 0; i < INPUTS; i++)
        sum += (int64_t)inputs[i] * weights[i];
    sum >>= 16;
    sum = sum < -STRETCH_MAX ? -STRETCH_MAX : sum > STRETCH_MAX ? STRETCH_MAX : sum;
    const int32_t chance = model->squash[sum + 2048];
    bit = tal_coder_code(coder, bit, (uint32_t)chance * 16);
    const int32_t error = ((bit != 0 ? 4095 : 0) - chance) * 6;
    for (int i = 0; i < INPUTS; i++)
        weights[i] += (inputs[i] * error + 0x2000) >> 14;
    for (int i = 0; i < model->order_count; i++)
        counter_learn(model, &place->trees[i][node], bit);
    if (is_expected)
        counter_learn(model, &model->match_hits[set], bit == expected);
    return bit;
}

static unsigned code_mixed(tal_residue_model *model, tal_coder *coder, const residue_place *place,
                           unsigned residue)
{
    unsigned node = 1;
    for (unsigned left = (unsigned)model->tree_bits; left > 0; left--)
        node = node * 2 + code_node(model, coder, place, node, left, (residue >> (left - 1)) & 1);
    return node - (1u << model->tree_bits);
}

static unsigned code_residue(tal_residue_model *model, tal_coder *coder, const residue_place *place,
                             unsigned residue)
{
    if (model->alphabet == TAL_PROTEIN)
        return code_mixed(model, coder, place, residue);
    const unsigned is_plain =
        tal_coder_bit(coder, &model->is_plain[model->plain_history & 3], residue < 4);
    model->plain_history = model->plain_history << 1 | is_plain;
    if (is_plain != 0)
        return code_mixed(model, coder, place, residue & 3);
    return tal_coder_tree(coder, model->rare, 4, residue);
}

/* Hash of the `len` residues before `at`. */
static uint32_t hash_before(const uint8_t *residues, size_t at, int len)
{
    uint64_t hash = 0;
    for (int i = len; i > 0; i--)
        hash = (hash + residues[at - (size_t)i] + 1) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(hash >> 32);
}

static uint32_t common_before(const uint8_t *residues, size_t a, size_t b)
{
    uint32_t len = 0;
    while (len < VERIFIED_MAX && len < a && residues[a - 1 - len] == residues[b - 1 - len])
        len++;
    return len;
}

/* Find or change the place that predicts what comes at `at`. */
static void find_match(tal_residue_model *model, const uint8_t *residues, size_t at)
{
    if (at < (size_t)model->match_min)
        return;
    const uint32_t slot = hash_before(residues, at, model->match_min) >> (32 - MATCH_TABLE_BITS);
    const size_t found = model->match_table[slot];
    model->match_table[slot] = (uint32_t)at;
    if (found == 0 || (model->match_at != 0 && model->match_len >= 16))
        return;
    const uint32_t len = common_before(residues, found, at);
    const uint32_t least = model->match_at == 0 ? (uint32_t)model->match_min - 1 : model->match_len;
    if (len <= least || found == model->match_at)
        return;
    model->match_at = found;
    model->match_len = len;
    model->match_misses = 0;
}

static void follow_match(tal_residue_model *model, unsigned expected, unsigned residue)
{
    if (model->match_at == 0)
        return;
    model->match_at++;
    model->match_misses = (model->match_misses << 1 | (expected != residue)) & 0xffff;
    model->match_len = expected == residue ? model->match_len + 1 : 0;
    if (__builtin_popcount(model->match_misses) > MISSES_MAX)
        model->match_at = 0;
}

/* The context of trust in a match: how long it held, how often it failed. */
static unsigned match_set(const tal_residue_model *model)
{
    const unsigned misses = (unsigned)__builtin_popcount(model->match_misses);
    const unsigned held = model->match_len < 16    ? model->match_len / 2
                          : model->match_len < 32  ? 8 + (model->match_len - 16) / 4
                          : model->match_len < 512 ? 13
                                                   : 14;
    return 1 + held + 15 * (misses > 3 ? 3 : misses);
}

/* `begin`: where the sequence begins. Proteins do so in their own way. */
static uint32_t context_of(const tal_residue_model *model, const order_table *order,
                           const uint8_t *residues, size_t begin, size_t at)
{
    if (order->len == 0 || at < (size_t)order->len)
        return 0;
    if (model->alphabet == TAL_PROTEIN && at - begin < (size_t)order->len)
        return order->context_count - 1 - (uint32_t)(at - begin);
    if (model->alphabet == TAL_NUCLEOTIDE && order->len > 8)
        return hash_before(residues, at, order->len) >> (32 - HASHED_BITS);
    const int bits = model->alphabet == TAL_PROTEIN ? 5 : 2;
    uint32_t context = 0;
    for (int i = order->len; i > 0; i--)
        context = context << bits | (residues[at - (size_t)i] & ((1u << bits) - 1));
    return context;
}

void tal_residue_model_code(tal_residue_model *model, tal_coder *coder, uint8_t *residues,
                            size_t begin, size_t end)
{
    TAL_ASSERT(end <= UINT32_MAX);
    for (size_t at = begin; at < end; at++) {
        find_match(model, residues, at);
        residue_place place = {.is_expected = model->match_at != 0};
        for (int i = 0; i < model->order_count; i++) {
            const order_table *order = &model->orders[i];
            const size_t context = context_of(model, order, residues, begin, at);
            place.trees[i] = order->counters + (context << model->tree_bits);
        }
        const unsigned expected = place.is_expected ? residues[model->match_at] : 0;
        place.expected = expected;
        /* A letter outside the tree is never expected within it. */
        place.is_expected = place.is_expected && expected < (1u << model->tree_bits);
        place.set = match_set(model);
        const unsigned residue =
            code_residue(model, coder, &place, coder->out != NULL ? residues[at] : 0);
        residues[at] = (uint8_t)residue;
        follow_match(model, expected, residue);
    }
}

bool tal_codes_are_letters(tal_alphabet alphabet, const uint8_t *codes, size_t len)
{
    const uint8_t count =
        alphabet == TAL_PROTEIN ? TAL_PROTEIN_LETTER_COUNT : TAL_NUCLEOTIDE_LETTER_COUNT;
    uint8_t highest = 0;
    for (size_t i = 0; i < len; i++)
        highest = codes[i] > highest ? codes[i] : highest;
    return highest < count;
}
