/* The clusters of an assignment as rows in one order, dealt to ranks, and text made of them. */
#ifndef TAL_REDUCE_CLUSTERS_H
#define TAL_REDUCE_CLUSTERS_H

#include "comm/comm.h"
#include "reduce/assignment.h"
#include "seq/seqset.h"

/* One record. Rows are ordered by representative, which comes first in its cluster, then by
 * record: input order. */
typedef struct tal_cluster_row {
    tal_gid representative, record;
    uint64_t cluster;      /* number of the cluster, from 0 in order */
    uint64_t cluster_size; /* records */
    uint64_t number;       /* of the row in its cluster; 0: the representative */
    tal_certificate certificate;
    const char *id; /* the identifier that begins the header */
    const char *representative_id;
    int32_t len;
    bool is_reverse;
} tal_cluster_row;

typedef struct tal_clusters tal_clusters;

/* Bring the rows of each cluster together on one rank, clusters in order over the ranks.
 * `record_count` is that of the whole input. Collective; agreed status. */
tal_status tal_clusters_gather(tal_comm *comm, const tal_seqset *set,
                               const tal_assignment *assignment, uint64_t record_count,
                               tal_clusters **out_clusters);

/* Accepts NULL. */
void tal_clusters_destroy(tal_clusters *clusters);

/* Rows of this rank. */
size_t tal_clusters_count(const tal_clusters *clusters);

/* Clusters over all ranks by size: out_counts[k] of sizes above 2^(k - 1) up to 2^k, k < 64.
 * Collective. */
void tal_clusters_histogram(tal_comm *comm, const tal_clusters *clusters, uint64_t out_counts[64]);

/* View; idx < count. */
tal_cluster_row tal_clusters_row(const tal_clusters *clusters, size_t idx);

/* Append a row as text. */
typedef tal_status (*tal_cluster_format)(const tal_cluster_row *row, tal_alphabet alphabet,
                                         tal_buffer *text);

/* Write all rows of all ranks, in order, as `path`, through a temporary name. Collective; agreed
 * status. */
tal_status tal_clusters_write(tal_comm *comm, const tal_clusters *clusters,
                              tal_cluster_format format, tal_alphabet alphabet, const char *path);

#endif
