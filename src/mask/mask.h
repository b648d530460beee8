/* Masking: which residues of a sequence are repeats or of low complexity and shall not score.
 *
 * Pure functions of the residues alone, in integers or in arithmetic of a fixed order without
 * fused operations: the same ranges on every rank, thread, instruction set and machine.
 */
#ifndef TAL_MASK_MASK_H
#define TAL_MASK_MASK_H

#include "base/cpu.h"
#include "par/team.h"
#include "seq/seqset.h"

/* tantan (tantan.c): both alphabets; tantan-short looks for repeats of units of up to 16 residues
 * only. SEG (seg.c): proteins. DUST (dust.c): nucleotides. */
typedef enum tal_mask_method {
    TAL_MASK_NONE = 0,
    TAL_MASK_TANTAN,
    TAL_MASK_SEG,
    TAL_MASK_DUST,
    TAL_MASK_TANTAN_SHORT,
    TAL_MASK_METHOD_COUNT,
} tal_mask_method;

/* "none", "tantan", "seg", "dust", "tantan-short". */
const char *tal_mask_name(tal_mask_method method);

/* Whether the method is for sequences of this alphabet. */
bool tal_mask_is_for(tal_mask_method method, tal_alphabet alphabet);

/* What a worker needs; all zero is empty. */
typedef struct tal_mask_scratch {
    tal_buffer bytes, numbers, found, ratios;
    tal_buffer log_factorials;
    tal_buffer model; /* of tantan */
    int model_of;     /* of which method, alphabet and instruction set; 0: none */
} tal_mask_scratch;

void tal_mask_scratch_deinit(tal_mask_scratch *scratch);

/* Half-open. */
typedef struct tal_mask_span {
    int32_t begin, end;
} tal_mask_span;

/* Append the ranges of one sequence to masks (tal_mask_span), rising, apart from each other.
 * The method must be for the alphabet; isa, not above the CPU's best, decides the speed alone.
 * TAL_ERR_MEMORY. Cost: O(len) with 48 (protein), 96 (nucleotides) or 16 (short) steps a residue
 * for tantan, few for the others; SEG beyond: the square of a segment's length. */
tal_status tal_mask_find(tal_mask_method method, tal_isa isa, tal_alphabet alphabet,
                         const uint8_t *codes, int32_t len, tal_mask_scratch *scratch,
                         tal_buffer *masks);

/* Mask the sequences of a set that is not masked yet. Threads: main, with the team. */
tal_status tal_mask_set(tal_team *team, tal_mask_method method, tal_isa isa, tal_seqset *set);

#endif
