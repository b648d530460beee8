/* What keeping and reading the blocks of a job share. */
#ifndef TAL_DIST_JOB_INTERNAL_H
#define TAL_DIST_JOB_INTERNAL_H

#include "comm/file.h"
#include "dist/job.h"
#include "dist/journal.h"
#include "search/codec.h"

#include <limits.h>

struct tal_job {
    tal_comm *comm;
    char folder[PATH_MAX];
    int lock; /* rank 0: the journal, locked; -1 elsewhere */
    tal_journal journal;
    bool is_known; /* what was in the folder before: `journal` */
    uint64_t resumed_count;
    uint64_t journal_bytes;
    uint64_t segment; /* number of the segment this run writes */
    tal_file *segment_file;
    uint64_t segment_bytes;
    tal_seqset *queries; /* of the block read last */
    tal_buffer bytes;    /* what this rank writes or reads of a block, encoded */
    tal_hit_rows rows;
};

/* `path` has PATH_MAX bytes. */
void tal_job_segment_path(const tal_job *job, uint64_t segment, char *path);

/* Append to the journal. Collective; agreed status. */
tal_status tal_job_append(tal_job *job, const tal_buffer *record);

/* Read this rank's share of a block's pieces, about equal bytes on each, into `bytes`. Collective;
 * agreed status. */
tal_status tal_job_read_share(tal_job *job, const tal_journal_entry *entry);

#endif
