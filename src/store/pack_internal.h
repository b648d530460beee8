/* What the parts of packing share: the order (pack_order.c), residues (pack_residues.c), text
 * (pack_text.c, from pack_span.c).
 */
#ifndef TAL_STORE_PACK_INTERNAL_H
#define TAL_STORE_PACK_INTERNAL_H

#include "reduce/text_block.h"
#include "store/pack.h"

enum {
    TAL_PACK_BLOCK_RESIDUES = 256 << 10, /* of members; a block has more where one record does */
    TAL_PACK_STRETCH_MIN = 16 << 10, /* members that end a block where their representatives do */
    TAL_PACK_BLOCK_TEXT = 256 << 10,
    TAL_PACK_ROUND_BLOCKS = 64, /* blocks of a rank that are in work together, at most */
    /* What a residue takes in work: sent and received, with edits, and packed. */
    TAL_PACK_MEMBER_BYTES = 8,
    TAL_PACK_REPRESENTATIVE_BYTES = 4,
    TAL_PACK_DICTIONARY_BYTES = 1 << 20,
};
/* Representatives profit from longer blocks, for they have nothing else to lean on: twice as long
 * for proteins, four times for nucleotides, which are relatives of each other more often. Longer
 * ones save more (16 times: a fifth of the viral genomes), but a record takes as long as its block.
 */
enum { TAL_PACK_BLOCK_PROTEINS = 2, TAL_PACK_BLOCK_NUCLEOTIDES = 4 };

/* Where a record of this rank's share stands. */
typedef struct tal_pack_place {
    tal_text_place place;
    uint64_t residues_before; /* of the representatives, or of the members in cluster order */
    uint64_t member_count;    /* of its cluster */
    uint64_t first_member, last_member; /* residues_before of these; where there are members */
} tal_pack_place;

/* The cluster order. */
typedef struct tal_pack_order {
    tal_pack_place *places; /* by lid */
    uint64_t record_count;
    uint64_t cluster_count;
    uint64_t residue_totals[2]; /* of representatives, of members */
    /* Places by gid: this rank is home to [home_begin, home_begin + home_count). */
    uint64_t home_begin, home_count, home_share;
    tal_text_place *home_places;
} tal_pack_order;

/* Collective; agreed status. */
tal_status tal_pack_order_create(tal_comm *comm, const tal_pack_params *params,
                                 tal_pack_order *out_order);
void tal_pack_order_deinit(tal_pack_order *order);

/* Pack representatives, then members. Collective; agreed status. */
tal_status tal_pack_residues(tal_comm *comm, tal_team *team, const tal_pack_params *params,
                             const tal_pack_order *order, tal_container_writer *writer);

/* Headers of clusters with members, the same on every rank: what text blocks are packed against.
 * Collective; agreed status. */
tal_status tal_pack_dictionary(tal_comm *comm, const tal_pack_params *params,
                               const tal_pack_order *order, tal_buffer *out_dictionary);

/* Pack the text of all files; out_file_bytes has one entry a file. Collective; agreed status. */
tal_status tal_pack_text(tal_comm *comm, tal_team *team, const tal_pack_params *params,
                         const tal_pack_order *order, const tal_buffer *dictionary,
                         tal_container_writer *writer, uint64_t *out_file_bytes);

/* The text of a file in spans of whole records, a span a rank at a time, in rank order. */
typedef struct tal_spans tal_spans;

typedef struct tal_span {
    const uint8_t *text;
    size_t bytes;
    uint64_t begin;       /* offset of the text in the file */
    size_t content_begin; /* where a first record may stand: behind a byte order mark */
    uint64_t window_begin, window_end; /* records that begin in these windows of
                                          TAL_PACK_BLOCK_TEXT bytes are in it */
} tal_span;

/* Collective; agreed status. */
tal_status tal_spans_open(tal_comm *comm, const char *path, int reader_rank, tal_spans **out_spans);

/* The next span of this rank, empty where it has none; *out_is_end: no rank has any more. Valid
 * until the next call. Collective; agreed status. */
tal_status tal_spans_next(tal_spans *spans, tal_span *out_span, bool *out_is_end);

/* Bytes of the whole file, uncompressed, once the end was met. */
uint64_t tal_spans_bytes(const tal_spans *spans);

/* Accepts NULL. Collective. */
void tal_spans_close(tal_spans *spans);

#endif
