/* talaria bench sensitivity: how much of a classification a search finds before its first error.
 *
 * Domains with a classification class.fold.superfamily.family (SCOPe) are searched among each
 * other. Per query the hits are gone through by E-value until the first of another fold; of the
 * members found before it those of the query's family, those of its superfamily but not its
 * family, and those of its fold but not its superfamily count, each as a share of all there are.
 * Shares are averaged over the queries that have such members. The query itself does not count,
 * and a domain is found once.
 */
#include "app/bench.h"
#include "app/bench_search.h"
#include "app/team_setup.h"
#include "base/alloc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEVEL_FAMILY = 0, LEVEL_SUPERFAMILY, LEVEL_FOLD, LEVEL_COUNT, LINE_BYTES = 1024 };

/* Hits above are not looked at. */
static const double evalue_max = 10;

static const tal_bench_setup setups[] = {
    {"exact", false, TAL_MASK_NONE, TAL_COMPOSITION_NONE, false, false},
    {"exact", false, TAL_MASK_TANTAN, TAL_COMPOSITION_BIAS, false, false},
    {"exact", false, TAL_MASK_TANTAN, TAL_COMPOSITION_ADJUST, false, false},
    {"exact", false, TAL_MASK_TANTAN_SHORT, TAL_COMPOSITION_ADJUST, false, false},
    {"exact", false, TAL_MASK_TANTAN_SHORT, TAL_COMPOSITION_ADJUST, true, true},
    {"filtered", true, TAL_MASK_TANTAN_SHORT, TAL_COMPOSITION_ADJUST, true, true},
};

/* Of a domain: the number of its family, superfamily and fold. */
typedef struct place {
    uint32_t level[LEVEL_COUNT];
} place;

typedef struct study {
    const tal_run *run;
    tal_team *team;
    tal_seqset *domains, *queries; /* queries: those of the domains that are searched for */
    place *places;                 /* of each domain; of each query query_places */
    place *query_places;
    uint32_t *sizes[LEVEL_COUNT]; /* members, by number */
    tal_buffer rows;              /* tal_bench_row: what a search found */
    double sums[LEVEL_COUNT];
    uint64_t query_counts[LEVEL_COUNT];
    tal_buffer *table, *csv;
} study;

typedef struct lookup_row {
    char domain[64], classification[64];
    uint32_t level[LEVEL_COUNT];
} lookup_row;

static int compare_classifications(const void *left, const void *right)
{
    return strcmp(((const lookup_row *)left)->classification,
                  ((const lookup_row *)right)->classification);
}

static int compare_domains(const void *left, const void *right)
{
    return strcmp(((const lookup_row *)left)->domain, ((const lookup_row *)right)->domain);
}

/* Length of the part of a classification that names a level: all, to the last dot, to the one
 * before it. */
static size_t part_len(const char *classification, int level)
{
    size_t len = strlen(classification);
    for (; level > 0 && len > 0; level--)
        while (len > 0 && classification[--len] != '.')
            continue;
    return len;
}

/* Number the levels: rows in order of classification, so that equal parts are neighbours. */
static void number_rows(lookup_row *rows, size_t count)
{
    qsort(rows, count, sizeof(*rows), compare_classifications);
    for (size_t i = 0; i < count; i++)
        for (int level = 0; level < LEVEL_COUNT; level++) {
            if (i == 0)
                continue;
            size_t len = part_len(rows[i].classification, level);
            bool is_same = len == part_len(rows[i - 1].classification, level) &&
                           memcmp(rows[i].classification, rows[i - 1].classification, len) == 0;
            rows[i].level[level] = rows[i - 1].level[level] + !is_same;
        }
    qsort(rows, count, sizeof(*rows), compare_domains);
}

static tal_status read_lookup(const char *path, tal_buffer *rows)
{
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return tal_fail(TAL_ERR_NO_INPUT, "cannot open '%s': %s", path, strerror(errno));
    char line[LINE_BYTES];
    tal_status status = TAL_OK;
    for (uint64_t number = 1; status == TAL_OK && fgets(line, sizeof(line), file) != NULL;
         number++) {
        lookup_row row = {0};
        if (sscanf(line, "%63s %63s", row.domain, row.classification) != 2 ||
            part_len(row.classification, LEVEL_FOLD) == 0)
            status = tal_fail(TAL_ERR_DATA,
                              "'%s', line %llu: not a domain and class.fold.superfamily.family",
                              path, (unsigned long long)number);
        else
            status = tal_buffer_append(rows, &row, sizeof(row));
    }
    (void)fclose(file); /* Only read. */
    return status;
}

/* The places of a set's domains from the rows, which are in order of domain. */
static tal_status find_places(const tal_seqset *set, const lookup_row *rows, size_t count,
                              place **out_places)
{
    place *places = tal_alloc_array(tal_seqset_count(set), sizeof(*places));
    if (places == NULL)
        return TAL_ERR_MEMORY;
    for (tal_lid lid = 0; lid < tal_seqset_count(set); lid++) {
        lookup_row key;
        const char *header = tal_seqset_header(set, lid);
        (void)snprintf(key.domain, sizeof(key.domain), "%.*s", (int)tal_header_id_bytes(header),
                       header); /* Longer names are not found. */
        const lookup_row *row = bsearch(&key, rows, count, sizeof(*rows), compare_domains);
        if (row == NULL) {
            tal_free(places);
            return tal_fail(TAL_ERR_DATA, "domain '%s' has no line in the classification",
                            key.domain);
        }
        memcpy(places[lid].level, row->level, sizeof(row->level));
    }
    *out_places = places;
    return TAL_OK;
}

static tal_status load(study *self)
{
    tal_buffer rows = {0};
    int64_t limit = tal_run_int(self->run, "max-queries");
    tal_status status =
        tal_bench_load(self->run, tal_run_argument(self->run, 1), "domains", &self->domains);
    if (status == TAL_OK)
        status = tal_bench_copy_set(self->domains, limit == 0 ? UINT32_MAX : (tal_lid)limit,
                                    TAL_BENCH_AS_GIVEN, &self->queries);
    if (status == TAL_OK)
        status = read_lookup(tal_run_argument(self->run, 2), &rows);
    lookup_row *table = (lookup_row *)(void *)rows.data;
    size_t count = rows.bytes / sizeof(*table);
    if (status == TAL_OK && count > 0)
        number_rows(table, count);
    if (status == TAL_OK)
        status = find_places(self->domains, table, count, &self->places);
    if (status == TAL_OK)
        status = find_places(self->queries, table, count, &self->query_places);
    for (int level = 0; level < LEVEL_COUNT && status == TAL_OK; level++) {
        self->sizes[level] = tal_alloc_zero((count + 1) * sizeof(uint32_t));
        if (self->sizes[level] == NULL)
            status = TAL_ERR_MEMORY;
        for (tal_lid lid = 0; status == TAL_OK && lid < tal_seqset_count(self->domains); lid++)
            self->sizes[level][self->places[lid].level[level]]++;
    }
    tal_buffer_deinit(&rows);
    return status;
}

/* Hits of a query by E-value, then bits, then place, so that the order is one. */
static int compare_rows(const void *left, const void *right)
{
    const tal_bench_row *a = left;
    const tal_bench_row *b = right;
    if (a->query != b->query)
        return a->query < b->query ? -1 : 1;
    if (a->evalue != b->evalue)
        return a->evalue < b->evalue ? -1 : 1;
    if (a->bits != b->bits)
        return a->bits > b->bits ? -1 : 1;
    return (a->reference > b->reference) - (a->reference < b->reference);
}

/* The narrowest level that two domains share; LEVEL_COUNT: not even the fold. */
static int common_level(const place *a, const place *b)
{
    for (int level = 0; level < LEVEL_COUNT; level++)
        if (a->level[level] == b->level[level])
            return level;
    return LEVEL_COUNT;
}

/* One query's hits in order; a domain that is hit again comes later and does not count. */
static void count_query(study *self, tal_lid query, const tal_bench_row *rows, size_t count,
                        tal_lid *last_query_of)
{
    const place *own = &self->query_places[query];
    uint64_t found[LEVEL_COUNT] = {0};
    for (size_t i = 0; i < count; i++) {
        tal_lid domain = rows[i].reference;
        if (last_query_of[domain] == query + 1 ||
            tal_bench_is_own(self->queries, query, self->domains, domain))
            continue;
        last_query_of[domain] = query + 1;
        int level = common_level(own, &self->places[domain]);
        if (level == LEVEL_COUNT)
            break;
        found[level]++;
    }
    uint32_t inner = 1; /* the query itself */
    for (int level = 0; level < LEVEL_COUNT; level++) {
        uint32_t size = self->sizes[level][own->level[level]];
        if (size > inner) {
            self->sums[level] += (double)found[level] / (double)(size - inner);
            self->query_counts[level]++;
        }
        inner = size;
    }
}

static tal_status report(void *context, const tal_bench_done *done)
{
    study *self = context;
    tal_lid *last_query_of =
        tal_alloc_zero(tal_seqset_count(self->domains) * sizeof(*last_query_of));
    if (last_query_of == NULL)
        return TAL_ERR_MEMORY;
    tal_bench_row *rows = (tal_bench_row *)(void *)self->rows.data;
    size_t count = self->rows.bytes / sizeof(*rows);
    if (count > 1)
        qsort(rows, count, sizeof(*rows), compare_rows);
    memset(self->sums, 0, sizeof(self->sums));
    memset(self->query_counts, 0, sizeof(self->query_counts));
    size_t at = 0;
    for (tal_lid query = 0; query < tal_seqset_count(self->queries); query++) {
        size_t begin = at;
        while (at < count && rows[at].query == query)
            at++;
        count_query(self, query, count == 0 ? NULL : rows + begin, at - begin, last_query_of);
    }
    tal_free(last_query_of);
    double means[LEVEL_COUNT];
    for (int level = 0; level < LEVEL_COUNT; level++)
        means[level] = self->query_counts[level] == 0
                           ? 0.0
                           : self->sums[level] / (double)self->query_counts[level];
    tal_status status =
        tal_buffer_printf(self->table, "  %-22s %-12s %-7s %-8s %8.4f %11.4f %8.5f", done->name,
                          done->mask, done->composition, done->null_model, means[LEVEL_FAMILY],
                          means[LEVEL_SUPERFAMILY], means[LEVEL_FOLD]);
    if (status == TAL_OK)
        status = done->seconds < 0 ? tal_buffer_append_text(self->table, "\n")
                                   : tal_buffer_printf(self->table, " %8.1f %8.1f\n", done->seconds,
                                                       done->cpu_seconds);
    if (status == TAL_OK)
        status = tal_buffer_printf(self->csv, "%s,%s,%s,%s,%.6f,%.6f,%.6f,%.2f,%.2f\n", done->name,
                                   done->mask, done->composition, done->null_model,
                                   means[LEVEL_FAMILY], means[LEVEL_SUPERFAMILY], means[LEVEL_FOLD],
                                   done->seconds, done->cpu_seconds);
    return status;
}

static tal_status take_hits(void *context, const tal_block_hits *hits)
{
    study *self = context;
    tal_buffer_reset(&self->rows);
    tal_status status = TAL_OK;
    for (size_t i = 0; i < hits->hit_count && status == TAL_OK; i++) {
        const tal_hit *hit = &hits->hits[i];
        tal_bench_row row = {(tal_lid)hit->query, (tal_lid)hit->reference, hit->evalue, hit->bits};
        status = tal_buffer_append(&self->rows, &row, sizeof(row));
    }
    return status;
}

static tal_status search_domains(study *self)
{
    tal_bench_search search = {
        .run = self->run,
        .team = self->team,
        .queries = self->queries,
        .references = self->domains,
        .evalue = evalue_max,
        .take = take_hits,
        .context = self,
    };
    tal_status status =
        tal_bench_each_setup(&search, setups, sizeof(setups) / sizeof(setups[0]), report);
    return status == TAL_OK ? tal_bench_each_table(self->run, self->queries, self->domains,
                                                   &self->rows, report, self)
                            : status;
}

tal_status tal_bench_sensitivity(const tal_run *run, tal_buffer *table, tal_buffer *csv)
{
    study self = {.run = run, .table = table, .csv = csv};
    tal_status status = tal_team_setup(run, &self.team);
    if (status == TAL_OK)
        status = load(&self);
    if (status == TAL_OK)
        status = tal_buffer_printf(
            table,
            "Share of members found before the first hit of another fold, mean over queries\n"
            "  %-22s %-12s %-7s %-8s %8s %11s %8s %8s %8s\n",
            "search", "mask", "compos.", "null", "family", "superfamily", "fold", "seconds",
            "CPU s");
    if (status == TAL_OK)
        status = tal_buffer_append_text(
            csv,
            "search,mask,composition,null_model,family,superfamily,fold,seconds,cpu_seconds\n");
    const char *path = tal_run_text(run, "write-queries");
    if (status == TAL_OK && path != NULL)
        status = tal_bench_write_set(path, self.queries);
    if (status == TAL_OK && path == NULL)
        status = search_domains(&self);
    for (int level = 0; level < LEVEL_COUNT; level++)
        tal_free(self.sizes[level]);
    tal_free(self.query_places);
    tal_free(self.places);
    tal_buffer_deinit(&self.rows);
    tal_seqset_destroy(self.queries);
    tal_seqset_destroy(self.domains);
    tal_team_destroy(self.team);
    return status;
}
