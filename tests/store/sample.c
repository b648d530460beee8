/* Results for tests; see sample.h. */
#include "store/sample.h"

#include "align/trace.h"
#include "base/alloc.h"
#include "harness.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void require(tal_status status)
{
    if (status == TAL_OK)
        return;
    printf("cannot build a sample: %s\n", tal_status_message());
    exit(1);
}

void sample_init(sample *content, tal_alphabet alphabet)
{
    *content = (sample){.alphabet = alphabet};
    for (int block = 0; block < SAMPLE_BLOCKS; block++)
        require(tal_seqset_create(alphabet, &content->queries[block]));
    require(tal_seqset_create(alphabet, &content->references));
}

void sample_deinit(sample *content)
{
    for (int block = 0; block < SAMPLE_BLOCKS; block++) {
        tal_seqset_destroy(content->queries[block]);
        tal_buffer_deinit(&content->hits[block]);
        tal_buffer_deinit(&content->cigars[block]);
        tal_buffer_deinit(&content->letters[block]);
    }
    tal_seqset_destroy(content->references);
}

static uint64_t query_count_before(const sample *content, int block)
{
    uint64_t count = 0;
    for (int i = 0; i < block; i++)
        count += tal_seqset_count(content->queries[i]);
    return count;
}

static void append(tal_seqset *set, tal_gid gid, const char *header, const char *letters)
{
    uint8_t codes[256];
    tal_alphabet_codes(tal_seqset_alphabet(set), codes);
    size_t len = strlen(letters);
    uint8_t *residues = tal_alloc(len);
    for (size_t i = 0; i < len; i++)
        residues[i] = codes[(uint8_t)letters[i]];
    require(tal_seqset_append(set, gid, residues, len, header, strlen(header)));
    tal_free(residues);
}

void sample_add_query(sample *content, int block, const char *header, const char *letters)
{
    uint64_t gid = query_count_before(content, block) + tal_seqset_count(content->queries[block]);
    append(content->queries[block], gid, header, letters);
}

void sample_add_reference(sample *content, tal_gid gid, const char *header, int32_t len)
{
    char *letters = tal_alloc_zero((size_t)len + 1);
    memset(letters, 'A', (size_t)len);
    append(content->references, gid, header, letters);
    tal_free(letters);
}

static uint32_t run_operation(char symbol)
{
    switch (symbol) {
    case '=':
        return TAL_CIGAR_EQUAL;
    case 'X':
        return TAL_CIGAR_DIFF;
    case 'I':
        return TAL_CIGAR_INSERTION;
    default:
        return TAL_CIGAR_DELETION;
    }
}

void sample_add_hit(sample *content, int block, tal_hit hit, const char *path, const char *letters)
{
    char *rest;
    for (const char *at = path; *at != '\0'; at = rest + 1) {
        int32_t len = (int32_t)strtol(at, &rest, 10);
        uint32_t operation = run_operation(*rest);
        uint32_t run = (uint32_t)len << 4 | operation;
        require(tal_buffer_append(&content->cigars[block], &run, sizeof(run)));
        hit.cigar_count++;
        hit.column_count += len;
        hit.identity_count += operation == TAL_CIGAR_EQUAL ? len : 0;
        hit.mismatch_count += operation == TAL_CIGAR_DIFF ? len : 0;
        bool is_gap = operation == TAL_CIGAR_INSERTION || operation == TAL_CIGAR_DELETION;
        hit.gap_open_count += is_gap ? 1 : 0;
        hit.gap_column_count += is_gap ? len : 0;
    }
    hit.letter_bytes = (uint32_t)strlen(letters);
    require(tal_buffer_append_text(&content->letters[block], letters));
    require(tal_buffer_append(&content->hits[block], &hit, sizeof(hit)));
}

/* A path within [begin, *end) of both sequences, not beyond; letters for its X and D. */
static void random_path(int32_t query_room, int32_t ref_room, char *path, size_t path_bytes,
                        char *letters, int32_t *out_query, int32_t *out_ref)
{
    static const char symbols[] = "=XID";
    int32_t query = 0;
    int32_t ref = 0;
    size_t used = 0;
    size_t letter_count = 0;
    int64_t run_count = test_random_in(0, 8);
    path[0] = '\0';
    for (int64_t i = 0; i < run_count; i++) {
        char symbol = symbols[test_random_in(0, 3)];
        int32_t query_left = symbol == 'D' ? INT32_MAX : query_room - query;
        int32_t ref_left = symbol == 'I' ? INT32_MAX : ref_room - ref;
        int32_t most = query_left < ref_left ? query_left : ref_left;
        int32_t len = (int32_t)test_random_in(1, 9);
        len = len < most ? len : most;
        if (len <= 0)
            continue;
        used += (size_t)snprintf(path + used, path_bytes - used, "%d%c", len, symbol);
        query += symbol == 'D' ? 0 : len;
        ref += symbol == 'I' ? 0 : len;
        for (int32_t k = 0; k < len && (symbol == 'X' || symbol == 'D'); k++)
            letters[letter_count++] = "ACGT"[test_random_in(0, 3)];
    }
    letters[letter_count] = '\0';
    *out_query = query;
    *out_ref = ref;
}

static void random_header(char *header)
{
    static const char *const special[] = {
        "", "x y >z", "\xff\xfe\x01 raw", "na\303\257ve \"q\"\\", "tab\tbed", " leading"};
    if (test_random_in(0, 3) == 0) {
        strcpy(header, special[test_random_in(0, 5)]);
        return;
    }
    int64_t len = test_random_in(0, 60);
    for (int64_t i = 0; i < len; i++)
        header[i] = (char)test_random_in(32, 126);
    header[len] = '\0';
}

static void random_hits(sample *content, int block, uint64_t query, int32_t query_len, int hit_max)
{
    int64_t ref_count = tal_seqset_count(content->references);
    int64_t hit_count = test_random_in(0, 2) == 0 ? 0 : test_random_in(0, hit_max);
    tal_lid lid = 0;
    for (int64_t i = 0; i < hit_count; i++) {
        lid = (lid + (tal_lid)test_random_in(1, 20)) % (tal_lid)ref_count;
        int32_t ref_len = tal_seqset_len(content->references, lid);
        tal_hit hit = {.query = query, .reference = tal_seqset_gid(content->references, lid)};
        hit.score = (int32_t)(1000 - i);
        hit.evalue = i % 3 == 0 ? (double)NAN : 1e-30 * (double)i;
        hit.bits = 0.5 * (double)hit.score;
        hit.is_reverse = (uint32_t)test_random_in(0, 1);
        hit.positive_count = (int32_t)test_random_in(0, 50);
        hit.query_begin = (int32_t)test_random_in(0, query_len);
        hit.ref_begin = (int32_t)test_random_in(0, ref_len);
        char path[128];
        char letters[128];
        int32_t query_span;
        int32_t ref_span;
        random_path(query_len - hit.query_begin, ref_len - hit.ref_begin, path, sizeof(path),
                    letters, &query_span, &ref_span);
        hit.query_end = hit.query_begin + query_span;
        hit.ref_end = hit.ref_begin + ref_span;
        sample_add_hit(content, block, hit, path, letters);
    }
}

void sample_fill(sample *content, int query_count, int hit_max)
{
    char header[128];
    char letters[128];
    for (tal_gid i = 0; i < 300; i++) {
        random_header(header);
        sample_add_reference(content, i * ((tal_gid)1 << 33) / 7 + i, header,
                             (int32_t)test_random_in(0, 90));
    }
    uint64_t query = 0;
    for (int block = 0; block < SAMPLE_BLOCKS; block++) {
        for (int i = 0; i < query_count; i++, query++) {
            random_header(header);
            int64_t len = test_random_in(0, 100);
            memset(letters, 0, sizeof(letters));
            for (int64_t k = 0; k < len; k++)
                letters[k] = "ACGTN"[test_random_in(0, 4)];
            sample_add_query(content, block, header, letters);
            if (block != 0) /* A first block without hits is the awkward one. */
                random_hits(content, block, query, (int32_t)len, hit_max);
        }
    }
}

/* The hits of queries that rank `rank` of `size` holds: uneven, contiguous. */
static tal_block_hits share_hits(const sample *content, int block, int rank, int size)
{
    const tal_hit *hits = (const tal_hit *)(const void *)content->hits[block].data;
    size_t count = content->hits[block].bytes / sizeof(*hits);
    uint64_t first = query_count_before(content, block);
    uint64_t total = tal_seqset_count(content->queries[block]);
    uint64_t low = total * (uint64_t)(rank * rank) / (uint64_t)(size * size);
    uint64_t high = total * (uint64_t)((rank + 1) * (rank + 1)) / (uint64_t)(size * size);
    tal_block_hits share = {.hits = hits,
                            .cigars = (const uint32_t *)(const void *)content->cigars[block].data,
                            .letters = (const char *)content->letters[block].data};
    for (size_t i = 0; i < count; i++) {
        uint64_t query = hits[i].query - first;
        if (query < low) {
            share.hits++;
            share.cigars += hits[i].cigar_count;
            share.letters += hits[i].letter_bytes;
        } else if (query < high) {
            share.hit_count++;
        }
    }
    return share;
}

static bool is_reference_hit(const sample *content, tal_gid gid)
{
    for (int block = 0; block < SAMPLE_BLOCKS; block++) {
        const tal_hit *hits = (const tal_hit *)(const void *)content->hits[block].data;
        for (size_t i = 0; i < content->hits[block].bytes / sizeof(*hits); i++)
            if (hits[i].reference == gid)
                return true;
    }
    return false;
}

static tal_status finish(tal_comm *comm, const sample *content, tal_result_writer *writer)
{
    tal_seqset *mine;
    bool is_hit[1024];
    tal_lid size = (tal_lid)tal_comm_size(comm);
    require(tal_seqset_create(content->alphabet, &mine));
    /* In falling order of gids and dealt out: the writer must sort. */
    for (tal_lid i = tal_seqset_count(content->references); i-- > 0;) {
        if (i % size != (tal_lid)tal_comm_rank(comm))
            continue;
        is_hit[tal_seqset_count(mine)] =
            is_reference_hit(content, tal_seqset_gid(content->references, i));
        const char *header = tal_seqset_header(content->references, i);
        require(tal_seqset_append(mine, tal_seqset_gid(content->references, i),
                                  tal_seqset_residues(content->references, i),
                                  (size_t)tal_seqset_len(content->references, i), header,
                                  strlen(header)));
    }
    static char query_path[] = "queries.fa";
    static char ref_path[] = "r\303\251f.fa";
    tal_file_info query_file = {query_path, 10, 3, 9, 77};
    tal_file_info ref_files[2] = {{ref_path, 1000, 300, 900, 78}, {ref_path, 1, 0, 0, 79}};
    tal_set_info query_info = {.files = &query_file, .file_count = 1};
    tal_set_info ref_info = {.files = ref_files, .file_count = 2};
    const uint64_t histogram[] = {5, 4, 3};
    const tal_result_attribute summary[] = {
        {.name = "hits", .type = TAL_ATTRIBUTE_U64, .u64 = UINT64_MAX},
        {.name = "seconds", .type = TAL_ATTRIBUTE_F64, .f64 = 0.25}};
    const tal_result_attribute numbers[] = {
        {.name = "rank", .type = TAL_ATTRIBUTE_F64, .f64 = (double)tal_comm_rank(comm)}};
    tal_result_closing closing = {.references = mine,
                                  .is_hit = is_hit,
                                  .query_info = &query_info,
                                  .reference_info = &ref_info,
                                  .parameters = content->parameters,
                                  .parameter_count = content->parameter_count,
                                  .summary = summary,
                                  .summary_count = 2,
                                  .histogram = histogram,
                                  .histogram_count = 3,
                                  .rank_numbers = numbers,
                                  .rank_number_count = 1};
    tal_status status = tal_result_finish(writer, &closing);
    tal_seqset_destroy(mine);
    return status;
}

tal_status sample_write(tal_comm *comm, const sample *content, const char *path, bool is_forced)
{
    tal_result_writer *writer = NULL;
    tal_status status = tal_result_create(comm, path, NULL, is_forced, content->alphabet, &writer);
    if (status != TAL_OK)
        return status;
    for (int block = 0; block < SAMPLE_BLOCKS && status == TAL_OK; block++) {
        tal_block_hits share = share_hits(content, block, tal_comm_rank(comm), tal_comm_size(comm));
        status = tal_result_append(writer, content->queries[block], &share);
    }
    if (status == TAL_OK)
        return finish(comm, content, writer);
    tal_result_discard(writer);
    return status;
}

/* Hits equal field by field; NaN equals NaN. */
static bool is_same_hit(const tal_hit *a, const tal_hit *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

/* Where the next expected hit is. */
typedef struct cursor {
    const sample *content;
    int block;
    uint64_t query; /* within block */
    size_t hit, cigar, letter;
    int differences;
} cursor;

static void differ(cursor *at, const char *what)
{
    printf("differs: %s at block %d query %llu hit %zu\n", what, at->block,
           (unsigned long long)at->query, at->hit);
    at->differences++;
}

static void compare_hit(cursor *at, const tal_result_page *page, uint64_t i)
{
    const sample *content = at->content;
    const tal_hit *expected =
        (const tal_hit *)(const void *)content->hits[at->block].data + at->hit;
    if (!is_same_hit(expected, &page->hits[i])) {
        differ(at, "hit");
        return;
    }
    if (page->cigar_begin[i + 1] - page->cigar_begin[i] != expected->cigar_count ||
        page->letter_begin[i + 1] - page->letter_begin[i] != expected->letter_bytes) {
        differ(at, "offsets");
        return;
    }
    if (expected->cigar_count > 0 &&
        memcmp(page->cigars + page->cigar_begin[i],
               (const uint32_t *)(const void *)content->cigars[at->block].data + at->cigar,
               expected->cigar_count * sizeof(uint32_t)) != 0)
        differ(at, "cigar");
    if (expected->letter_bytes > 0 &&
        memcmp(page->letters + page->letter_begin[i], content->letters[at->block].data + at->letter,
               expected->letter_bytes) != 0)
        differ(at, "letters");
    for (tal_lid lid = 0; lid < tal_seqset_count(content->references); lid++)
        if (tal_seqset_gid(content->references, lid) == expected->reference &&
            (strcmp(page->ref_headers[i], tal_seqset_header(content->references, lid)) != 0 ||
             page->ref_lens[i] != tal_seqset_len(content->references, lid)))
            differ(at, "reference");
    at->hit++;
    at->cigar += expected->cigar_count;
    at->letter += expected->letter_bytes;
}

static void compare_query(cursor *at, const tal_result_page *page, uint64_t i)
{
    const sample *content = at->content;
    while (at->block < SAMPLE_BLOCKS &&
           at->query == tal_seqset_count(content->queries[at->block])) {
        if (at->hit * sizeof(tal_hit) != content->hits[at->block].bytes)
            differ(at, "number of hits");
        *at = (cursor){.content = content, .block = at->block + 1, .differences = at->differences};
    }
    const tal_seqset *queries = content->queries[at->block];
    const char *letters = tal_alphabet_letters(content->alphabet);
    tal_lid lid = (tal_lid)at->query;
    int32_t len = tal_seqset_len(queries, lid);
    if (strcmp(page->query_headers[i], tal_seqset_header(queries, lid)) != 0)
        differ(at, "query header");
    if (page->query_lens[i] != len || strlen(page->query_letters[i]) != (size_t)len)
        differ(at, "query length");
    for (int32_t k = 0; k < len && at->differences == 0; k++)
        if (page->query_letters[i][k] != letters[tal_seqset_residues(queries, lid)[k]])
            differ(at, "query letters");
    for (uint64_t hit = page->hit_begin[i]; hit < page->hit_begin[i + 1]; hit++)
        if (at->differences == 0)
            compare_hit(at, page, hit);
    at->query++;
}

int sample_compare(const sample *content, const char *path, size_t hit_limit)
{
    tal_result_reader *reader = NULL;
    cursor at = {.content = content};
    if (tal_result_open(path, &reader) != TAL_OK) {
        printf("%s\n", tal_status_message());
        return 1;
    }
    if (tal_result_query_count(reader) != query_count_before(content, SAMPLE_BLOCKS) ||
        tal_result_alphabet(reader) != content->alphabet)
        differ(&at, "number of queries or alphabet");
    uint64_t hit_count = 0;
    for (;;) {
        tal_result_page page;
        if (tal_result_read(reader, hit_limit, &page) != TAL_OK) {
            printf("%s\n", tal_status_message());
            at.differences++;
            break;
        }
        if (page.query_begin == page.query_end)
            break;
        uint64_t count = page.query_end - page.query_begin;
        hit_count += page.hit_begin[count];
        if (page.hit_begin[count] > hit_limit && count > 1)
            differ(&at, "size of page");
        for (uint64_t i = 0; i < count && at.differences == 0; i++)
            compare_query(&at, &page, i);
    }
    if (at.differences == 0 && hit_count != tal_result_hit_count(reader))
        differ(&at, "number of hits");
    tal_result_close(reader);
    return at.differences;
}
