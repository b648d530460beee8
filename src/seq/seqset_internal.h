/* What a set of sequences is made of. */
#ifndef TAL_SEQ_SEQSET_INTERNAL_H
#define TAL_SEQ_SEQSET_INTERNAL_H

#include "seq/seqset.h"

struct tal_seqset {
    tal_alphabet alphabet;
    tal_lid count;
    size_t capacity;         /* of the arrays below, in sequences */
    uint64_t *residue_begin; /* capacity + 1 entries */
    uint64_t *header_begin;  /* capacity + 1 entries; headers end with NUL */
    tal_gid *gids;
    tal_buffer residues;
    tal_buffer headers;
    tal_buffer masks; /* tal_mask_range, rising */
    tal_buffer kept;  /* codes of masked residues, range by range */
};

/* Resize the per-sequence arrays; on failure each array is at least as large as before. */
tal_status tal_seqset_resize(tal_seqset *set, size_t capacity);

#endif
