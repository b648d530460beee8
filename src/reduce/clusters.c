/* Clusters in order; see clusters.h.
 *
 * Rows travel to the rank whose share of the input holds the representative's place, so that every
 * cluster is whole on one rank and ranks follow one another in order.
 */
#include "reduce/clusters.h"

#include "base/alloc.h"
#include "comm/file.h"
#include "reduce/outbox.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE_BYTES = 1 << 20 }; /* of text that is made at a time */

/* A row on its way; the identifier follows, padded to 8 bytes. */
typedef struct row_head {
    tal_gid representative, record;
    tal_certificate certificate;
    int32_t len;
    uint32_t is_reverse;
    uint32_t id_bytes;
} row_head;
_Static_assert(sizeof(row_head) == 56, "travels between ranks");

typedef struct row {
    tal_gid representative, record;
    size_t at; /* of its head in `data` */
    uint64_t cluster, cluster_size;
    size_t first; /* row of the representative */
} row;

struct tal_clusters {
    tal_buffer data; /* heads, identifiers ended by NUL */
    row *rows;
    size_t count;
};

void tal_clusters_destroy(tal_clusters *clusters)
{
    if (clusters == NULL)
        return;
    tal_buffer_deinit(&clusters->data);
    tal_free(clusters->rows);
    tal_free(clusters);
}

static tal_status send_rows(const tal_seqset *set, const tal_assignment *assignment,
                            uint64_t record_count, uint64_t rank_count, tal_outbox *outbox)
{
    static const uint8_t zeros[8];
    tal_status status = TAL_OK;
    for (tal_lid lid = 0; status == TAL_OK && lid < tal_seqset_count(set); lid++) {
        const tal_assigned assigned = tal_assignment_get(assignment, lid);
        const char *header = tal_seqset_header(set, lid);
        const row_head head = {
            .representative = assigned.representative,
            .record = tal_seqset_gid(set, lid),
            .certificate = assigned.certificate,
            .len = tal_seqset_len(set, lid),
            .is_reverse = assigned.is_reverse,
            .id_bytes = (uint32_t)tal_header_id_bytes(header),
        };
        /* Shares of input order; both factors are far below 2^44 and 2^20. */
        uint64_t rank = head.representative * rank_count / record_count;
        tal_buffer *out = tal_outbox_at(outbox, 0, rank);
        status = tal_buffer_append(out, &head, sizeof(head));
        if (status == TAL_OK)
            status = tal_buffer_append(out, header, head.id_bytes);
        if (status == TAL_OK) /* The end of the text, and padding. */
            status = tal_buffer_append(out, zeros, 8 - out->bytes % 8);
    }
    return status;
}

static int compare_rows(const void *left, const void *right)
{
    const row *a = left;
    const row *b = right;
    if (a->representative != b->representative)
        return a->representative < b->representative ? -1 : 1;
    bool a_first = a->record == a->representative;
    bool b_first = b->record == b->representative;
    if (a_first != b_first)
        return a_first ? -1 : 1;
    return (a->record > b->record) - (a->record < b->record);
}

static size_t row_bytes(const row_head *head)
{
    size_t bytes = sizeof(*head) + head->id_bytes;
    return bytes + (8 - bytes % 8);
}

static tal_status list_rows(tal_clusters *clusters)
{
    row_head head;
    size_t count = 0;
    for (size_t at = 0; at < clusters->data.bytes; at += row_bytes(&head), count++)
        memcpy(&head, clusters->data.data + at, sizeof(head));
    clusters->rows = tal_alloc_array(count, sizeof(*clusters->rows));
    if (clusters->rows == NULL)
        return TAL_ERR_MEMORY;
    for (size_t at = 0; at < clusters->data.bytes; at += row_bytes(&head)) {
        memcpy(&head, clusters->data.data + at, sizeof(head));
        clusters->rows[clusters->count++] =
            (row){.representative = head.representative, .record = head.record, .at = at};
    }
    if (count > 0)
        qsort(clusters->rows, count, sizeof(*clusters->rows), compare_rows);
    return TAL_OK;
}

/* Numbers and sizes; clusters of lower ranks come before. Collective. */
static void number_clusters(tal_comm *comm, tal_clusters *clusters)
{
    uint64_t count = 0;
    for (size_t i = 0; i < clusters->count; i++)
        count += i == 0 || clusters->rows[i].representative != clusters->rows[i - 1].representative;
    uint64_t number = tal_comm_prefix_u64(comm, count);
    for (size_t begin = 0; begin < clusters->count; number++) {
        size_t end = begin + 1;
        while (end < clusters->count &&
               clusters->rows[end].representative == clusters->rows[begin].representative)
            end++;
        for (size_t i = begin; i < end; i++) {
            clusters->rows[i].cluster = number;
            clusters->rows[i].cluster_size = end - begin;
            clusters->rows[i].first = begin;
        }
        begin = end;
    }
}

tal_status tal_clusters_gather(tal_comm *comm, const tal_seqset *set,
                               const tal_assignment *assignment, uint64_t record_count,
                               tal_clusters **out_clusters)
{
    const size_t rank_count = (size_t)tal_comm_size(comm);
    tal_outbox outbox = {0};
    tal_clusters *clusters = tal_alloc_zero(sizeof(*clusters));
    tal_status status = clusters == NULL ? TAL_ERR_MEMORY : tal_outbox_init(&outbox, 1, rank_count);
    if (status == TAL_OK)
        status = send_rows(set, assignment, record_count, rank_count, &outbox);
    status = tal_comm_agree(comm, status);
    if (status == TAL_OK)
        status = tal_outbox_exchange(&outbox, comm, &clusters->data, NULL);
    if (status == TAL_OK)
        status = tal_comm_agree(comm, list_rows(clusters));
    tal_outbox_deinit(&outbox);
    if (status != TAL_OK) {
        tal_clusters_destroy(clusters);
        return status;
    }
    number_clusters(comm, clusters);
    *out_clusters = clusters;
    return TAL_OK;
}

size_t tal_clusters_count(const tal_clusters *clusters)
{
    return clusters->count;
}

void tal_clusters_histogram(tal_comm *comm, const tal_clusters *clusters, uint64_t out_counts[64])
{
    memset(out_counts, 0, 64 * sizeof(*out_counts));
    for (size_t i = 0; i < clusters->count; i += clusters->rows[i].cluster_size) {
        int bin = 0;
        while (bin < 63 && UINT64_C(1) << bin < clusters->rows[i].cluster_size)
            bin++;
        out_counts[bin]++;
    }
    tal_comm_sum_u64(comm, out_counts, 64);
}

static const char *id_at(const tal_clusters *clusters, size_t at)
{
    return (const char *)clusters->data.data + at + sizeof(row_head);
}

tal_cluster_row tal_clusters_row(const tal_clusters *clusters, size_t idx)
{
    const row *source = &clusters->rows[idx];
    row_head head;
    memcpy(&head, clusters->data.data + source->at, sizeof(head));
    return (tal_cluster_row){
        .representative = head.representative,
        .record = head.record,
        .cluster = source->cluster,
        .cluster_size = source->cluster_size,
        .number = idx - source->first,
        .certificate = head.certificate,
        .id = id_at(clusters, source->at),
        .representative_id = id_at(clusters, clusters->rows[source->first].at),
        .len = head.len,
        .is_reverse = head.is_reverse != 0,
    };
}

/* Give the finished file its name, on rank 0. */
static tal_status rename_file(const char *from, const char *to)
{
    if (rename(from, to) != 0)
        return tal_fail(TAL_ERR_IO, "cannot give '%s' its name: %s", to, strerror(errno));
    return TAL_OK;
}

/* The rows from *next on as text, about a piece of it. */
static tal_status format_piece(const tal_clusters *clusters, tal_cluster_format format,
                               tal_alphabet alphabet, size_t *next, tal_buffer *text)
{
    tal_status status = TAL_OK;
    tal_buffer_reset(text);
    for (; status == TAL_OK && *next < clusters->count && text->bytes < PIECE_BYTES; ++*next) {
        const tal_cluster_row one = tal_clusters_row(clusters, *next);
        status = format(&one, alphabet, text);
    }
    return status;
}

/* Write this rank's rows behind those of the ranks before, piece by piece. Collective; agreed
 * status. */
static tal_status write_rows(tal_comm *comm, const tal_clusters *clusters,
                             tal_cluster_format format, tal_alphabet alphabet, tal_file *file)
{
    tal_buffer text = {0};
    uint64_t bytes = 0;
    tal_status status = TAL_OK;
    /* How much comes before others; nobody waits behind the last one. */
    const bool is_last = tal_comm_rank(comm) == tal_comm_size(comm) - 1;
    for (size_t next = 0; status == TAL_OK && !is_last && next < clusters->count;
         bytes += text.bytes)
        status = format_piece(clusters, format, alphabet, &next, &text);
    status = tal_comm_agree(comm, status);
    uint64_t at = status == TAL_OK ? tal_comm_prefix_u64(comm, bytes) : 0, is_more = 1;
    for (size_t next = 0; status == TAL_OK && is_more != 0; at += text.bytes) {
        status = tal_comm_agree(comm, format_piece(clusters, format, alphabet, &next, &text));
        if (status == TAL_OK)
            status = tal_file_write_at_all(comm, file, at, text.data, text.bytes);
        is_more = next < clusters->count;
        tal_comm_max_u64(comm, &is_more, 1);
    }
    tal_buffer_deinit(&text);
    return status;
}

tal_status tal_clusters_write(tal_comm *comm, const tal_clusters *clusters,
                              tal_cluster_format format, tal_alphabet alphabet, const char *path)
{
    tal_buffer part_path = {0};
    tal_file *file = NULL;
    tal_status status = tal_comm_agree(comm, tal_buffer_printf(&part_path, "%s.part", path));
    const char *part = (const char *)part_path.data;
    if (status == TAL_OK)
        status = tal_file_open_write(comm, part, &file);
    if (status != TAL_OK)
        goto done;
    status = write_rows(comm, clusters, format, alphabet, file);
    tal_status closed = tal_file_close(comm, file);
    status = status != TAL_OK ? status : closed;
    if (tal_comm_rank(comm) == 0) {
        if (status == TAL_OK)
            status = rename_file(part, path);
        else
            (void)unlink(part); /* The failure is told already. */
    }
    status = tal_comm_agree(comm, status);
done:
    tal_buffer_deinit(&part_path);
    return status;
}
