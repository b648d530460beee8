/* How the input files of one load are read: found out by rank 0, known to all ranks. */
#ifndef TAL_SEQ_PLAN_H
#define TAL_SEQ_PLAN_H

#include "comm/comm.h"
#include "seq/load.h"
#include "seq/source.h"

typedef struct tal_load_plan {
    tal_alphabet alphabet;
    bool is_alphabet_guessed;
    tal_source_probe *probes; /* one per path */
    size_t path_count;
    tal_source *first; /* on rank 0: the first file where looking at it must not be lost, or NULL */
} tal_load_plan;

/* Look at all files on rank 0 and guess the alphabet from the first one. `is_first_kept`: leave it
 * open in any case (a pipe is always). Collective; agreed status. */
tal_status tal_load_plan_init(tal_load_plan *plan, tal_comm *comm, const tal_load_params *params,
                              bool is_first_kept);

void tal_load_plan_deinit(tal_load_plan *plan);

/* Where part `part` of `part_count` even parts of `total` begins: part_count gives total. Pure. */
uint64_t tal_load_plan_cut(uint64_t total, uint64_t part, uint64_t part_count);

/* Give every file that is read from its begin a slot in which files are read in turn: the least
 * loaded by stored bytes; pipes slot 0. Others get slot_count. slot_count >= 1. Pure. */
void tal_load_plan_assign_slots(const tal_source_probe *probes, size_t path_count,
                                size_t slot_count, size_t *out_slots, uint64_t *slot_bytes);

/* The rank that serves a slot: spread over the ranks, slot 0 on rank 0. Pure. */
int tal_load_plan_slot_rank(size_t slot, size_t slot_count, int rank_count);

/* An empty info that names the files. */
tal_status tal_set_info_init(tal_set_info *info, const tal_load_params *params);

#endif
