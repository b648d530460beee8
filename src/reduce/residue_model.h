/* Sequences coded on their own: predicted by the last few residues and by what followed the last
 * place that read alike. Nucleotides are left to reduce/base_model.h.
 *
 * Context mixing as in lpaq (M. Mahoney, 2007) over residues instead of bytes: adaptive
 * probabilities of several orders and a match model that tolerates substitutions (as the
 * substitution tolerant context models of GeCo, D. Pratas et al., 2016), weighed by an online
 * logistic mixer. Integers only.
 */
#ifndef TAL_REDUCE_RESIDUE_MODEL_H
#define TAL_REDUCE_RESIDUE_MODEL_H

#include "reduce/range_coder.h"
#include "seq/alphabet.h"

typedef struct tal_residue_model tal_residue_model;

/* About 1 MiB for proteins; for nucleotides see base_model.h. Threads: each its own. */
tal_status tal_residue_model_create(tal_alphabet alphabet, tal_residue_model **out_model);

/* Accepts NULL. */
void tal_residue_model_destroy(tal_residue_model *model);

/* Forget what was learned: at the begin of every block of about `residues` (decoding: of no more
 * than `residues`, else TAL_ERR_DATA without a message). TAL_ERR_MEMORY. */
tal_status tal_residue_model_begin(tal_residue_model *model, tal_coder *coder, uint64_t residues);

/* Code residues[begin, end): read when encoding, filled in when decoding, always with codes below
 * TAL_CODE_COUNT. All before `begin` were coded since the model began, in order; the array may have
 * moved. end < 2^32. */
void tal_residue_model_code(tal_residue_model *model, tal_coder *coder, uint8_t *residues,
                            size_t begin, size_t end);

/* Whether all are codes of letters: what is asked of decoded residues. */
bool tal_codes_are_letters(tal_alphabet alphabet, const uint8_t *codes, size_t len);

#endif
