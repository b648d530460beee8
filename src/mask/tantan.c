/* Masking of tandem repeats and simple sequence after tantan.
 *
 * M. C. Frith, "A new repeat-masking method enables specific detection of homologous sequences",
 * Nucleic Acids Research 39:e23 (2011). A hidden Markov model reads the sequence: a background
 * state, and for each offset 1..W a state in which every residue copies, with substitutions, the
 * one `offset` before it. A repeat begins with probability 0.005, its offset weighs 0.9^offset, it
 * ends with 0.05 a residue; a copy of y as x is exp(lambda S(x, y)) as likely as x by chance, S
 * being BLOSUM62 (whatever the search's matrix), or +1 and -1 with lambda = ln 3 for nucleotides. W
 * is 48 for proteins, 96 for nucleotides (whole vectors near the paper's 50 and 100), 16 when only
 * repeats of short units are asked for. Residues
 * whose posterior probability of standing in a repeat state is at least 1/2 are masked. The paper's
 * variant with gaps inside repeats is not here.
 *
 * Every state's step is the same multiplication and addition in float; sums over states are taken
 * in LANES partial sums and a fixed tree. So a compiler may use any vector width, and all
 * instruction sets give the same bits. All values are scaled by the background's every
 * SCALE_STEP residues, which keeps them far inside the range of float.
 *
 * The passes are compiled for each count of offsets, so that loops over states are straight vector
 * code; the likenesses of a residue to those before it, which scalar loads must gather, are kept
 * from the forward for the backward pass.
 */
#include "mask/mask_internal.h"

#include "base/check.h"
#include "score/matrix.h"

#include <string.h>

/* gcc does not contract under -std=c17; clang does unless told. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

enum {
    LANES = 16,
    OFFSETS_PROTEIN = 48,
    OFFSETS_NUCLEOTIDE = 96,
    OFFSETS_SHORT = 16,
    OFFSETS_MAX = 96,
    KEPT_LEN_MAX = 4096, /* of longer sequences likenesses are looked up twice */
    SCALE_STEP = 16,     /* a residue is at most e^3.5 times as likely as by chance: e^56 in 16 */
    PAD_CODE = TAL_CODE_PAD,
};

_Static_assert(OFFSETS_PROTEIN % LANES == 0 && OFFSETS_NUCLEOTIDE % LANES == 0 &&
                   OFFSETS_SHORT % LANES == 0,
               "states are whole vectors");

static const float repeat_begin = 0.005f;
static const float repeat_end = 0.05f;
static const float offset_decay = 0.9f;
static const float mask_probability = 0.5f;

typedef struct model {
    int offset_count;                /* a multiple of LANES */
    float start[OFFSETS_MAX];        /* of each offset, from the background */
    float ratio[TAL_CODE_COUNT][32]; /* [residue][residue before]; 0 for pads */
} model;

/* The states after or before a residue. */
typedef struct states {
    float background;
    _Alignas(64) float repeat[OFFSETS_MAX];
} states;

/* exp(lambda score), lambda = 0.3176 of BLOSUM62 without gaps, by products alone. */
static float protein_ratio(int score)
{
    const double step = score < 0 ? 0.72789385 : 1.37382668;
    double ratio = 1.0;
    for (int i = score < 0 ? -score : score; i > 0; i--)
        ratio *= step;
    return (float)ratio;
}

static tal_status model_init(model *m, tal_mask_method method, tal_alphabet alphabet)
{
    bool is_protein = alphabet == TAL_PROTEIN;
    int offsets = method == TAL_MASK_TANTAN_SHORT ? OFFSETS_SHORT
                  : is_protein                    ? OFFSETS_PROTEIN
                                                  : OFFSETS_NUCLEOTIDE;
    memset(m, 0, sizeof(*m));
    m->offset_count = offsets;
    float power = 1.0f;
    float sum = 0.0f;
    for (int k = 0; k < offsets; k++, power *= offset_decay) {
        m->start[k] = power;
        sum += power;
    }
    for (int k = 0; k < offsets; k++)
        m->start[k] *= repeat_begin / sum;
    tal_matrix matrix = {0};
    if (is_protein) {
        tal_status status = tal_matrix_load("BLOSUM62", TAL_PROTEIN, &matrix);
        if (status != TAL_OK)
            return status;
    }
    int letters = is_protein ? TAL_PROTEIN_LETTER_COUNT : TAL_NUCLEOTIDE_LETTER_COUNT;
    for (int x = 0; x < letters; x++)
        for (int y = 0; y < letters; y++)
            m->ratio[x][y] = is_protein        ? protein_ratio(matrix.score[x][y])
                             : x == y && x < 4 ? 3.0f
                                               : 1.0f / 3.0f;
    return TAL_OK;
}

/* LANES values to one, always in this order; values of their own, for a chain through memory takes
 * a third of all time. */
static inline float sum_lanes(const float lanes[LANES])
{
    float eight[8];
    float four[4];
    for (int i = 0; i < 8; i++)
        eight[i] = lanes[i] + lanes[i + 8];
    for (int i = 0; i < 4; i++)
        four[i] = eight[i] + eight[i + 4];
    return (four[0] + four[2]) + (four[1] + four[3]);
}

/* The ratios of a residue to those before it; `before` runs backward in the sequence. */
static inline void look_up(const float *row, const uint8_t *before, int count,
                           float *restrict out_ratios)
{
    for (int k = 0; k < count; k++)
        out_ratios[k] = row[before[k]];
}

static inline void step_forward(const model *m, int count, const float *restrict ratios,
                                states *restrict at)
{
    const float stay = 1.0f - repeat_end;
    float sums[LANES] = {0};
    for (int k = 0; k < count; k += LANES)
        for (int lane = 0; lane < LANES; lane++) {
            float f = at->repeat[k + lane];
            sums[lane] += f;
            at->repeat[k + lane] =
                (f * stay + at->background * m->start[k + lane]) * ratios[k + lane];
        }
    at->background = at->background * (1.0f - repeat_begin) + sum_lanes(sums) * repeat_end;
}

static inline void step_backward(const model *m, int count, const float *restrict ratios,
                                 states *restrict at)
{
    const float stay = 1.0f - repeat_end;
    const float to_background = at->background * repeat_end;
    float sums[LANES] = {0};
    for (int k = 0; k < count; k += LANES)
        for (int lane = 0; lane < LANES; lane++) {
            float f = at->repeat[k + lane] * ratios[k + lane];
            sums[lane] += f * m->start[k + lane];
            at->repeat[k + lane] = f * stay + to_background;
        }
    at->background = at->background * (1.0f - repeat_begin) + sum_lanes(sums);
}

static inline void scale(int count, float factor, states *at)
{
    at->background *= factor;
    for (int k = 0; k < count; k++)
        at->repeat[k] *= factor;
}

/* What one sequence needs: its codes from the end, then pads; for each residue the background's
 * forward probability and the factor it was scaled by; and its likenesses, NULL when the sequence
 * is too long for them. */
typedef struct passes {
    const model *m;
    const uint8_t *codes, *turned;
    int32_t len;
    float *forward, *factors, *kept;
} passes;

/* The likenesses of residue i, looked up into where they are kept, or into `own`. */
static inline const float *find_ratios(const passes *p, int count, int32_t i, float *own)
{
    float *ratios = p->kept == NULL ? own : p->kept + (size_t)i * (size_t)count;
    look_up(p->m->ratio[p->codes[i]], p->turned + (p->len - i), count, ratios);
    return ratios;
}

/* Returns the probability of the whole, as scaled. */
static inline float pass_forward(const passes *p, int count)
{
    _Alignas(64) float own[OFFSETS_MAX];
    states at = {.background = 1.0f};
    for (int32_t i = 0; i < p->len; i++) {
        step_forward(p->m, count, find_ratios(p, count, i, own), &at);
        p->factors[i] = 1.0f;
        if (i % SCALE_STEP == SCALE_STEP - 1) {
            p->factors[i] = 1.0f / at.background;
            scale(count, p->factors[i], &at);
        }
        p->forward[i] = at.background;
    }
    float sums[LANES] = {0};
    for (int k = 0; k < count; k++)
        sums[k % LANES] += at.repeat[k];
    return at.background * (1.0f - repeat_begin) + sum_lanes(sums) * repeat_end;
}

/* Leaves in `forward` the posterior probability of the background. */
static inline void pass_backward(const passes *p, int count, float total)
{
    _Alignas(64) float own[OFFSETS_MAX];
    states at = {.background = 1.0f - repeat_begin};
    for (int k = 0; k < count; k++)
        at.repeat[k] = repeat_end;
    for (int32_t i = p->len - 1; i >= 0; i--) {
        p->forward[i] = p->forward[i] * at.background / total;
        if (p->factors[i] != 1.0f)
            scale(count, p->factors[i], &at);
        const float *ratios =
            p->kept == NULL ? find_ratios(p, count, i, own) : p->kept + (size_t)i * (size_t)count;
        step_backward(p->m, count, ratios, &at);
    }
}

/* Both passes; a count that the compiler knows makes their loops vectors. */
static void run_passes(const passes *p)
{
    switch (p->m->offset_count) {
    case OFFSETS_SHORT:
        pass_backward(p, OFFSETS_SHORT, pass_forward(p, OFFSETS_SHORT));
        break;
    case OFFSETS_PROTEIN:
        pass_backward(p, OFFSETS_PROTEIN, pass_forward(p, OFFSETS_PROTEIN));
        break;
    default:
        TAL_ASSERT(p->m->offset_count == OFFSETS_NUCLEOTIDE);
        pass_backward(p, OFFSETS_NUCLEOTIDE, pass_forward(p, OFFSETS_NUCLEOTIDE));
    }
}

tal_status tal_mask_tantan(tal_mask_method method, tal_alphabet alphabet, const uint8_t *codes,
                           int32_t len, tal_mask_scratch *scratch, tal_buffer *masks)
{
    size_t room = (size_t)len + OFFSETS_MAX;
    tal_buffer_reset(&scratch->bytes);
    tal_buffer_reset(&scratch->numbers);
    tal_buffer_reset(&scratch->kept);
    tal_status status = TAL_OK;
    int model_of = (int)method + TAL_MASK_METHOD_COUNT * (int)alphabet;
    bool is_new = scratch->model_of != model_of;
    if (is_new) {
        tal_buffer_reset(&scratch->model);
        status = tal_buffer_reserve(&scratch->model, sizeof(model));
        if (status == TAL_OK)
            status = model_init((model *)(void *)scratch->model.data, method, alphabet);
        scratch->model_of = status == TAL_OK ? model_of : 0;
    }
    if (status == TAL_OK)
        status = tal_buffer_reserve(&scratch->bytes, room);
    if (status == TAL_OK)
        status = tal_buffer_reserve(&scratch->numbers, 2 * room * sizeof(float));
    bool is_kept = len <= KEPT_LEN_MAX;
    if (status == TAL_OK && is_kept)
        status = tal_buffer_reserve(&scratch->kept, (size_t)len * OFFSETS_MAX * sizeof(float));
    if (status != TAL_OK)
        return status;
    uint8_t *turned = scratch->bytes.data;
    for (int32_t i = 0; i < len; i++)
        turned[i] = codes[len - 1 - i];
    memset(turned + len, PAD_CODE, OFFSETS_MAX);
    float *numbers = (float *)(void *)scratch->numbers.data;
    passes p = {
        .m = (const model *)(const void *)scratch->model.data,
        .codes = codes,
        .turned = turned,
        .len = len,
        .forward = numbers,
        .factors = numbers + room,
        .kept = is_kept ? (float *)(void *)scratch->kept.data : NULL,
    };
    run_passes(&p);
    size_t first = masks->bytes;
    for (int32_t i = 0; i < len && status == TAL_OK; i++)
        if (1.0f - p.forward[i] >= mask_probability)
            status = tal_mask_append(masks, first, i, i + 1);
    return status;
}
