/* FASTA as odd as it is legal, made together with the records that it holds. */
#ifndef TAL_TESTS_SEQ_TORTURE_H
#define TAL_TESTS_SEQ_TORTURE_H

#include "base/buffer.h"
#include "seq/seqset.h"

#include <stdbool.h>

typedef struct torture_params {
    tal_alphabet alphabet;
    size_t record_count;
    int64_t len_max;     /* residues of a record */
    bool is_plain_style; /* tidy: one kind of line end, no comments or blanks */
    bool has_mark;       /* a UTF-8 byte order mark */
} torture_params;

/* Append the file to `text` and its records to `records`; uses the harness's random numbers. */
void torture_make(const torture_params *params, tal_buffer *text, tal_seqset *records);

/* Whether both hold the same headers and residues in the same order. */
bool torture_is_same(const tal_seqset *a, const tal_seqset *b);

/* `text` as gzip or zstd, in `member_count` members or frames. */
void torture_gzip(const tal_buffer *text, size_t member_count, tal_buffer *out);
void torture_zstd(const tal_buffer *text, size_t frame_count, tal_buffer *out);

#endif
