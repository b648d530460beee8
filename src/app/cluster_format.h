/* Clusters as text, row by row; see reduce/clusters.h for their order. */
#ifndef TAL_APP_CLUSTER_FORMAT_H
#define TAL_APP_CLUSTER_FORMAT_H

#include "reduce/clusters.h"

/* Representative and record, separated by a tab. */
tal_status tal_cluster_format_table(const tal_cluster_row *row, tal_alphabet alphabet,
                                    tal_buffer *text);

/* CD-HIT's: '>Cluster 0', then number, length, identifier, and '*' or identity. */
tal_status tal_cluster_format_clstr(const tal_cluster_row *row, tal_alphabet alphabet,
                                    tal_buffer *text);

/* UCLUST's: S for a representative, H for a member, C after the last of a cluster; no CIGAR. */
tal_status tal_cluster_format_uc(const tal_cluster_row *row, tal_alphabet alphabet,
                                 tal_buffer *text);

#endif
