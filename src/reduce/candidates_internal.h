/* What the search for candidates and its parts share; see groups.c, candidates.c, degrees.c and
 * parts.c. */
#ifndef TAL_REDUCE_CANDIDATES_INTERNAL_H
#define TAL_REDUCE_CANDIDATES_INTERNAL_H

#include "reduce/outbox.h"
#include "reduce/reduction.h"
#include "reduce/sort.h"

enum {
    TAL_PART_BUCKETS = 256,
    TAL_GROUP_SCAN = 64, /* of a group looked at for lengths that fit */
};

/* How a round is cut into parts: buckets of sequences that follow one another by priority, about
 * equally many in each, and what each takes. */
typedef struct tal_parts {
    bool is_measured;                 /* else: one part, which fits whatever it takes */
    uint64_t ends[TAL_PART_BUCKETS];  /* priorities, rising */
    uint64_t costs[TAL_PART_BUCKETS]; /* bytes of the rank that takes most */
    /* Likewise, of representatives of other ranks; all parts together have no more than there is.
     */
    uint64_t ghosts[TAL_PART_BUCKETS];
    _Atomic uint64_t *counts; /* pairs, by the rank they go to, then by bucket */
    size_t next;              /* bucket that the next part begins with */
    uint64_t kmer_bytes; /* of one pass, while they are gathered, of the rank that takes most */
} tal_parts;

/* Do something with a group: sequences that share a k-mer, in order of priority. Threads: any. */
typedef tal_status (*tal_group_function)(tal_candidate_search *search, int worker,
                                         const tal_sort_record *group, size_t count);

struct tal_candidate_search {
    tal_reduction *self;
    const tal_seed *seed;
    tal_kmer_reader reader;
    uint64_t pass, pass_count;
    tal_buffer *kmers; /* one per worker */
    tal_outbox outbox;
    tal_buffer tuple_bytes; /* the k-mers of pass `gathered`, sorted */
    uint64_t gathered;      /* UINT64_MAX: none */
    const tal_sort_record *tuples;
    size_t tuple_count;
    tal_group_function function; /* what units do with their groups */
    tal_parts parts;
    uint64_t part_begin; /* priority; the part ends with the reduction's part_end */
    const tal_sort_record *pairs;
    size_t pair_count;
    tal_candidate *found; /* by place among the pairs */
};

tal_status tal_candidate_search_init(tal_candidate_search *search, tal_reduction *self,
                                     const tal_seed *seed);
void tal_candidate_search_deinit(tal_candidate_search *search);

/* The length of the sequence that a k-mer of a group is of. */
static inline int64_t tal_tuple_len(const tal_sort_record *tuple)
{
    return (int64_t)(tuple->rest >> 32);
}

/* Do something with every group of the pass; its k-mers are gathered when they are not there.
 * Collective; agreed status. */
tal_status tal_groups_each(tal_candidate_search *search, tal_group_function function);

/* Forget the k-mers of the pass. */
void tal_groups_drop(tal_candidate_search *search);

/* Sort what `records` holds by keys times `scale`; the result replaces it. */
tal_status tal_groups_sort(const tal_candidate_search *search, tal_buffer *records, uint64_t scale);

/* Passes over hash space that keep to `room` bytes. TAL_ERR_MEMORY when a limit would need too
 * many. Collective; agreed status. */
tal_status tal_parts_choose_passes(tal_candidate_search *search, uint64_t room);

/* Choose passes, and whether parts are needed: then the buckets, whose pairs are to be counted.
 * Collective; agreed status. */
tal_status tal_parts_plan(tal_candidate_search *search);
void tal_parts_deinit(tal_parts *parts);

/* `count` more pairs go to `rank`. Threads: any. */
static inline void tal_parts_count(tal_parts *parts, size_t bucket, uint64_t rank, uint64_t count)
{
    if (count > 0)
        (void)atomic_fetch_add_explicit(&parts->counts[rank * TAL_PART_BUCKETS + bucket], count,
                                        memory_order_relaxed); /* Read when the team is through. */
}

/* All pairs are counted: what buckets take. Collective; agreed status. */
tal_status tal_parts_sum(tal_candidate_search *search);

/* Choose the next part by the memory that is left now: as many buckets as fit. TAL_ERR_MEMORY when
 * not even one fits under a limit. Collective; agreed status. */
tal_status tal_parts_next(tal_candidate_search *search, bool *out_is_last);

#endif
