/* What encoding and decoding of text blocks share. Internal to src/reduce. */
#ifndef TAL_REDUCE_TEXT_INTERNAL_H
#define TAL_REDUCE_TEXT_INTERNAL_H

#include "reduce/header_code.h"
#include "reduce/range_coder.h"
#include "reduce/text_block.h"

#include <zstd.h>

/* The best that zstd gives at a bearable cost, and room to look back over dictionary and block. */
enum { TAL_TEXT_LEVEL = 19 };

struct tal_text_dictionary {
    ZSTD_CDict *encoding;
    ZSTD_DDict *decoding;
};

/* How a record's body is given. */
typedef enum tal_body_kind { TAL_BODY_SAME_SHAPE, TAL_BODY_NEW_SHAPE, TAL_BODY_GAPS } tal_body_kind;

/* A number that is often what it was the last time. */
typedef struct tal_usual {
    tal_bit is_same[2];
    tal_number number;
} tal_usual;

/* What numbers and flags of a block are coded with. */
typedef struct tal_text_models {
    tal_number growth[2];
    tal_usual prefix[2], bridge, suffix;
    tal_bit is_first[8], is_representative[2][4];
    tal_number cluster_step, ordinal_step;
    tal_bit kind[3][4];
    tal_number width;
    tal_bit line_end[4];
    tal_bit has_case[4], has_letters[2], has_u[2];
    tal_number case_count, case_run[2], letter_count, letter_gap;
    tal_bit letter[256];
    tal_number preamble;
} tal_text_models;

/* What changes from record to record. */
typedef struct tal_text_state {
    uint64_t cluster_next; /* number of the next cluster that begins */
    tal_text_place last;   /* of the last record whose cluster had begun; a member's ordinal */
    uint64_t prefix[2], bridge, suffix;
    unsigned same_prefix[2], same_bridge, same_suffix;
    tal_line_shape shape;
    unsigned kind, growth, firsts, representatives, cases, letters, u;
} tal_text_state;

struct tal_text_codec {
    tal_alphabet alphabet;
    const tal_text_dictionary *dictionary;
    ZSTD_CCtx *packer;
    ZSTD_DCtx *unpacker;
    tal_text_models models;
    tal_layout_body body;
    tal_buffer fresh, gaps;
};

void tal_text_models_reset(tal_text_models *models);

/* Code the pieces of a header, but its new text. */
void tal_text_code_header(tal_text_models *models, tal_coder *coder, tal_text_state *state,
                          tal_header_code *code);

/* Code where a record's residues are. */
void tal_text_code_place(tal_text_models *models, tal_coder *coder, tal_text_state *state,
                         tal_text_place *place);

/* Code the kind of a body, and its shape where that is new. */
void tal_text_code_kind(tal_text_models *models, tal_coder *coder, tal_text_state *state,
                        tal_body_kind *kind, tal_line_shape *shape);

#endif
