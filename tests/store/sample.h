/* Results for tests: built in memory, written by any number of ranks, compared with what is read.
 */
#ifndef TAL_TESTS_STORE_SAMPLE_H
#define TAL_TESTS_STORE_SAMPLE_H

#include "base/buffer.h"
#include "store/result.h"

enum { SAMPLE_BLOCKS = 3 };

typedef struct sample {
    tal_alphabet alphabet;
    tal_seqset *queries[SAMPLE_BLOCKS];
    tal_buffer hits[SAMPLE_BLOCKS], cigars[SAMPLE_BLOCKS], letters[SAMPLE_BLOCKS];
    tal_seqset *references; /* all, gids rising */
    const tal_result_attribute *parameters;
    size_t parameter_count;
} sample;

void sample_init(sample *content, tal_alphabet alphabet);
void sample_deinit(sample *content);

/* Append to a block; blocks are filled in order, hits in order of queries. */
void sample_add_query(sample *content, int block, const char *header, const char *letters);
void sample_add_reference(sample *content, tal_gid gid, const char *header, int32_t len);
/* Counts of columns, identities and so on are taken from the path, "10=1X2I" as in SAM. */
void sample_add_hit(sample *content, int block, tal_hit hit, const char *path, const char *letters);

/* Random content: names of all kinds, `query_count` queries a block, up to `hit_max` hits each. */
void sample_fill(sample *content, int query_count, int hit_max);

/* Write it; failures of create, append and finish are returned. Collective. */
tal_status sample_write(tal_comm *comm, const sample *content, const char *path, bool is_forced);

/* Compare a file with the content, reading pages of `hit_limit` hits. Number of differences. */
int sample_compare(const sample *content, const char *path, size_t hit_limit);

#endif
