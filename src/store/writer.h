/* What the parts of the writer share: what all use (writer.c), blocks (append.c), the end
 * (finish.c). */
#ifndef TAL_STORE_WRITER_H
#define TAL_STORE_WRITER_H

#include "base/buffer.h"
#include "store/h5.h"
#include "store/partial.h"
#include "store/result.h"
#include "store/schema.h"

struct tal_result_writer {
    tal_comm *comm;
    tal_partial *partial;
    hid_t file;                       /* negative until open */
    hid_t transfer;                   /* collective transfers */
    hid_t dataset[TAL_DATASET_COUNT]; /* negative until created */
    uint64_t rows[TAL_ROWS_COUNT];    /* written so far, all ranks */
    uint64_t raw_end;                 /* bytes of the file up to the end of its last data */
    tal_buffer scratch;               /* one column of this rank's share */
};

/* This rank's share of rows of one kind: `count` rows of `total`, `begin` written before them. */
typedef struct tal_rows_share {
    uint64_t begin, count, total;
} tal_rows_share;

/* Create the HDF5 file in writer->partial. Collective; agreed status. */
tal_status tal_writer_open(tal_result_writer *writer);

/* Where the space allocated to a dataset ends; 0 when it has none. False when HDF5 fails. */
bool tal_writer_find_end(hid_t dataset, tal_store_type type, uint64_t *out_end);

/* Place the ranks' `count` rows one after the other behind what is written. Collective. */
tal_rows_share tal_writer_share(tal_result_writer *writer, tal_rows rows, uint64_t count);

/* Write `count` rows from row `begin` on; ranks may give none. Collective; agreed status. */
tal_status tal_writer_write(tal_result_writer *writer, hid_t dataset, tal_store_type type,
                            uint64_t begin, uint64_t count, const void *data);

/* Write the share of an offsets dataset: `ends` has share->count + 1 entries, ends[0] is where the
 * first thing of the share begins. Collective; agreed status. */
tal_status tal_writer_write_offsets(tal_result_writer *writer, tal_dataset id,
                                    const tal_rows_share *share, const uint64_t *ends);

/* Get the disk space for all that has been allocated in the file, and `more` bytes. Collective;
 * agreed status. */
tal_status tal_writer_reserve(tal_result_writer *writer, uint64_t more);

/* Close everything; the status of the last flush. Collective; agreed status. */
tal_status tal_writer_close(tal_result_writer *writer, bool is_kept);

/* Room for `count` elements of `bytes` in the scratch buffer. */
tal_status tal_writer_scratch(tal_result_writer *writer, size_t count, size_t bytes);

#endif
