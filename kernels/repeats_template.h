/* The kernel of repeats.h for vectors of VF_LANES floats, 1 to 16: the including file defines
 *   vf, VF_LANES, vf_load, vf_store (neither aligned), vf_set1, vf_add, vf_mul;
 *   vf_codes, vf_load_codes(bytes): the next VF_LANES codes, and vf_look_up(table of 32, codes);
 *   vf_sum(v): one value of 16 in 16 / VF_LANES vectors, in the order of repeats.h.
 *
 * Idea: the ratios of residue x to its predecessors are a run of x's row, a row being the ratios of
 * one letter to every residue. So rows are laid out for each letter that occurs, for a span of the
 * sequence at a time, and the passes load runs of them. */
#include "kernels/repeats_register.h"

#include <stdbool.h>
#include <string.h>

/* gcc does not contract under -std=c17; clang does unless told. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

#define PARTS (16 / VF_LANES)

/* Ratios of the letters to the residues turned[base ...]; a letter's row is NULL if it is not in
 * the sequence. */
typedef struct layout {
    int32_t base;
    const float *rows[TAL_REPEATS_CODES];
} layout;

/* Lay out what residues [begin, end) and their predecessors need. */
static void lay_out(const tal_repeats_job *job, const bool *occurs, int32_t begin, int32_t end,
                    float *ratios, layout *out_layout)
{
    const int32_t base = job->len - end;
    const int32_t count = end - begin + job->model->offset_count;
    const size_t stride = tal_repeats_stride(end - begin);
    const float *tables[TAL_REPEATS_CODES];
    int letters = 0;
    out_layout->base = base;
    for (int x = 0; x < TAL_REPEATS_CODES; x++) {
        out_layout->rows[x] = occurs[x] ? ratios + (size_t)letters * stride : NULL;
        if (occurs[x])
            tables[letters++] = job->model->ratio[x];
    }
    for (int32_t at = 0; at < count; at += VF_LANES) {
        const vf_codes codes = vf_load_codes(job->turned + base + at);
        for (int letter = 0; letter < letters; letter++)
            vf_store(ratios + (size_t)letter * stride + at, vf_look_up(tables[letter], codes));
    }
}

static inline const float *find_ratios(const tal_repeats_job *job, const layout *in, int32_t i)
{
    return in->rows[job->turned[job->len - 1 - i]] + (job->len - i - in->base);
}

/* The power of two in a positive number. */
static inline int32_t power_of(float number)
{
    uint32_t bits;
    memcpy(&bits, &number, sizeof(bits));
    return (int32_t)(bits >> 23) - 127;
}

static inline float two_to_the(int32_t power)
{
    const uint32_t bits = (uint32_t)(power + 127) << 23;
    float number;
    memcpy(&number, &bits, sizeof(number));
    return number;
}

#define OFFSETS 16
#include "kernels/repeats_passes_template.h"
#undef OFFSETS
#define OFFSETS 48
#include "kernels/repeats_passes_template.h"
#undef OFFSETS
#define OFFSETS 96
#include "kernels/repeats_passes_template.h"
#undef OFFSETS

static float repeats(const tal_repeats_job *job)
{
    switch (job->model->offset_count) {
    case 16:
        return run_passes_16(job);
    case 48:
        return run_passes_48(job);
    default:
        return run_passes_96(job);
    }
}
