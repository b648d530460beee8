/* talaria bench kernels: the speed of every kernel; see bench.c.
 *
 * All kernels and levels, and libparasail where it is there, are measured one after the other in
 * each round, on the same input, beside the machine's own pace; shares and ratios are medians over
 * rounds of what belongs to one round, so that a clock that changes and a machine that others use
 * fall on both sides. Times are processor time of the one thread.
 */
#include "app/bench.h"
#include "app/bench_kernels.h"
#include "app/bench_rival.h"

#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RIVALS_MAX = 8 };

static const tal_bench_kernel kernels[] = {
    {"score-local-8", TAL_BENCH_SCORE, TAL_LOCAL, TAL_WIDTH_8},
    {"score-local-16", TAL_BENCH_SCORE, TAL_LOCAL, TAL_WIDTH_16},
    {"score-local-32", TAL_BENCH_SCORE, TAL_LOCAL, TAL_WIDTH_32},
    {"score-global-16", TAL_BENCH_SCORE, TAL_GLOBAL, TAL_WIDTH_16},
    {"score-global-32", TAL_BENCH_SCORE, TAL_GLOBAL, TAL_WIDTH_32},
    {"score-semiglobal-16", TAL_BENCH_SCORE, TAL_SEMIGLOBAL, TAL_WIDTH_16},
    {"score-semiglobal-32", TAL_BENCH_SCORE, TAL_SEMIGLOBAL, TAL_WIDTH_32},
    {"gapless", TAL_BENCH_GAPLESS, TAL_LOCAL, TAL_WIDTH_8},
    {"identity", TAL_BENCH_IDENTITY, TAL_LOCAL, TAL_WIDTH_8},
    {"repeats", TAL_BENCH_REPEATS, TAL_LOCAL, TAL_WIDTH_8},
    {"wave-16", TAL_BENCH_WAVE, TAL_LOCAL, TAL_WIDTH_16},
    {"wave-32", TAL_BENCH_WAVE, TAL_LOCAL, TAL_WIDTH_32},
};

enum { KERNEL_COUNT = sizeof(kernels) / sizeof(kernels[0]) };

static const char *const spread_names[TAL_BENCH_SPREAD_COUNT] = {"uniform", "protein", "short"};

/* Something measured once a round. */
typedef struct samples {
    uint64_t repeats;                    /* of a measurement; 0: not known yet */
    double rates[TAL_BENCH_REPEATS_MAX]; /* cells of a nanosecond */
} samples;

typedef struct bench_row {
    const tal_bench_kernel *kernel;
    tal_isa isa;
    samples taken;
    double bounds[TAL_BENCH_REPEATS_MAX];
} bench_row;

typedef struct opponent {
    tal_bench_rival *kernel; /* NULL: none */
    const char *name;
    tal_lid next; /* reference to be scored next */
    samples taken;
} opponent;

typedef struct study {
    const tal_run *run;
    tal_buffer *table, *csv;
    tal_matrix matrix;
    tal_kernel_table levels[TAL_ISA_COUNT];
    bool has_kernel[KERNEL_COUNT];
    int rounds;
    uint64_t sample_ns;
    /* Of the input at hand. */
    tal_bench_input *input;
    bench_row rows[KERNEL_COUNT * TAL_ISA_COUNT];
    int row_count;
    opponent rivals[TAL_MODE_COUNT];
    tal_bench_pace paces[TAL_ISA_COUNT];
} study;

/* Whether `name` is `wanted` or begins with it and a dash: "score" selects all score kernels. */
static bool is_selected(const char *name, const char *wanted)
{
    size_t len = strlen(wanted);
    return strncmp(name, wanted, len) == 0 && (name[len] == '\0' || name[len] == '-');
}

static tal_status select_kernels(study *self)
{
    int wanted_count = tal_run_text_count(self->run, "kernel");
    for (int k = 0; k < KERNEL_COUNT; k++)
        self->has_kernel[k] = wanted_count == 0;
    for (int i = 0; i < wanted_count; i++) {
        const char *wanted = tal_run_text_at(self->run, "kernel", i);
        bool is_known = false;
        for (int k = 0; k < KERNEL_COUNT; k++)
            if (is_selected(kernels[k].name, wanted))
                is_known = self->has_kernel[k] = true;
        if (!is_known)
            return tal_fail(
                TAL_ERR_USAGE,
                "no kernel is called '%.40s'; there are score-local-8, -16, -32, "
                "score-global-16, -32, score-semiglobal-16, -32, gapless, identity, "
                "repeats, wave-16, -32, and 'score', 'score-local', 'wave' mean all of a kind",
                wanted);
    }
    return TAL_OK;
}

/* One run of a row, or of a rival: whichever is not NULL. */
static tal_status run_once(study *self, const bench_row *row, opponent *rival, uint64_t *out_cells)
{
    if (row != NULL)
        return tal_bench_kernel_run(row->kernel, &self->levels[row->isa], self->input, out_cells);
    *out_cells = tal_bench_rival_run(rival->kernel, rival->next);
    rival->next = (rival->next + 1) % tal_seqset_count(self->input->set);
    return TAL_OK;
}

/* Repeat it until the time of a measurement is over; later measurements take as many repeats. */
static tal_status measure(study *self, const bench_row *row, opponent *rival, samples *taken,
                          int round)
{
    uint64_t repeats = taken->repeats > 0 ? taken->repeats : 1;
    for (;;) {
        uint64_t sum = 0;
        uint64_t start = tal_bench_thread_ns();
        for (uint64_t i = 0; i < repeats; i++) {
            uint64_t cells;
            tal_status status = run_once(self, row, rival, &cells);
            if (status != TAL_OK)
                return status;
            sum += cells;
        }
        uint64_t elapsed = tal_bench_thread_ns() - start;
        if (elapsed >= self->sample_ns || taken->repeats > 0) {
            taken->repeats = repeats;
            taken->rates[round] = (double)sum / (double)(elapsed > 0 ? elapsed : 1);
            return TAL_OK;
        }
        repeats *= 2;
    }
}

/* The fastest of the rival's kernels for the mode on this input that holds all scores. */
static tal_status choose_rival(study *self, tal_mode mode)
{
    opponent *best = &self->rivals[mode];
    for (int i = 0; i < tal_bench_rival_count(mode); i++) {
        opponent candidate = {.name = tal_bench_rival_name(mode, i)};
        tal_status status = tal_bench_rival_create(mode, i, self->input, &candidate.kernel);
        bool is_exact = true;
        for (tal_lid lid = 0; status == TAL_OK && is_exact && lid < TAL_BATCH_LANES; lid += 16)
            is_exact = tal_bench_rival_run(candidate.kernel, lid) > 0;
        if (status == TAL_OK && is_exact)
            status = measure(self, NULL, &candidate, &candidate.taken, 0);
        if (status != TAL_OK) {
            tal_bench_rival_destroy(candidate.kernel);
            return status;
        }
        if (is_exact && (best->kernel == NULL || candidate.taken.rates[0] > best->taken.rates[0])) {
            tal_bench_rival_destroy(best->kernel);
            *best = candidate;
        } else {
            tal_bench_rival_destroy(candidate.kernel);
        }
    }
    return TAL_OK;
}

/* The rows of this input, and a rival for the modes they have. */
static tal_status list_rows(study *self)
{
    tal_isa last = tal_run_isa(self->run);
    tal_isa first = tal_run_is_given(self->run, "isa") ? last : TAL_ISA_SCALAR;
    bool has_mode[TAL_MODE_COUNT] = {false};
    self->row_count = 0;
    for (int k = 0; k < KERNEL_COUNT; k++)
        for (tal_isa isa = first; isa <= last && self->has_kernel[k]; isa++) {
            if (!tal_bench_kernel_fits(&kernels[k], &self->levels[isa], self->input))
                continue;
            self->rows[self->row_count++] = (bench_row){.kernel = &kernels[k], .isa = isa};
            has_mode[kernels[k].mode] |= tal_bench_has_rival(&kernels[k]);
        }
    tal_status status = TAL_OK;
    for (int mode = 0; mode < TAL_MODE_COUNT; mode++) {
        self->rivals[mode] = (opponent){.kernel = NULL};
        if (has_mode[mode] && status == TAL_OK)
            status = choose_rival(self, (tal_mode)mode);
    }
    return status;
}

static tal_status measure_round(study *self, int round)
{
    tal_status status = TAL_OK;
    bool is_paced[TAL_ISA_COUNT] = {false};
    for (int i = 0; i < self->row_count && status == TAL_OK; i++) {
        bench_row *row = &self->rows[i];
        if (!is_paced[row->isa])
            tal_bench_pace_measure(&self->levels[row->isa], &self->paces[row->isa]);
        is_paced[row->isa] = true;
        status = measure(self, row, NULL, &row->taken, round);
        row->bounds[round] =
            tal_bench_bound(row->kernel, &self->levels[row->isa], &self->paces[row->isa]);
    }
    for (int mode = 0; mode < TAL_MODE_COUNT && status == TAL_OK; mode++)
        if (self->rivals[mode].kernel != NULL)
            status = measure(self, NULL, &self->rivals[mode], &self->rivals[mode].taken, round);
    return status;
}

/* A number with so many decimals, or `none` where it is not above 0. */
static const char *number(char text[24], double value, int decimals, const char *none)
{
    if (!(value > 0))
        return none;
    (void)snprintf(text, 24, "%.*f", decimals, value);
    return text;
}

static tal_status report_row(study *self, const char *spread, bench_row *row)
{
    const bool has_rival = tal_bench_has_rival(row->kernel);
    opponent *rival = &self->rivals[row->kernel->mode];
    double shares[TAL_BENCH_REPEATS_MAX], ratios[TAL_BENCH_REPEATS_MAX];
    double rivals[TAL_BENCH_REPEATS_MAX];
    bool is_compared = has_rival && rival->kernel != NULL;
    for (int i = 0; i < self->rounds; i++) {
        double rate = row->taken.rates[i];
        shares[i] = row->bounds[i] > 0 ? 100 * rate / row->bounds[i] : 0;
        rivals[i] = is_compared ? rival->taken.rates[i] : 0;
        ratios[i] = is_compared ? rate / rivals[i] : 0;
    }
    double rate = tal_bench_median(row->taken.rates, self->rounds); /* Sorts: used last. */
    double bound = tal_bench_median(row->bounds, self->rounds);
    double share = tal_bench_median(shares, self->rounds);
    double ratio = tal_bench_median(ratios, self->rounds);
    double least = row->taken.rates[0];
    double most = row->taken.rates[self->rounds - 1];
    char texts[6][24];
    tal_status status = tal_buffer_printf(
        self->table, "  %-19s %-10s %-8s %6d %8.2f %8.2f %8.2f %8s %6s%s %8s\n", row->kernel->name,
        tal_isa_name(row->isa), spread, self->input->query_len, rate, least, most,
        number(texts[0], bound, 1, "-"), number(texts[1], share, 1, "-"), share > 0 ? "%" : " ",
        number(texts[2], ratio, 2, "-"));
    if (status == TAL_OK)
        status = tal_buffer_printf(
            self->csv, "%s,%s,%s,%d,%d,%.4f,%.4f,%.4f,%s,%s,%s,%s,%s\n", row->kernel->name,
            tal_isa_name(row->isa), spread, self->input->query_len, self->rounds, rate, least, most,
            number(texts[3], bound, 4, ""), number(texts[4], share / 100, 4, ""),
            is_compared ? rival->name : "",
            number(texts[5], tal_bench_median(rivals, self->rounds), 4, ""),
            number(texts[2], ratio, 4, ""));
    return status;
}

static tal_status study_input(study *self, tal_bench_spread spread, int32_t query_len)
{
    tal_status status = tal_bench_input_create(&self->matrix, query_len, spread, &self->input);
    if (status != TAL_OK)
        return status;
    status = list_rows(self);
    for (int round = 0; round < self->rounds && status == TAL_OK; round++)
        status = measure_round(self, round);
    for (int i = 0; i < self->row_count && status == TAL_OK; i++)
        status = report_row(self, spread_names[spread], &self->rows[i]);
    for (int mode = 0; mode < TAL_MODE_COUNT; mode++)
        tal_bench_rival_destroy(self->rivals[mode].kernel);
    tal_bench_input_destroy(self->input);
    self->input = NULL;
    return status;
}

/* What the machine does, from which bounds follow. */
static tal_status report_paces(study *self)
{
    tal_isa last = tal_run_isa(self->run);
    tal_bench_pace pace;
    tal_bench_pace_measure(&self->levels[last], &pace);
    tal_status status = tal_buffer_printf(self->table, "Clock %.2f GHz\n", pace.clock);
    for (tal_isa isa = TAL_ISA_SSE41; isa <= last && status == TAL_OK; isa++) {
        tal_bench_pace_measure(&self->levels[isa], &pace);
        status = tal_buffer_printf(
            self->table,
            "  %-10s a clock: %.2f operations of a score cell, %.2f of a gapless one, %.2f loads\n",
            tal_isa_name(isa), pace.cell[TAL_WIDTH_8] / pace.clock,
            pace.diagonal * 1.5 / pace.clock, pace.load / pace.clock);
    }
    return status;
}

tal_status tal_bench_kernels(const tal_run *run, tal_buffer *table, tal_buffer *csv)
{
    study *self = tal_alloc_zero(sizeof(*self));
    if (self == NULL)
        return TAL_ERR_MEMORY;
    int32_t lengths[TAL_BENCH_LENGTHS_MAX];
    int length_count = 0;
    self->run = run;
    self->table = table;
    self->csv = csv;
    self->rounds = (int)tal_run_int(run, "repeats");
    self->sample_ns = (uint64_t)tal_run_int(run, "sample-us") * 1000;
    for (int isa = 0; isa < TAL_ISA_COUNT; isa++)
        tal_kernel_table_init(&self->levels[isa], (tal_isa)isa);
    int spread = tal_run_choice(run, "distribution");
    int spread_begin = spread == TAL_BENCH_SPREAD_COUNT ? 0 : spread;
    int spread_end = spread == TAL_BENCH_SPREAD_COUNT ? spread : spread + 1;
    tal_status status = select_kernels(self);
    if (status == TAL_OK)
        status = tal_bench_lengths(tal_run_text(run, "lengths"), lengths, &length_count);
    if (status == TAL_OK)
        status = tal_matrix_load("BLOSUM62", TAL_PROTEIN, &self->matrix);
    if (status == TAL_OK)
        status = report_paces(self);
    if (status == TAL_OK)
        status =
            tal_buffer_printf(table, "  %-19s %-10s %-8s %6s %8s %8s %8s %8s %7s %8s\n", "kernel",
                              "level", "lengths", "query", "GCUPS", "least", "most", "bound",
                              "share", tal_bench_rival_count(TAL_LOCAL) > 0 ? "parasail" : "");
    if (status == TAL_OK)
        status = tal_buffer_append_text(
            csv, "kernel,level,distribution,query_len,repeats,gcups_median,gcups_min,gcups_max,"
                 "bound_gcups,share,parasail_kernel,parasail_gcups,parasail_ratio\n");
    for (int i = spread_begin; i < spread_end; i++)
        for (int k = 0; k < length_count && status == TAL_OK; k++)
            status = study_input(self, (tal_bench_spread)i, lengths[k]);
    tal_free(self);
    return status;
}
