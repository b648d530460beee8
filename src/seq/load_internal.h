/* What the parts of tal_load_partition share: ranges of plain files, chunks of the others. */
#ifndef TAL_SEQ_LOAD_INTERNAL_H
#define TAL_SEQ_LOAD_INTERNAL_H

#include "comm/comm.h"
#include "seq/load.h"
#include "seq/plan.h"

/* What this rank adds to the info of a file; sums over ranks (modulo 2^64). */
typedef struct tal_file_share {
    uint64_t bytes;
    uint64_t sequence_count;
    uint64_t residue_count;
    uint64_t hash;
} tal_file_share;
_Static_assert(sizeof(tal_file_share) == 4 * sizeof(uint64_t), "summed as an array of uint64_t");

/* Consecutive records of the set, of one file: they end where the next segment begins. */
typedef struct tal_segment {
    size_t file;
    tal_lid begin;
    uint64_t ordinal; /* of the first of them in its file */
} tal_segment;

typedef struct tal_loader {
    tal_comm *comm;
    const tal_load_params *params;
    tal_load_plan plan;
    tal_seqset *set;
    tal_file_share *shares; /* one per path */
    tal_buffer segments;    /* tal_segment */
} tal_loader;

/* The records that the set holds from `begin` on are of `file`, the first one its `ordinal`th. */
tal_status tal_loader_add_segment(tal_loader *loader, tal_segment segment);

/* The plain files: each rank its byte ranges. Collective; agreed status. */
tal_status tal_loader_read_ranges(tal_loader *loader);

/* The compressed files and pipes: readers on some ranks feed all. Collective; agreed status. */
tal_status tal_loader_read_chunks(tal_loader *loader);

#endif
