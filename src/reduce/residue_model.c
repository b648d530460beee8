/* Context mixing over amino acids; see residue_model.h. A residue is coded as five bits down a
 * tree.
 */
#include "reduce/residue_model.h"

#include "base/alloc.h"
#include "base/check.h"
#include "reduce/base_model.h"
#include "reduce/mixing.h"

#include <string.h>

enum {
    TREE_BITS = 5,
    ORDERS = 3,          /* contexts of no, one and two residues */
    INPUTS = ORDERS + 3, /* orders, match twice, bias */
    MATCH_SETS = 64,     /* contexts of the mixer and the match model */
    MATCH_MIN = 5,
    MATCH_TABLE_BITS = 18,
    MISSES_MAX = 8, /* of the last 16 predictions, before a match is given up */
    VERIFIED_MAX = 32,
};

struct tal_residue_model {
    tal_base_model *bases; /* nucleotides: all else is unused */
    tal_mixing mixing;
    tal_chance *counters[ORDERS]; /* (context << TREE_BITS) + node */
    int32_t weights[MATCH_SETS][32][INPUTS];
    tal_chance match_hits[MATCH_SETS];
    uint32_t *match_table;
    size_t match_at; /* the residue expected next; 0: none */
    uint32_t match_len, match_misses;
};

static uint32_t context_count(int order)
{
    return UINT32_C(1) << (order * TREE_BITS);
}

tal_status tal_residue_model_create(tal_alphabet alphabet, tal_residue_model **out_model)
{
    tal_residue_model *model = tal_alloc_zero(sizeof(*model));
    if (model == NULL)
        return TAL_ERR_MEMORY;
    tal_status status = TAL_OK;
    if (alphabet == TAL_NUCLEOTIDE) {
        status = tal_base_model_create(&model->bases);
    } else {
        tal_mixing_init(&model->mixing);
        for (int i = 0; i < ORDERS; i++) {
            model->counters[i] =
                tal_alloc_array((size_t)context_count(i) << TREE_BITS, sizeof(tal_chance));
            if (model->counters[i] == NULL)
                status = TAL_ERR_MEMORY;
        }
        model->match_table = tal_alloc_array((size_t)1 << MATCH_TABLE_BITS, sizeof(uint32_t));
        if (model->match_table == NULL)
            status = TAL_ERR_MEMORY;
    }
    if (status != TAL_OK) {
        tal_residue_model_destroy(model);
        return status;
    }
    *out_model = model;
    return TAL_OK;
}

void tal_residue_model_destroy(tal_residue_model *model)
{
    if (model == NULL)
        return;
    for (int i = 0; i < ORDERS; i++)
        tal_free(model->counters[i]);
    tal_free(model->match_table);
    tal_base_model_destroy(model->bases);
    tal_free(model);
}

tal_status tal_residue_model_begin(tal_residue_model *model, tal_coder *coder, uint64_t residues)
{
    if (model->bases != NULL)
        return tal_base_model_begin(model->bases, coder, residues);
    for (int i = 0; i < ORDERS; i++)
        memset(model->counters[i], 0, ((size_t)context_count(i) << TREE_BITS) * sizeof(tal_chance));
    memset(model->match_hits, 0, sizeof(model->match_hits));
    for (int set = 0; set < MATCH_SETS; set++)
        for (int node = 0; node < 32; node++)
            for (int i = 0; i < INPUTS; i++)
                model->weights[set][node][i] = i == INPUTS - 1 ? 0 : TAL_WEIGHT_BEGIN;
    memset(model->match_table, 0, sizeof(uint32_t) << MATCH_TABLE_BITS);
    model->match_at = 0;
    model->match_len = 0;
    model->match_misses = 0;
    return TAL_OK;
}

/* What to do at one residue: where the contexts' trees begin, what the match expects. */
typedef struct residue_place {
    tal_chance *trees[ORDERS];
    bool is_expected;
    unsigned expected;
    unsigned set;
} residue_place;

/* Code one bit at `node` of the tree. */
static unsigned code_node(tal_residue_model *model, tal_coder *coder, const residue_place *place,
                          unsigned node, unsigned depth_left, unsigned bit)
{
    const tal_mixing *mixing = &model->mixing;
    int32_t inputs[INPUTS] = {0};
    for (int i = 0; i < ORDERS; i++)
        inputs[i] = tal_chance_stretch(mixing, place->trees[i][node]);
    /* Whether the expected residue lies below this node, and on which side. */
    const bool is_expected =
        place->is_expected && ((1u << TREE_BITS) + place->expected) >> depth_left == node;
    const unsigned expected = (place->expected >> (depth_left - 1)) & 1;
    unsigned set = 0;
    if (is_expected) {
        set = place->set;
        const int32_t sure = tal_chance_stretch(mixing, model->match_hits[set]);
        inputs[ORDERS] = expected != 0 ? sure : -sure;
        inputs[ORDERS + 1] = expected != 0 ? sure / 2 : -sure / 2;
    }
    inputs[INPUTS - 1] = 256;
    int32_t *weights = model->weights[set][node];
    int64_t sum = 0;
    for (int i = 0; i < INPUTS; i++)
        sum += (int64_t)inputs[i] * weights[i];
    const int32_t chance = tal_mixing_squash(mixing, sum >> 16);
    bit = tal_coder_code(coder, bit, (uint32_t)chance * 16);
    const int32_t error = ((bit != 0 ? 4095 : 0) - chance) * 6;
    for (int i = 0; i < INPUTS; i++)
        weights[i] += (inputs[i] * error + 0x2000) >> 14;
    for (int i = 0; i < ORDERS; i++)
        tal_chance_learn(mixing, &place->trees[i][node], bit);
    if (is_expected)
        tal_chance_learn(mixing, &model->match_hits[set], bit == expected);
    return bit;
}

static unsigned code_residue(tal_residue_model *model, tal_coder *coder, const residue_place *place,
                             unsigned residue)
{
    unsigned node = 1;
    for (unsigned left = TREE_BITS; left > 0; left--)
        node = node * 2 + code_node(model, coder, place, node, left, (residue >> (left - 1)) & 1);
    return node - (1u << TREE_BITS);
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
    if (at < MATCH_MIN)
        return;
    const uint32_t slot = hash_before(residues, at, MATCH_MIN) >> (32 - MATCH_TABLE_BITS);
    const size_t found = model->match_table[slot];
    model->match_table[slot] = (uint32_t)at;
    if (found == 0 || (model->match_at != 0 && model->match_len >= 16))
        return;
    const uint32_t len = common_before(residues, found, at);
    const uint32_t least = model->match_at == 0 ? MATCH_MIN - 1 : model->match_len;
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

/* Proteins begin in their own way: at `begin`. */
static uint32_t context_of(int order, const uint8_t *residues, size_t begin, size_t at)
{
    if (at < (size_t)order)
        return 0;
    if (at - begin < (size_t)order)
        return context_count(order) - 1 - (uint32_t)(at - begin);
    uint32_t context = 0;
    for (int i = order; i > 0; i--)
        context = context << TREE_BITS | (residues[at - (size_t)i] & ((1u << TREE_BITS) - 1));
    return context;
}

void tal_residue_model_code(tal_residue_model *model, tal_coder *coder, uint8_t *residues,
                            size_t begin, size_t end)
{
    TAL_ASSERT(end <= UINT32_MAX);
    if (model->bases != NULL) {
        tal_base_model_code(model->bases, coder, residues, begin, end);
        return;
    }
    for (size_t at = begin; at < end; at++) {
        find_match(model, residues, at);
        residue_place place = {.is_expected = model->match_at != 0, .set = match_set(model)};
        for (int i = 0; i < ORDERS; i++)
            place.trees[i] =
                model->counters[i] + ((size_t)context_of(i, residues, begin, at) << TREE_BITS);
        place.expected = place.is_expected ? residues[model->match_at] : 0;
        const unsigned residue =
            code_residue(model, coder, &place, coder->out != NULL ? residues[at] : 0);
        residues[at] = (uint8_t)residue;
        follow_match(model, place.expected, residue);
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
