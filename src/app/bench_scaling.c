/* talaria bench scaling: the search of simulated proteins with more and more threads; see bench.c.
 *
 * Every round measures all thread counts one after the other, so that what else the machine does
 * falls on all of them; efficiencies are medians over rounds of ratios within a round.
 */
#include "app/bench.h"

#include "app/team_setup.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/random.h"
#include "search/search.h"
#include "sim/family.h"
#include "sim/model.h"

enum {
    MEAN_LEN = 300,
    FAMILY_SIZE = 10,
    LONG_LEN = 35000, /* about the longest protein known, titin */
    TRACE_BYTES = 1 << 26,
};

/* Seeds of the two sets. */
enum { SEED_REFERENCES = 11, SEED_QUERIES = 12 };

typedef struct study {
    const tal_run *run;
    bool is_weak;
    tal_matrix matrix;
    tal_search_params params;
    tal_seqset *references;
    int counts[TAL_BENCH_STEPS_MAX];
    int count;
    double seconds[TAL_BENCH_STEPS_MAX][TAL_BENCH_REPEATS_MAX];
    double gcups[TAL_BENCH_STEPS_MAX][TAL_BENCH_REPEATS_MAX];
    double idle[TAL_BENCH_STEPS_MAX][TAL_BENCH_REPEATS_MAX];
    double cpu_seconds[TAL_BENCH_STEPS_MAX][TAL_BENCH_REPEATS_MAX]; /* of all threads */
} study;

static tal_status append_member(void *context, const tal_member *member)
{
    uint8_t codes[256];
    tal_alphabet_codes(TAL_PROTEIN, codes);
    uint8_t *residues = tal_alloc(member->len);
    if (residues == NULL)
        return TAL_ERR_MEMORY;
    for (size_t i = 0; i < member->len; i++)
        residues[i] = codes[(uint8_t)member->letters[i]];
    tal_status status = tal_seqset_append(context, member->sequence, residues, member->len, "s", 1);
    tal_free(residues);
    return status;
}

/* One protein of uniform letters. */
static tal_status append_long(tal_seqset *set)
{
    tal_random random;
    tal_random_init(&random, SEED_REFERENCES, UINT32_MAX, 0); /* A purpose of its own. */
    uint8_t *residues = tal_alloc(LONG_LEN);
    if (residues == NULL)
        return TAL_ERR_MEMORY;
    for (size_t i = 0; i < LONG_LEN; i++)
        residues[i] = (uint8_t)tal_random_below(&random, TAL_MODEL_STATES_MAX);
    tal_status status =
        tal_seqset_append(set, tal_seqset_count(set), residues, LONG_LEN, "long", 4);
    tal_free(residues);
    return status;
}

/* `count` proteins in families of about ten. */
static tal_status make_set(uint64_t seed, uint64_t count, bool has_long, tal_seqset **out_set)
{
    tal_seqset *set = NULL;
    tal_status status = tal_seqset_create(TAL_PROTEIN, &set);
    if (status != TAL_OK)
        return status;
    uint64_t family_count = count < FAMILY_SIZE ? 1 : count / FAMILY_SIZE;
    tal_model model;
    tal_sim_plan plan;
    tal_family_maker maker;
    tal_model_init(&model, TAL_PROTEIN);
    tal_sim_plan_init(&plan, seed, count, family_count, MEAN_LEN, 0.5);
    tal_sim_plan_set_len_scale(&plan, tal_sim_plan_len_sum(&plan, 0, family_count));
    tal_family_maker_init(&maker, &plan, &model, 0.03, 0.7);
    status = tal_family_make(&maker, 0, count, append_member, set);
    tal_family_maker_deinit(&maker);
    if (status == TAL_OK && has_long)
        status = append_long(set);
    if (status == TAL_OK) {
        *out_set = set;
        set = NULL; /* Now the caller's. */
    }
    tal_seqset_destroy(set);
    return status;
}

/* One search of the block with a team of the size. */
static tal_status search_once(study *self, const tal_seqset *queries, int step, int repeat)
{
    tal_team *team = NULL;
    tal_search *search = NULL;
    tal_block_hits hits;
    uint64_t counts[TAL_COUNT_COUNT];
    tal_status status = tal_team_setup_size(self->run, self->counts[step], &team);
    if (status == TAL_OK)
        status = tal_search_create(tal_run_comm(self->run), team, &self->params, self->references,
                                   &search);
    if (status != TAL_OK)
        goto done;
    uint64_t start = tal_clock_ns();
    uint64_t cpu_start = tal_clock_cpu_ns();
    status = tal_search_block(search, queries, &hits);
    self->seconds[step][repeat] = (double)(tal_clock_ns() - start) * 1e-9;
    self->cpu_seconds[step][repeat] = (double)(tal_clock_cpu_ns() - cpu_start) * 1e-9;
    tal_search_counts(search, counts);
    self->gcups[step][repeat] =
        (double)counts[TAL_COUNT_CELLS] * 1e-9 / tal_search_times_get(search).score;
    double idle_ns = 0;
    double busy_ns = 0;
    for (int i = 0; i < tal_team_size(team); i++) {
        tal_worker_stats stats = tal_team_stats(team, i);
        idle_ns += (double)stats.idle_ns;
        busy_ns += (double)stats.busy_ns;
    }
    self->idle[step][repeat] = idle_ns / (idle_ns + busy_ns);
done:
    tal_search_destroy(search);
    tal_team_destroy(team);
    return status;
}

static tal_status measure(study *self)
{
    bool has_long = tal_run_choice(self->run, "long") == 1;
    uint64_t query_count = (uint64_t)tal_run_int(self->run, "query-count");
    int repeats = (int)tal_run_int(self->run, "repeats");
    tal_status status = TAL_OK;
    for (int repeat = 0; repeat < repeats && status == TAL_OK; repeat++)
        for (int step = 0; step < self->count && status == TAL_OK; step++) {
            tal_seqset *queries = NULL;
            uint64_t factor = self->is_weak ? (uint64_t)self->counts[step] : 1;
            status = make_set(SEED_QUERIES, query_count * factor, has_long, &queries);
            if (status == TAL_OK)
                status = search_once(self, queries, step, repeat);
            tal_seqset_destroy(queries);
        }
    return status;
}

static tal_status report(study *self, tal_buffer *table, tal_buffer *csv)
{
    const char *name = self->is_weak ? "weak" : "strong";
    int repeats = (int)tal_run_int(self->run, "repeats");
    int cpu_count = tal_team_cpu_count();
    tal_status status = TAL_OK;
    double ratios[TAL_BENCH_STEPS_MAX][TAL_BENCH_REPEATS_MAX];
    for (int step = 0; step < self->count; step++)
        for (int repeat = 0; repeat < repeats; repeat++)
            ratios[step][repeat] = self->seconds[0][repeat] / self->seconds[step][repeat];
    for (int step = 0; step < self->count && status == TAL_OK; step++) {
        int threads = self->counts[step];
        double seconds = tal_bench_median(self->seconds[step], repeats);
        double gcups = tal_bench_median(self->gcups[step], repeats);
        double idle = tal_bench_median(self->idle[step], repeats);
        double cpu = tal_bench_median(self->cpu_seconds[step], repeats);
        double speedup =
            tal_bench_median(ratios[step], repeats) * (self->is_weak ? (double)threads : 1.0);
        double efficiency = speedup / (threads < cpu_count ? threads : cpu_count);
        status = tal_buffer_printf(
            table, "  %-7s %7d %9.3f %9.3f %9.3f %8.2f %9.1f%% %8.1f %6.1f%% %9.3f\n", name,
            threads, seconds, self->seconds[step][0], self->seconds[step][repeats - 1], speedup,
            100 * efficiency, gcups, 100 * idle, cpu);
        if (status == TAL_OK)
            status = tal_buffer_printf(csv, "%s,%d,%d,%.6f,%.6f,%.6f,%.4f,%.4f,%.3f,%.4f,%.6f\n",
                                       name, threads, repeats, seconds, self->seconds[step][0],
                                       self->seconds[step][repeats - 1], speedup, efficiency, gcups,
                                       idle, cpu);
    }
    return status;
}

static tal_status set_up(study *self)
{
    bool has_long = tal_run_choice(self->run, "long") == 2;
    tal_status status = make_set(SEED_REFERENCES, (uint64_t)tal_run_int(self->run, "references"),
                                 has_long, &self->references);
    if (status == TAL_OK)
        status = tal_matrix_load("BLOSUM62", TAL_PROTEIN, &self->matrix);
    if (status != TAL_OK)
        return status;
    self->params = (tal_search_params){
        .isa = tal_run_isa(self->run),
        .mode = TAL_LOCAL,
        .matrix = &self->matrix,
        .gaps = tal_gaps_default(&self->matrix),
        .evalue = 1e-3,
        .score_min = INT32_MIN,
        .hit_limit = 1,
        .has_plus = true,
        .residue_count = tal_seqset_residue_count(self->references),
        .sequence_count = tal_seqset_count(self->references),
        .trace_bytes = TRACE_BYTES,
    };
    for (tal_lid lid = 0; lid < tal_seqset_count(self->references); lid++)
        if ((uint64_t)tal_seqset_len(self->references, lid) > self->params.len_max)
            self->params.len_max = (uint64_t)tal_seqset_len(self->references, lid);
    int limit = tal_run_is_given(self->run, "max-threads")
                    ? (int)tal_run_int(self->run, "max-threads")
                    : 2 * tal_team_cpu_count();
    self->count = tal_bench_steps(limit, self->counts);
    return tal_stats_find(&self->matrix, self->params.gaps, &self->params.stats);
}

tal_status tal_bench_scaling(const tal_run *run, tal_buffer *table, tal_buffer *csv)
{
    study *self = tal_alloc_zero(sizeof(*self));
    if (self == NULL)
        return TAL_ERR_MEMORY;
    self->run = run;
    tal_status status = set_up(self);
    if (status == TAL_OK)
        status = tal_buffer_printf(
            table, "Search of %u proteins, %d CPUs\n  %-7s %7s %9s %9s %9s %8s %10s %8s %7s %9s\n",
            tal_seqset_count(self->references), tal_team_cpu_count(), "study", "threads", "seconds",
            "least", "most", "speedup", "efficiency", "GCUPS", "idle", "CPU s");
    if (status == TAL_OK)
        status = tal_buffer_append_text(
            csv, "study,threads,repeats,seconds_median,seconds_min,"
                 "seconds_max,speedup,efficiency,gcups,idle_share,cpu_seconds\n");
    for (int weak = 0; weak < 2 && status == TAL_OK; weak++) {
        self->is_weak = weak == 1;
        status = measure(self);
        if (status == TAL_OK)
            status = report(self, table, csv);
    }
    tal_seqset_destroy(self->references);
    tal_free(self);
    return status;
}
