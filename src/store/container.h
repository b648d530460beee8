/* The file of a reduced set: packed blocks with their index, written by all ranks together, read by
 * each process on its own. What blocks hold: reduce/residue_block.h, reduce/text_block.h; the
 * layout: container_schema.h.
 */
#ifndef TAL_STORE_CONTAINER_H
#define TAL_STORE_CONTAINER_H

#include "base/buffer.h"
#include "comm/comm.h"
#include "reduce/residue_block.h"
#include "score/matrix.h"
#include "seq/load.h"
#include "store/container_schema.h"
#include "store/result.h"

typedef struct tal_block {
    uint64_t place;            /* blocks of a kind are in rising order of it; gaps are fine */
    uint64_t count;            /* representatives, members or records */
    uint64_t amount;           /* residues, or bytes of text */
    uint64_t cluster, ordinal; /* see the columns; for text `cluster`: clusters that begin in it */
    tal_hash packed, content;
    uint64_t byte_count;
} tal_block;

typedef struct tal_container_writer tal_container_writer;

/* Blocks are kept in memory, packed, until the end. */
tal_status tal_container_writer_create(tal_comm *comm, tal_container_writer **out_writer);

/* Accepts NULL. */
void tal_container_writer_destroy(tal_container_writer *writer);

/* Keep a block (on any rank, in any order); its hash of packed bytes and byte_count are filled in.
 * Copies the bytes. Not collective. */
tal_status tal_container_add(tal_container_writer *writer, tal_block_kind kind, tal_block block,
                             const uint8_t *bytes, size_t byte_count);

/* What is known at the end; the same on every rank but the dictionary, which rank 0 gives. */
typedef struct tal_container_closing {
    const char *path;
    const char *folder; /* of the temporary file; NULL: that of `path` */
    bool is_forced;
    tal_alphabet alphabet;
    const tal_matrix *matrix;
    const tal_set_info *info;     /* paths and records of the files */
    const uint64_t *file_bytes;   /* uncompressed, one a file */
    const tal_buffer *dictionary; /* packed */
    const tal_result_attribute *parameters;
    size_t parameter_count;
    const tal_result_attribute *summary;
    size_t summary_count;
} tal_container_closing;

/* Write all blocks to a temporary file and rename it to `path`; nothing is left on failure. The
 * blocks are gone after. out_bytes: of the file. Collective; agreed status. */
tal_status tal_container_finish(tal_container_writer *writer, const tal_container_closing *closing,
                                uint64_t *out_bytes);

/* Reading. All of the index is held. Threads: one at a time. */
typedef struct tal_container tal_container;

tal_status tal_container_open(const char *path, tal_container **out_container);

/* Accepts NULL. */
void tal_container_close(tal_container *container);

const char *tal_container_path(const tal_container *container);
tal_alphabet tal_container_alphabet(const tal_container *container);

/* The stored scores, with the name they were chosen by. */
const tal_matrix *tal_container_matrix(const tal_container *container);

/* An attribute of /parameters or /summary as text; false when there is none. */
bool tal_container_find_attribute(const tal_container *container, const char *group,
                                  const char *name, char *text, size_t bytes);

size_t tal_container_block_count(const tal_container *container, tal_block_kind kind);

/* Things of all blocks of a kind; what they come to. */
uint64_t tal_container_count(const tal_container *container, tal_block_kind kind);
uint64_t tal_container_amount(const tal_container *container, tal_block_kind kind);

/* The index row of a block; where its things, its amount and, for text, its clusters begin. */
tal_block tal_container_block(const tal_container *container, tal_block_kind kind, size_t idx);
typedef struct tal_block_begin {
    uint64_t count, amount, cluster;
} tal_block_begin;
tal_block_begin tal_container_block_begin(const tal_container *container, tal_block_kind kind,
                                          size_t idx);

/* The block that holds thing `number` (below the count) of its kind. */
size_t tal_container_find_block(const tal_container *container, tal_block_kind kind,
                                uint64_t number);

/* The block that holds member `ordinal` of `cluster`, if there is such. */
size_t tal_container_find_member(const tal_container *container, uint64_t cluster,
                                 uint64_t ordinal);

/* The packed bytes of a block replace the contents of `out`. Their hash is checked: TAL_ERR_DATA
 * names the block. */
tal_status tal_container_read(tal_container *container, tal_block_kind kind, size_t idx,
                              tal_buffer *out);

/* Record "cannot read 'x.h5': block 3 of members (..) is damaged: <what>". TAL_ERR_DATA. */
tal_status tal_container_damaged(const tal_container *container, tal_block_kind kind, size_t idx,
                                 const char *what);

/* The dictionary of text blocks, unpacked. */
const tal_buffer *tal_container_dictionary(const tal_container *container);

/* An input file. */
typedef struct tal_container_input {
    const char *path;
    uint64_t bytes, records;
    uint64_t text_begin; /* bytes of the files before */
    tal_hash hash;
} tal_container_input;

size_t tal_container_input_count(const tal_container *container);
tal_container_input tal_container_get_input(const tal_container *container, size_t idx);

#endif
