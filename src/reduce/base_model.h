/* Nucleotides coded on their own: predicted by the last few bases, and by what followed places that
 * read alike, on either strand.
 *
 * Mixed are counts by the last 2, 8, 11 and 16 bases and three matches that go on over
 * substitutions (as the expert models of XM, M. D. Cao et al., 2007, and the substitution tolerant
 * context models of GeCo, D. Pratas et al., 2016): of at least 32 bases, of 16 elsewhere, and of 20
 * on the other strand. While the first holds for long, a base is one flag, whether it goes on:
 * relatives are coded and decoded several times as fast as other sequences.
 */
#ifndef TAL_REDUCE_BASE_MODEL_H
#define TAL_REDUCE_BASE_MODEL_H

#include "reduce/range_coder.h"

typedef struct tal_base_model tal_base_model;

/* Small until it begins. Threads: each its own. */
tal_status tal_base_model_create(tal_base_model **out_model);

/* Accepts NULL. */
void tal_base_model_destroy(tal_base_model *model);

/* Forget what was learned and make room for `residues`: 28 bytes each, from 0.6 to 28 MiB in all.
 * Encoding, the room is coded; decoding, it is read: TAL_ERR_DATA without a message when it is more
 * than for `residues`. */
tal_status tal_base_model_begin(tal_base_model *model, tal_coder *coder, uint64_t residues);

/* As tal_residue_model_code. */
void tal_base_model_code(tal_base_model *model, tal_coder *coder, uint8_t *residues, size_t begin,
                         size_t end);

#endif
