/* A reduced set's file from a loaded input and who stands for whom.
 *
 * Residues go by the cluster order, text by the input order; both are cut into blocks by what lies
 * before, never by ranks, so the file does not depend on them.
 */
#ifndef TAL_STORE_PACK_H
#define TAL_STORE_PACK_H

#include "par/team.h"
#include "reduce/assignment.h"
#include "store/container.h"

typedef struct tal_pack_params {
    const char *path;
    const char *folder; /* of the temporary file; NULL: that of `path` */
    bool is_forced;
    const tal_seqset *set; /* this rank's share, by tal_load_partition */
    const tal_set_info *info;
    const tal_assignment *assignment; /* of the set */
    /* The first files of `info` are those of this container and their records stand for each other
     * as in it: their text is taken from it. NULL: none. */
    tal_container *base;
    const tal_matrix *matrix;
    const tal_result_attribute *parameters; /* stored as they are */
    size_t parameter_count;
    const tal_result_attribute *results; /* go to the summary, TAL_PACK_RESULT_MAX at most */
    size_t result_count;
    uint64_t memory_bytes; /* that the process may have in all: fewer blocks are in work at once; 0:
                            * any */
} tal_pack_params;

enum { TAL_PACK_RESULT_MAX = 16 };

typedef struct tal_pack_summary {
    uint64_t text_bytes; /* of the input, uncompressed */
    uint64_t bytes;      /* of the file */
} tal_pack_summary;

/* May the input be packed? It is read twice: TAL_ERR_USAGE for standard input and pipes. Not
 * collective. */
tal_status tal_pack_check_input(const char *path);

/* Put the files and counts of `base` before those of `info`. TAL_ERR_MEMORY leaves it as it was. */
tal_status tal_pack_join_info(const tal_container *base, tal_set_info *info);

/* Write the file. Files that are not in `base` are read once more: TAL_ERR_DATA when it is not what
 * was loaded. Memory: the packed blocks twice, some 128 MiB or what the limit leaves, and the
 * longest record's text. TAL_ERR_MEMORY when that leaves nothing. Collective; agreed status. */
tal_status tal_pack(tal_comm *comm, tal_team *team, const tal_pack_params *params,
                    tal_pack_summary *out_summary);

#endif
