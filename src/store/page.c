/* Pages of a result: a run of queries with their hits and the references of those; see reader.h.
 *
 * References are found by gid: an index of every block's first gid is in memory, a page's gids are
 * looked up in rising order, so that a page reads each block of /references at most once.
 */
#include "store/reader.h"

#include "base/alloc.h"
#include "base/check.h"
#include "search/hit_masks.h"

#include <stdlib.h>
#include <string.h>

/* Runs as in BAM: length << 4 | operation. */
enum { RUN_INSERTION = 1, RUN_DELETION = 2, RUN_EQUAL = 7, RUN_DIFF = 8, RUN_BITS = 4 };

/* Where a hit's reference is looked for. */
typedef struct hit_place {
    uint64_t gid;
    uint64_t hit;
} hit_place;

static int compare_places(const void *a, const void *b)
{
    const hit_place *left = a;
    const hit_place *right = b;
    if (left->gid != right->gid)
        return left->gid < right->gid ? -1 : 1;
    return (left->hit > right->hit) - (left->hit < right->hit);
}

/* Load what bounds the page and choose how many queries it has. */
static tal_status choose_queries(tal_result_reader *reader, uint64_t hit_limit, uint64_t *out_count)
{
    uint64_t begin = reader->next_query;
    uint64_t left = reader->rows[TAL_ROWS_QUERIES] - begin;
    uint64_t most = left < TAL_PAGE_QUERIES ? left : TAL_PAGE_QUERIES;
    tal_status status =
        tal_reader_offsets(reader, TAL_DATASET_QUERY_HIT_BEGIN, begin, most, &reader->hit_begin);
    if (status == TAL_OK)
        status = tal_reader_offsets(reader, TAL_DATASET_QUERY_HEADER_BEGIN, begin, most,
                                    &reader->query_header_begin);
    if (status == TAL_OK)
        status = tal_reader_offsets(reader, TAL_DATASET_QUERY_LETTER_BEGIN, begin, most,
                                    &reader->query_letter_begin);
    if (status != TAL_OK)
        return status;
    const uint64_t *hits = (const uint64_t *)(const void *)reader->hit_begin.data;
    const uint64_t *headers = (const uint64_t *)(const void *)reader->query_header_begin.data;
    const uint64_t *letters = (const uint64_t *)(const void *)reader->query_letter_begin.data;
    uint64_t count = 0;
    while (count < most) {
        uint64_t bytes = headers[count + 1] - headers[0] + letters[count + 1] - letters[0];
        bool is_too_much = hits[count + 1] - hits[0] > hit_limit || bytes > TAL_PAGE_BYTES;
        if (is_too_much && count > 0)
            break;
        count++;
    }
    *out_count = count;
    return TAL_OK;
}

static tal_status read_queries(tal_result_reader *reader, uint64_t count)
{
    const uint64_t *headers = (const uint64_t *)(const void *)reader->query_header_begin.data;
    const uint64_t *letters = (const uint64_t *)(const void *)reader->query_letter_begin.data;
    tal_status status = tal_reader_rows(reader, TAL_DATASET_QUERY_LENGTH, reader->next_query, count,
                                        &reader->query_lens);
    if (status == TAL_OK)
        status = tal_reader_strings(reader, TAL_DATASET_QUERY_HEADERS, headers, count,
                                    &reader->query_headers, &reader->query_header_views);
    if (status == TAL_OK)
        status = tal_reader_strings(reader, TAL_DATASET_QUERY_LETTERS, letters, count,
                                    &reader->query_letters, &reader->query_letter_views);
    const int32_t *lens = (const int32_t *)(const void *)reader->query_lens.data;
    for (uint64_t i = 0; i < count && status == TAL_OK; i++)
        if (lens[i] < 0 || (uint64_t)lens[i] != letters[i + 1] - letters[i])
            status = tal_reader_damaged(reader, "a query is not as long as its letters");
    return status;
}

/* Column by column into the hits of the page. */
static tal_status read_columns(tal_result_reader *reader, uint64_t begin, uint64_t count)
{
    tal_buffer_reset(&reader->hits);
    tal_status status = tal_buffer_reserve(&reader->hits, (size_t)(count + 1) * sizeof(tal_hit));
    if (status != TAL_OK)
        return status;
    tal_hit *hits = (tal_hit *)(void *)reader->hits.data;
    memset(hits, 0, (size_t)count * sizeof(*hits));
    for (size_t id = 0; id < TAL_DATASET_COUNT; id++) {
        const tal_dataset_schema *row = tal_schema_dataset((tal_dataset)id);
        if (row->hit_field < 0)
            continue;
        status = tal_reader_rows(reader, (tal_dataset)id, begin, count, &reader->column);
        if (status != TAL_OK)
            return status;
        size_t bytes = tal_store_type_bytes(row->type);
        for (uint64_t i = 0; i < count; i++) {
            if (bytes == 1) /* A flag is 32 bits wide in memory. */
                hits[i].is_reverse = reader->column.data[i];
            else
                memcpy((uint8_t *)&hits[i] + row->hit_field, reader->column.data + i * bytes,
                       bytes);
        }
    }
    return TAL_OK;
}

/* Rows of a blob that belong to the hits, and offsets into the page. */
static tal_status read_ragged(tal_result_reader *reader, tal_dataset offsets_id, tal_dataset id,
                              uint64_t begin, uint64_t count, tal_buffer *offsets, tal_buffer *out)
{
    tal_status status = tal_reader_offsets(reader, offsets_id, begin, count, offsets);
    if (status != TAL_OK)
        return status;
    uint64_t *at = (uint64_t *)(void *)offsets->data;
    uint64_t base = at[0];
    status = tal_reader_rows(reader, id, base, at[count] - base, out);
    for (uint64_t i = 0; i <= count; i++)
        at[i] -= base;
    return status;
}

/* What a path consumes. Sums cannot overflow: runs are below 2^28, a hit has at most 2^32 runs. */
typedef struct path_sums {
    uint64_t equal, diff, insertion, deletion;
} path_sums;

static bool sum_path(const uint32_t *runs, uint32_t count, path_sums *out_sums)
{
    path_sums sums = {0};
    for (uint32_t i = 0; i < count; i++) {
        uint64_t len = runs[i] >> RUN_BITS;
        uint32_t operation = runs[i] & ((1u << RUN_BITS) - 1);
        if (operation == RUN_EQUAL)
            sums.equal += len;
        else if (operation == RUN_DIFF)
            sums.diff += len;
        else if (operation == RUN_INSERTION)
            sums.insertion += len;
        else if (operation == RUN_DELETION)
            sums.deletion += len;
        else
            return false;
    }
    *out_sums = sums;
    return true;
}

/* A hit agrees with itself: what the exports rely on. */
static bool is_hit_good(const tal_hit *hit, const uint32_t *runs, const char *letters,
                        int32_t query_len, int32_t ref_len)
{
    path_sums sums;
    if (!sum_path(runs, hit->cigar_count, &sums))
        return false;
    if (hit->query_begin < 0 || hit->query_begin > hit->query_end || hit->query_end > query_len ||
        hit->ref_begin < 0 || hit->ref_begin > hit->ref_end || hit->ref_end > ref_len ||
        hit->is_reverse > 1)
        return false;
    uint64_t pairs = sums.equal + sums.diff;
    uint64_t gaps = sums.insertion + sums.deletion;
    uint64_t shown = sums.diff + sums.deletion;
    return pairs + sums.insertion == (uint64_t)(hit->query_end - hit->query_begin) &&
           pairs + sums.deletion == (uint64_t)(hit->ref_end - hit->ref_begin) &&
           shown <= hit->letter_bytes &&
           tal_hit_masks_check(letters + shown, (size_t)(hit->letter_bytes - shown), sums.equal) &&
           hit->column_count >= 0 && pairs + gaps == (uint64_t)hit->column_count &&
           hit->identity_count >= 0 && sums.equal == (uint64_t)hit->identity_count &&
           hit->mismatch_count >= 0 && sums.diff == (uint64_t)hit->mismatch_count &&
           hit->gap_column_count >= 0 && gaps == (uint64_t)hit->gap_column_count;
}

tal_status tal_reader_block(tal_result_reader *reader, uint64_t row)
{
    uint64_t begin = row - row % TAL_REFERENCE_BLOCK_ROWS;
    if (reader->block_count > 0 && reader->block_begin == begin)
        return TAL_OK;
    uint64_t left = reader->rows[TAL_ROWS_REFERENCES] - begin;
    uint64_t count = left < TAL_REFERENCE_BLOCK_ROWS ? left : TAL_REFERENCE_BLOCK_ROWS;
    reader->block_count = 0;
    tal_status status =
        tal_reader_rows(reader, TAL_DATASET_REFERENCE_GID, begin, count, &reader->block_gids);
    if (status == TAL_OK)
        status = tal_reader_rows(reader, TAL_DATASET_REFERENCE_LENGTH, begin, count,
                                 &reader->block_lens);
    if (status == TAL_OK)
        status = tal_reader_offsets(reader, TAL_DATASET_REFERENCE_HEADER_BEGIN, begin, count,
                                    &reader->block_header_begin);
    if (status == TAL_OK)
        status = tal_reader_strings(reader, TAL_DATASET_REFERENCE_HEADERS,
                                    (const uint64_t *)(const void *)reader->block_header_begin.data,
                                    count, &reader->block_headers, &reader->block_header_views);
    if (status == TAL_OK && reader->dataset[TAL_DATASET_REFERENCE_REPRESENTATIVE] >= 0)
        status = tal_reader_rows(reader, TAL_DATASET_REFERENCE_REPRESENTATIVE, begin, count,
                                 &reader->block_representatives);
    if (status != TAL_OK)
        return status;
    reader->block_begin = begin;
    reader->block_count = count;
    return TAL_OK;
}

tal_status tal_reader_find_reference(tal_result_reader *reader, uint64_t gid, uint64_t *out_row)
{
    const uint64_t *first = (const uint64_t *)(const void *)reader->gid_index.data;
    uint64_t low = 0;
    uint64_t high = reader->gid_index.bytes / sizeof(*first);
    *out_row = UINT64_MAX;
    while (low < high) { /* The last block that begins at or before gid. */
        uint64_t middle = low + (high - low) / 2;
        if (first[middle] <= gid)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return TAL_OK;
    tal_status status = tal_reader_block(reader, (low - 1) * TAL_REFERENCE_BLOCK_ROWS);
    if (status != TAL_OK)
        return status;
    const uint64_t *gids = (const uint64_t *)(const void *)reader->block_gids.data;
    low = 0;
    high = reader->block_count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (gids[middle] < gid)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < reader->block_count && gids[low] == gid)
        *out_row = low;
    return TAL_OK;
}

/* One value of a row of the block at hand; 0: '/references' is without. */
static uint64_t representative_of(const tal_result_reader *reader, uint64_t row)
{
    if (reader->dataset[TAL_DATASET_REFERENCE_REPRESENTATIVE] < 0)
        return 0;
    return ((const uint64_t *)(const void *)reader->block_representatives.data)[row];
}

/* Names, lengths and representatives of the references in reader->hit_order, one of each hit, each
 * name once. */
static tal_status read_names(tal_result_reader *reader, uint64_t count, tal_page_names *names)
{
    hit_place *places = (hit_place *)(void *)reader->hit_order.data;
    tal_buffer *const buffers[] = {&names->headers, &names->header_at, &names->views, &names->lens,
                                   &names->representatives};
    tal_status status = TAL_OK;
    for (size_t i = 0; i < sizeof(buffers) / sizeof(buffers[0]) && status == TAL_OK; i++) {
        tal_buffer_reset(buffers[i]);
        status = tal_buffer_reserve(buffers[i], ((size_t)count + 1) * sizeof(uint64_t));
    }
    if (status != TAL_OK)
        return status;
    size_t *header_at = (size_t *)(void *)names->header_at.data;
    int32_t *lens = (int32_t *)(void *)names->lens.data;
    uint64_t *representatives = (uint64_t *)(void *)names->representatives.data;
    if (count > 0)
        qsort(places, (size_t)count, sizeof(*places), compare_places);
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t hit = places[i].hit;
        if (i > 0 && places[i].gid == places[i - 1].gid) {
            header_at[hit] = header_at[places[i - 1].hit];
            lens[hit] = lens[places[i - 1].hit];
            representatives[hit] = representatives[places[i - 1].hit];
            continue;
        }
        uint64_t row;
        status = tal_reader_find_reference(reader, places[i].gid, &row);
        if (status != TAL_OK)
            return status;
        if (row == UINT64_MAX)
            return tal_reader_damaged(reader, "a hit's reference is not in '/references/gid'");
        const char *const *views = (const char *const *)(void *)reader->block_header_views.data;
        header_at[hit] = names->headers.bytes;
        lens[hit] = ((const int32_t *)(const void *)reader->block_lens.data)[row];
        representatives[hit] = representative_of(reader, row);
        status = tal_buffer_append(&names->headers, views[row], strlen(views[row]) + 1);
        if (status != TAL_OK)
            return status;
    }
    const char **out = (const char **)(void *)names->views.data;
    for (uint64_t i = 0; i < count; i++)
        out[i] = (const char *)names->headers.data + header_at[i];
    return TAL_OK;
}

/* The references of the page's hits, and their representatives where there are such. */
static tal_status read_references(tal_result_reader *reader, uint64_t count)
{
    const tal_hit *hits = (const tal_hit *)(const void *)reader->hits.data;
    tal_buffer_reset(&reader->hit_order);
    tal_status status =
        tal_buffer_reserve(&reader->hit_order, ((size_t)count + 1) * sizeof(hit_place));
    if (status != TAL_OK)
        return status;
    hit_place *places = (hit_place *)(void *)reader->hit_order.data;
    for (uint64_t i = 0; i < count; i++)
        places[i] = (hit_place){.gid = hits[i].reference, .hit = i};
    status = read_names(reader, count, &reader->references);
    if (status != TAL_OK || reader->dataset[TAL_DATASET_REFERENCE_REPRESENTATIVE] < 0)
        return status;
    const uint64_t *representatives =
        (const uint64_t *)(const void *)reader->references.representatives.data;
    for (uint64_t i = 0; i < count; i++)
        places[i] = (hit_place){.gid = representatives[i], .hit = i};
    return read_names(reader, count, &reader->representatives);
}

/* Number the hits' queries, count runs and letters, check each hit. */
static tal_status complete_hits(tal_result_reader *reader, uint64_t query_count)
{
    tal_hit *hits = (tal_hit *)(void *)reader->hits.data;
    const uint64_t *hit_begin = (const uint64_t *)(const void *)reader->hit_begin.data;
    const uint64_t *cigar_begin = (const uint64_t *)(const void *)reader->cigar_begin.data;
    const uint64_t *letter_begin = (const uint64_t *)(const void *)reader->letter_begin.data;
    const uint32_t *cigars = (const uint32_t *)(const void *)reader->cigars.data;
    const char *all_letters = (const char *)reader->letters.data;
    const int32_t *query_lens = (const int32_t *)(const void *)reader->query_lens.data;
    const int32_t *ref_lens = (const int32_t *)(const void *)reader->references.lens.data;
    for (uint64_t query = 0; query < query_count; query++) {
        for (uint64_t i = hit_begin[query]; i < hit_begin[query + 1]; i++) {
            uint64_t runs = cigar_begin[i + 1] - cigar_begin[i];
            uint64_t letters = letter_begin[i + 1] - letter_begin[i];
            if (runs > UINT32_MAX || letters > UINT32_MAX)
                return tal_reader_damaged(reader, "a hit has too long a path");
            hits[i].query = reader->next_query + query;
            hits[i].cigar_count = (uint32_t)runs;
            hits[i].letter_bytes = (uint32_t)letters;
            if (!is_hit_good(&hits[i], cigars + cigar_begin[i], all_letters + letter_begin[i],
                             query_lens[query], ref_lens[i]))
                return tal_reader_damaged(reader, "a hit contradicts its path or its sequences");
        }
    }
    return TAL_OK;
}

static tal_status read_hits(tal_result_reader *reader, uint64_t query_count)
{
    uint64_t *hit_begin = (uint64_t *)(void *)reader->hit_begin.data;
    uint64_t begin = hit_begin[0];
    uint64_t count = hit_begin[query_count] - begin;
    for (uint64_t i = 0; i <= query_count; i++)
        hit_begin[i] -= begin;
    tal_status status = read_columns(reader, begin, count);
    if (status == TAL_OK)
        status = read_ragged(reader, TAL_DATASET_HIT_CIGAR_BEGIN, TAL_DATASET_HIT_CIGAR, begin,
                             count, &reader->cigar_begin, &reader->cigars);
    if (status == TAL_OK)
        status = read_ragged(reader, TAL_DATASET_HIT_LETTER_BEGIN, TAL_DATASET_HIT_LETTERS, begin,
                             count, &reader->letter_begin, &reader->letters);
    if (status == TAL_OK)
        status = read_references(reader, count);
    return status == TAL_OK ? complete_hits(reader, query_count) : status;
}

tal_status tal_result_read(tal_result_reader *reader, size_t hit_limit, tal_result_page *out_page)
{
    uint64_t count = 0;
    tal_status status = choose_queries(reader, hit_limit, &count);
    if (status == TAL_OK)
        status = read_queries(reader, count);
    if (status == TAL_OK)
        status = read_hits(reader, count);
    if (status != TAL_OK)
        return status;
    *out_page = (tal_result_page){
        .query_begin = reader->next_query,
        .query_end = reader->next_query + count,
        .query_headers = (const char *const *)(void *)reader->query_header_views.data,
        .query_lens = (const int32_t *)(const void *)reader->query_lens.data,
        .query_letters = (const char *const *)(void *)reader->query_letter_views.data,
        .hit_begin = (const uint64_t *)(const void *)reader->hit_begin.data,
        .hits = (const tal_hit *)(const void *)reader->hits.data,
        .cigar_begin = (const uint64_t *)(const void *)reader->cigar_begin.data,
        .cigars = (const uint32_t *)(const void *)reader->cigars.data,
        .letter_begin = (const uint64_t *)(const void *)reader->letter_begin.data,
        .letters = (const char *)reader->letters.data,
        .ref_headers = (const char *const *)(void *)reader->references.views.data,
        .ref_lens = (const int32_t *)(const void *)reader->references.lens.data,
    };
    if (reader->dataset[TAL_DATASET_REFERENCE_REPRESENTATIVE] >= 0) {
        out_page->representatives =
            (const uint64_t *)(const void *)reader->references.representatives.data;
        out_page->representative_headers =
            (const char *const *)(void *)reader->representatives.views.data;
    }
    reader->next_query += count;
    return TAL_OK;
}

tal_status tal_result_read_references(tal_result_reader *reader,
                                      tal_result_references *out_references)
{
    *out_references = (tal_result_references){0};
    if (reader->next_reference >= reader->rows[TAL_ROWS_REFERENCES])
        return TAL_OK;
    tal_status status = tal_reader_block(reader, reader->next_reference);
    if (status != TAL_OK)
        return status;
    reader->next_reference = reader->block_begin + reader->block_count;
    *out_references = (tal_result_references){
        .count = (size_t)reader->block_count,
        .gids = (const uint64_t *)(const void *)reader->block_gids.data,
        .lens = (const int32_t *)(const void *)reader->block_lens.data,
        .headers = (const char *const *)(void *)reader->block_header_views.data,
    };
    return TAL_OK;
}
