/* How the text of a FASTA file stands around its residues: any bytes, given back as they were.
 * Pure.
 *
 * A record is '>' at the begin of a line, its header up to the end of that line, and its body: the
 * line end, then residues and whatever stands between them (line ends, blanks, comments, bytes that
 * are no letters). What counts as a residue is what seq/fasta.h says. A body is told by its
 * residues and gaps, by which residues are lower case, and by which have another letter than the
 * one of their code.
 */
#ifndef TAL_REDUCE_LAYOUT_H
#define TAL_REDUCE_LAYOUT_H

#include "base/buffer.h"
#include "base/status.h"
#include "seq/alphabet.h"

/* Where a record starts in `text`: the first '>' at the begin of a line from `from` on; `bytes`
 * when there is none. is_line_begin: text[0] begins a line. */
size_t tal_layout_find_record(const uint8_t *text, size_t bytes, size_t from, bool is_line_begin);

/* `run` residues, then a gap of `bytes` bytes at `at` of the body; the last may have no gap. */
typedef struct tal_layout_gap {
    uint64_t run, at, bytes;
} tal_layout_gap;

/* A residue whose letter is not that of its code. */
typedef struct tal_layout_letter {
    uint64_t at;    /* residue */
    uint8_t letter; /* upper case */
} tal_layout_letter;

/* What was found in a body. All zero is empty. */
typedef struct tal_layout_body {
    tal_buffer codes;
    tal_buffer gaps;    /* tal_layout_gap */
    tal_buffer cases;   /* uint64_t: residues upper, then lower, then upper, ... case */
    tal_buffer letters; /* tal_layout_letter */
    bool has_u;         /* nucleotides: T is written U; `letters` are those that differ from that */
} tal_layout_body;

void tal_layout_body_deinit(tal_layout_body *body);

/* Take a body apart; replaces the contents of out_body. */
tal_status tal_layout_parse(tal_alphabet alphabet, const uint8_t *body, size_t bytes,
                            tal_layout_body *out_body);

/* Line ends of a regular body. */
typedef enum tal_line_end {
    TAL_LINE_LF = 0,
    TAL_LINE_CRLF,
    TAL_LINE_CR,
    TAL_LINE_END_COUNT
} tal_line_end;

/* A regular body: a line end, then lines of `width` residues (0: any number), the last one shorter,
 * each with the same line end. */
typedef struct tal_line_shape {
    uint64_t width;
    tal_line_end end;
} tal_line_shape;

/* Whether the gaps of a body are regular, and how; `usual` where that fits. */
bool tal_layout_shape(const tal_layout_body *body, const uint8_t *bytes, tal_line_shape usual,
                      tal_line_shape *out_shape);

/* The letters of a body. */
typedef struct tal_layout_case {
    const uint64_t *cases;
    size_t case_count;
    const tal_layout_letter *letters;
    size_t letter_count;
    bool has_u;
} tal_layout_case;

/* Write the `len` residues of `codes` as letters to `out`. TAL_ERR_DATA without a message when a
 * place lies outside. */
tal_status tal_layout_letters(tal_alphabet alphabet, const tal_layout_case *how,
                              const uint8_t *codes, size_t len, uint8_t *out);

/* Append a regular body of these letters. */
tal_status tal_layout_fold(tal_line_shape shape, const uint8_t *letters, size_t len,
                           tal_buffer *out);

/* Bytes such a body has. */
uint64_t tal_layout_folded_bytes(tal_line_shape shape, uint64_t len);

#endif
