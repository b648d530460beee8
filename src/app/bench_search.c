/* Searches in memory and tables of other programs; see bench_search.h. */
#include "app/bench_search.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/random.h"
#include "seq/load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TRACE_BYTES = 1 << 26,
    LINE_BYTES = 4096,
    LETTERS_A_LINE = 60,
    SHUFFLE_PURPOSE = 0x73687566,
    SHUFFLE_SEED = 1
};

const char *tal_bench_composition_name(tal_composition_mode mode)
{
    static const char *const names[] = {"none", "bias", "adjust"};
    return names[mode];
}

tal_status tal_bench_load(const tal_run *run, const char *path, const char *role,
                          tal_seqset **out_set)
{
    tal_set_info info = {0};
    tal_load_params params = {
        .paths = &path,
        .path_count = 1,
        .role = role,
        .alphabet = TAL_ALPHABET_FORCE_PROTEIN,
        .open_file_limit = 1,
    };
    tal_status status = tal_load_partition(tal_run_comm(run), &params, out_set, &info);
    tal_set_info_deinit(&info);
    return status;
}

/* Fisher and Yates. */
static void shuffle(uint8_t *codes, int32_t len, tal_lid place)
{
    tal_random random;
    tal_random_init(&random, SHUFFLE_SEED, SHUFFLE_PURPOSE, place);
    for (int32_t i = len - 1; i > 0; i--) {
        int32_t other = (int32_t)tal_random_below(&random, (uint64_t)i + 1);
        uint8_t code = codes[i];
        codes[i] = codes[other];
        codes[other] = code;
    }
}

tal_status tal_bench_copy_set(const tal_seqset *from, tal_lid count, tal_bench_copy copy,
                              tal_seqset **out_set)
{
    tal_lid all = tal_seqset_count(from);
    count = count < all ? count : all;
    tal_seqset *set = NULL;
    tal_buffer codes = {0};
    tal_status status = tal_seqset_create(tal_seqset_alphabet(from), &set);
    for (tal_lid i = 0; i < count && status == TAL_OK; i++) {
        tal_lid lid = (tal_lid)((uint64_t)i * all / count);
        int32_t len = tal_seqset_len(from, lid);
        const uint8_t *source = tal_seqset_residues(from, lid);
        const char *header = tal_seqset_header(from, lid);
        tal_buffer_reset(&codes);
        status = tal_buffer_append(&codes, source, (size_t)len);
        for (int32_t k = 0; copy == TAL_BENCH_REVERSED && k < len && status == TAL_OK; k++)
            codes.data[k] = source[len - 1 - k];
        if (status == TAL_OK && copy == TAL_BENCH_SHUFFLED)
            shuffle(codes.data, len, lid);
        if (status == TAL_OK)
            status = tal_seqset_append(set, i, codes.data, (size_t)len, header, strlen(header));
    }
    tal_buffer_deinit(&codes);
    if (status == TAL_OK) {
        *out_set = set;
        set = NULL; /* Now the caller's. */
    }
    tal_seqset_destroy(set);
    return status;
}

tal_status tal_bench_write_set(const char *path, const tal_seqset *set)
{
    FILE *file = fopen(path, "w");
    if (file == NULL)
        return tal_fail(TAL_ERR_OUTPUT, "cannot make '%s': %s", path, strerror(errno));
    bool is_written = true;
    for (tal_lid lid = 0; lid < tal_seqset_count(set); lid++) {
        const char *header = tal_seqset_header(set, lid);
        is_written =
            is_written && fprintf(file, ">%.*s\n", (int)tal_header_id_bytes(header), header) > 0;
        int32_t len = tal_seqset_len(set, lid);
        for (int32_t at = 0; at < len; at += LETTERS_A_LINE) {
            char text[LETTERS_A_LINE];
            int32_t end = len - at > LETTERS_A_LINE ? at + LETTERS_A_LINE : len;
            tal_seqset_copy_text(set, lid, at, end, text);
            is_written = is_written && fprintf(file, "%.*s\n", (int)(end - at), text) > 0;
        }
    }
    if (fclose(file) != 0 || !is_written)
        return tal_fail(TAL_ERR_IO, "cannot write '%s': %s", path, strerror(errno));
    return TAL_OK;
}

static tal_status choose_params(const tal_bench_search *self, tal_matrix *matrix,
                                tal_search_params *out_params)
{
    tal_status status = tal_matrix_load("BLOSUM62", TAL_PROTEIN, matrix);
    if (status != TAL_OK)
        return status;
    *out_params = (tal_search_params){
        .isa = tal_run_isa(self->run),
        .mode = TAL_LOCAL,
        .matrix = matrix,
        .gaps = tal_gaps_default(matrix),
        .composition = self->setup.composition,
        .has_reversed_null = self->setup.has_reversed_null,
        .evalue = self->evalue,
        .score_min = INT32_MIN,
        .is_filtered = self->setup.is_filtered,
        .filter_cut = -1,
        .filter_share = TAL_FILTER_SHARE_DEFAULT,
        .has_plus = true,
        .residue_count = tal_seqset_residue_count(self->references),
        .sequence_count = tal_seqset_count(self->references),
        .trace_bytes = TRACE_BYTES,
    };
    for (tal_lid lid = 0; lid < tal_seqset_count(self->references); lid++)
        if ((uint64_t)tal_seqset_len(self->references, lid) > out_params->len_max)
            out_params->len_max = (uint64_t)tal_seqset_len(self->references, lid);
    (void)tal_scaling_init(matrix, &out_params->scaling); /* Of a built-in matrix: cannot fail. */
    return tal_stats_find(matrix, out_params->gaps, &out_params->stats);
}

tal_status tal_bench_search_run(tal_bench_search *self)
{
    tal_matrix matrix;
    tal_search_params params;
    tal_search *search = NULL;
    tal_seqset *queries = NULL;
    tal_seqset *references = NULL;
    tal_status status = choose_params(self, &matrix, &params);
    if (status == TAL_OK)
        status = tal_bench_copy_set(self->queries, UINT32_MAX, TAL_BENCH_AS_GIVEN, &queries);
    if (status == TAL_OK)
        status = tal_bench_copy_set(self->references, UINT32_MAX, TAL_BENCH_AS_GIVEN, &references);
    uint64_t start = tal_clock_ns();
    uint64_t cpu_start = tal_clock_cpu_ns();
    if (status == TAL_OK)
        status = tal_mask_set(self->team, self->setup.mask, params.isa, queries);
    if (status == TAL_OK)
        status = tal_mask_set(self->team, self->setup.mask, params.isa, references);
    if (status == TAL_OK)
        status =
            tal_search_create(tal_run_comm(self->run), self->team, &params, references, &search);
    tal_block_hits hits;
    if (status == TAL_OK)
        status = tal_search_block(search, queries, &hits);
    self->seconds = (double)(tal_clock_ns() - start) * 1e-9;
    self->cpu_seconds = (double)(tal_clock_cpu_ns() - cpu_start) * 1e-9;
    if (status == TAL_OK)
        status = self->take(self->context, &hits);
    tal_search_destroy(search);
    tal_seqset_destroy(references);
    tal_seqset_destroy(queries);
    return status;
}

/* A name and whose it is. */
typedef struct name_entry {
    const char *name;
    size_t bytes;
    tal_lid lid;
} name_entry;

static int compare_names(const void *left, const void *right)
{
    const name_entry *a = left;
    const name_entry *b = right;
    size_t bytes = a->bytes < b->bytes ? a->bytes : b->bytes;
    int order = memcmp(a->name, b->name, bytes);
    return order != 0 ? order : (a->bytes > b->bytes) - (a->bytes < b->bytes);
}

/* The names of a set in order; NULL when there is no memory. */
static name_entry *sort_names(const tal_seqset *set)
{
    tal_lid count = tal_seqset_count(set);
    name_entry *names = tal_alloc_array(count, sizeof(*names));
    for (tal_lid lid = 0; names != NULL && lid < count; lid++) {
        const char *header = tal_seqset_header(set, lid);
        names[lid] = (name_entry){header, tal_header_id_bytes(header), lid};
    }
    if (names != NULL)
        qsort(names, count, sizeof(*names), compare_names);
    return names;
}

static const name_entry *find_name(const name_entry *names, const tal_seqset *set,
                                   const char *field)
{
    name_entry key = {field, strcspn(field, "\t\n"), 0};
    return bsearch(&key, names, tal_seqset_count(set), sizeof(*names), compare_names);
}

/* Where a column begins; NULL: the line has fewer. */
static const char *find_column(const char *line, int column)
{
    for (; column > 1 && line != NULL; column--) {
        line = strchr(line, '\t');
        line = line == NULL ? NULL : line + 1;
    }
    return line;
}

static tal_status read_rows(FILE *file, const char *path, const tal_seqset *queries,
                            const name_entry *query_names, const tal_seqset *references,
                            const name_entry *reference_names, tal_buffer *out_rows)
{
    char line[LINE_BYTES];
    tal_status status = TAL_OK;
    for (uint64_t number = 1; status == TAL_OK && fgets(line, sizeof(line), file) != NULL;
         number++) {
        if (line[0] == '#')
            continue;
        const char *bits = find_column(line, 12);
        if (bits == NULL)
            return tal_fail(TAL_ERR_DATA, "'%s', line %llu: not twelve columns", path,
                            (unsigned long long)number);
        const name_entry *query = find_name(query_names, queries, line);
        const name_entry *reference = find_name(reference_names, references, find_column(line, 2));
        if (query == NULL || reference == NULL)
            return tal_fail(TAL_ERR_DATA, "'%s', line %llu: no such query or reference", path,
                            (unsigned long long)number);
        tal_bench_row row = {query->lid, reference->lid, strtod(find_column(line, 11), NULL),
                             strtod(bits, NULL)};
        status = tal_buffer_append(out_rows, &row, sizeof(row));
    }
    return status;
}

tal_status tal_bench_read_hits(const char *path, const tal_seqset *queries,
                               const tal_seqset *references, tal_buffer *out_rows)
{
    tal_buffer_reset(out_rows);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return tal_fail(TAL_ERR_NO_INPUT, "cannot open '%s': %s", path, strerror(errno));
    name_entry *query_names = sort_names(queries);
    name_entry *reference_names = sort_names(references);
    tal_status status = query_names == NULL || reference_names == NULL ? TAL_ERR_MEMORY : TAL_OK;
    if (status == TAL_OK)
        status = read_rows(file, path, queries, query_names, references, reference_names, out_rows);
    tal_free(reference_names);
    tal_free(query_names);
    (void)fclose(file); /* Only read. */
    return status;
}

tal_status tal_bench_each_setup(tal_bench_search *search, const tal_bench_setup *setups,
                                size_t count, tal_bench_judge judge)
{
    tal_status status = TAL_OK;
    for (size_t i = 0; i < count && status == TAL_OK; i++) {
        if (tal_run_flag(search->run, "defaults") && !setups[i].is_default)
            continue;
        search->setup = setups[i];
        status = tal_bench_search_run(search);
        tal_bench_done done = {
            .name = setups[i].name,
            .mask = tal_mask_name(setups[i].mask),
            .composition = tal_bench_composition_name(setups[i].composition),
            .null_model = setups[i].has_reversed_null ? "reversed" : "none",
            .seconds = search->seconds,
            .cpu_seconds = search->cpu_seconds,
        };
        if (status == TAL_OK)
            status = judge(search->context, &done);
    }
    return status;
}

tal_status tal_bench_each_table(const tal_run *run, const tal_seqset *queries,
                                const tal_seqset *references, tal_buffer *rows,
                                tal_bench_judge judge, void *context)
{
    tal_status status = TAL_OK;
    for (int i = 0; i < tal_run_text_count(run, "hits") && status == TAL_OK; i++) {
        const char *path = tal_run_text_at(run, "hits", i);
        const char *slash = strrchr(path, '/');
        status = tal_bench_read_hits(path, queries, references, rows);
        tal_bench_done done = {slash == NULL ? path : slash + 1, "-", "-", "-", -1, -1};
        if (status == TAL_OK)
            status = judge(context, &done);
    }
    return status;
}

bool tal_bench_is_own(const tal_seqset *queries, tal_lid query, const tal_seqset *references,
                      tal_lid reference)
{
    return strcmp(tal_seqset_header(queries, query), tal_seqset_header(references, reference)) == 0;
}
