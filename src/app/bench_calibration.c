/* talaria bench calibration: how many hits chance gives, and how many the E-values promise.
 *
 * Reversed and shuffled proteins are related to nothing, yet have the composition (reversed ones
 * also the repeats and the low complexity) of real ones: what they hit is false, and at an E-value
 * of at most E there should be E such hits a query. A sequence that meets its own reversal does not
 * count: that comparison is its own mirror image, so that half an alignment brings the other half,
 * and scores near the middle are about twice what chance gives.
 */
#include "app/bench.h"
#include "app/bench_search.h"
#include "app/team_setup.h"

#include <stdio.h>
#include <string.h>

static const double cuts[] = {10, 1, 0.1, 0.01, 0.001};
enum { CUT_COUNT = sizeof(cuts) / sizeof(cuts[0]) };

static const tal_bench_setup setups[] = {
    {"exact", false, TAL_MASK_NONE, TAL_COMPOSITION_NONE, false, false},
    {"exact", false, TAL_MASK_NONE, TAL_COMPOSITION_ADJUST, false, false},
    {"exact", false, TAL_MASK_NONE, TAL_COMPOSITION_ADJUST, true, false},
    {"exact", false, TAL_MASK_TANTAN, TAL_COMPOSITION_NONE, false, false},
    {"exact", false, TAL_MASK_TANTAN, TAL_COMPOSITION_BIAS, false, false},
    {"exact", false, TAL_MASK_SEG, TAL_COMPOSITION_ADJUST, false, false},
    {"exact", false, TAL_MASK_TANTAN, TAL_COMPOSITION_ADJUST, false, false},
    {"exact", false, TAL_MASK_TANTAN_SHORT, TAL_COMPOSITION_ADJUST, false, false},
    {"exact", false, TAL_MASK_TANTAN_SHORT, TAL_COMPOSITION_ADJUST, true, true},
    {"filtered", true, TAL_MASK_TANTAN_SHORT, TAL_COMPOSITION_ADJUST, true, true},
};

typedef struct study {
    const tal_run *run;
    tal_team *team;
    tal_seqset *queries, *references, *decoys; /* none masked */
    const char *decoy_name;
    uint64_t counts[CUT_COUNT];
    tal_buffer rows; /* tal_bench_row: a table of another program */
    tal_buffer *table, *csv;
} study;

static void count_hit(study *self, tal_lid query, tal_lid reference, double evalue)
{
    if (tal_bench_is_own(self->decoys, query, self->references, reference))
        return;
    for (int i = 0; i < CUT_COUNT; i++)
        self->counts[i] += evalue <= cuts[i];
}

static tal_status take_hits(void *context, const tal_block_hits *hits)
{
    study *self = context;
    memset(self->counts, 0, sizeof(self->counts));
    for (size_t i = 0; i < hits->hit_count; i++)
        count_hit(self, (tal_lid)hits->hits[i].query, (tal_lid)hits->hits[i].reference,
                  hits->hits[i].evalue);
    return TAL_OK;
}

/* One line: what was searched how, and observed over expected at each cut. */
static tal_status report(void *context, const tal_bench_done *done)
{
    study *self = context;
    double queries = tal_seqset_count(self->decoys);
    tal_status status =
        tal_buffer_printf(self->table, "  %-9s %-22s %-12s %-7s %-8s", self->decoy_name, done->name,
                          done->mask, done->composition, done->null_model);
    for (int i = 0; i < CUT_COUNT && status == TAL_OK; i++) {
        double found = (double)self->counts[i] / queries;
        status = tal_buffer_printf(self->table, " %9.4f %6.2f", found, found / cuts[i]);
        if (status == TAL_OK)
            status = tal_buffer_printf(
                self->csv, "%s,%s,%s,%s,%s,%g,%.0f,%llu,%.6f,%.6f,%.2f,%.2f\n", self->decoy_name,
                done->name, done->mask, done->composition, done->null_model, cuts[i], queries,
                (unsigned long long)self->counts[i], found, found / cuts[i], done->seconds,
                done->cpu_seconds);
    }
    if (status != TAL_OK)
        return status;
    return done->seconds < 0
               ? tal_buffer_append_text(self->table, "\n")
               : tal_buffer_printf(self->table, " %8.1f %8.1f\n", done->seconds, done->cpu_seconds);
}

static tal_status search_decoys(study *self)
{
    tal_bench_search search = {
        .run = self->run,
        .team = self->team,
        .queries = self->decoys,
        .references = self->references,
        .evalue = cuts[0],
        .take = take_hits,
        .context = self,
    };
    return tal_bench_each_setup(&search, setups, sizeof(setups) / sizeof(setups[0]), report);
}

/* The rows of a table that another program made of the same decoys. */
static tal_status report_table(void *context, const tal_bench_done *done)
{
    study *self = context;
    memset(self->counts, 0, sizeof(self->counts));
    const tal_bench_row *row = (const tal_bench_row *)(const void *)self->rows.data;
    for (size_t k = 0; k < self->rows.bytes / sizeof(*row); k++)
        count_hit(self, row[k].query, row[k].reference, row[k].evalue);
    return report(context, done);
}

static tal_status study_decoys(study *self, tal_bench_copy copy)
{
    int64_t limit = tal_run_int(self->run, "max-queries");
    tal_lid count = limit == 0 ? UINT32_MAX : (tal_lid)limit;
    self->decoy_name = copy == TAL_BENCH_REVERSED ? "reversed" : "shuffled";
    tal_status status = tal_bench_copy_set(self->queries, count, copy, &self->decoys);
    const char *path = tal_run_text(self->run, "write-queries");
    if (status == TAL_OK && path != NULL) {
        if (copy == TAL_BENCH_REVERSED)
            status = tal_bench_write_set(path, self->decoys);
        goto done;
    }
    if (status == TAL_OK)
        status = search_decoys(self);
    if (status == TAL_OK && copy == TAL_BENCH_REVERSED)
        status = tal_bench_each_table(self->run, self->decoys, self->references, &self->rows,
                                      report_table, self);
done:
    tal_seqset_destroy(self->decoys);
    self->decoys = NULL;
    return status;
}

static tal_status print_head(const study *self)
{
    tal_status status = tal_buffer_printf(
        self->table,
        "False hits a query, and observed over expected, at E-values of at most E\n"
        "  %-9s %-22s %-12s %-7s %-8s",
        "queries", "search", "mask", "compos.", "null");
    for (int i = 0; i < CUT_COUNT && status == TAL_OK; i++)
        status = tal_buffer_printf(self->table, " %9s=%-6g", "E", cuts[i]);
    if (status == TAL_OK)
        status = tal_buffer_printf(self->table, " %8s %8s\n", "seconds", "CPU s");
    return status == TAL_OK
               ? tal_buffer_append_text(
                     self->csv, "decoys,search,mask,composition,null_model,evalue,queries,hits,"
                                "hits_per_query,observed_over_expected,seconds,"
                                "cpu_seconds\n")
               : status;
}

tal_status tal_bench_calibration(const tal_run *run, tal_buffer *table, tal_buffer *csv)
{
    study self = {.run = run, .table = table, .csv = csv};
    tal_status status = tal_team_setup(run, &self.team);
    if (status == TAL_OK)
        status = tal_bench_load(run, tal_run_argument(run, 1), "queries", &self.queries);
    if (status == TAL_OK)
        status = tal_bench_load(run, tal_run_argument(run, 2), "references", &self.references);
    if (status == TAL_OK)
        status = print_head(&self);
    if (status == TAL_OK)
        status = study_decoys(&self, TAL_BENCH_REVERSED);
    if (status == TAL_OK)
        status = study_decoys(&self, TAL_BENCH_SHUFFLED);
    tal_buffer_deinit(&self.rows);
    tal_seqset_destroy(self.references);
    tal_seqset_destroy(self.queries);
    tal_team_destroy(self.team);
    return status;
}
