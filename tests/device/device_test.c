/* Devices on this machine: first whether every backend is right, then how fast it is.
 *
 * Needs neither MPI nor HDF5, so that it can be carried to a machine with a GPU: one command, a few
 * minutes. Small samples are compared with the scalar kernel, samples with the lengths of real
 * proteins (log-normal, median 295, mean about 360 residues) with the host's vector kernels, which
 * the unit tests compare with the scalar one.
 *
 * usage: device-test [--backend cuda|opencl|host|all] [--device N] [--platform N] [--group N]
 *                    [--memory GIB] [--seconds S] [--length N] [--check] [--bench] [--small]
 * --length: one line of the benchmark, references and queries of N residues; 0: of proteins'
 * lengths.
 * --small: less to check, for programs that watch this one.
 * Exit: 0 all right, 1 a wrong score or a failing device, 64 usage, 77 no device but the host.
 */
#include "device/sample.h"

#include "base/clock.h"
#include "base/random.h"
#include "seq/alphabet.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CODES = 20, EXIT_WRONG = 1, EXIT_BAD_USAGE = 64, EXIT_SKIPPED = 77, BENCH_QUERIES = 64 };

typedef struct settings {
    tal_device_params params;
    bool is_all, has_check, has_bench, is_small;
    double seconds; /* of one benchmark line */
    int length;     /* the only one of the benchmark, 0: proteins', -1: all */
} settings;

/* The one stream all samples are drawn from: sample_create takes a function without context. */
static tal_random stream;

static uint64_t next_random(void)
{
    return tal_random_u64(&stream);
}

static bool fail(const tal_device *device, const char *what)
{
    printf("FAILED  %s: %s\n", what, tal_device_message(device));
    return false;
}

/* Lengths of real proteins, at most `most`. */
static void draw_real_lens(int32_t *out_lens, uint32_t count, int32_t most)
{
    for (uint32_t i = 0; i < count; i++) {
        double sum = -6;
        for (int k = 0; k < 12; k++)
            sum += tal_random_unit(&stream); /* close to normal */
        double len = exp(log(295.0) + 0.65 * sum);
        out_lens[i] = len < 2 ? 2 : len > most ? most : (int32_t)len;
    }
}

/* One batch of the whole sample. */
static bool run_batch(tal_device *device, const sample *own, tal_device_task task, bool wants_all,
                      tal_device_result *out_result)
{
    tal_device_batch batch = {
        .task = task,
        .queries = own->queries,
        .query_count = own->query_count,
        .ref_end = own->ref_count,
        .wants_all = wants_all,
    };
    return tal_device_submit(device, &batch) == TAL_OK &&
           tal_device_collect(device, out_result) == TAL_OK;
}

static bool load(tal_device *device, const sample *own)
{
    tal_device_shape shape = sample_shape(own);
    tal_device_references references = sample_references(own);
    return tal_device_reserve(device, &shape) == TAL_OK &&
           tal_device_upload(device, &references) == TAL_OK;
}

/* Compare all scores with what is expected; says what is wrong. */
static bool check_scores(const sample *own, const tal_device_result *result,
                         const int32_t *expected, const char *name)
{
    size_t wrong = 0;
    size_t hits = 0;
    for (uint32_t query = 0; query < own->query_count; query++)
        for (uint32_t ref = 0; ref < own->ref_count; ref++) {
            size_t at = (size_t)query * own->ref_count + ref;
            hits += expected[at] >= own->queries[query].cut;
            if (result->scores[at] == expected[at])
                continue;
            if (wrong++ < 3)
                printf("        query of %d, reference of %d: %d, not %d\n",
                       own->queries[query].len, (int)(own->offsets[ref + 1] - own->offsets[ref]),
                       result->scores[at], expected[at]);
        }
    bool is_right = wrong == 0 && hits == result->hit_count;
    printf("%s  %-34s %9zu pairs, %zu wrong, %zu hits, %" PRIu64 " rescued\n",
           is_right ? "right " : "FAILED", name, (size_t)own->query_count * own->ref_count, wrong,
           result->hit_count, result->rescue_count);
    return is_right;
}

/* `oracle`: NULL for the scalar kernel. */
static bool check_sample(tal_device *device, tal_device *oracle, const sample *own,
                         const char *name)
{
    static const char *const tasks[TAL_DEVICE_TASK_COUNT] = {"local", "gapless"};
    size_t pair_count = (size_t)own->query_count * own->ref_count;
    int32_t *expected = malloc(pair_count * sizeof(*expected));
    bool is_right = expected != NULL && load(device, own) && (oracle == NULL || load(oracle, own));
    if (!is_right)
        (void)fail(device, "reserve, upload");
    for (int task = 0; task < TAL_DEVICE_TASK_COUNT && is_right; task++) {
        tal_device_result result;
        char label[64];
        (void)snprintf(label, sizeof(label), "%s, %s", name, tasks[task]);
        if (oracle == NULL)
            sample_expect(own, (tal_device_task)task, 11, 1, expected);
        else if (run_batch(oracle, own, (tal_device_task)task, true, &result))
            memcpy(expected, result.scores, pair_count * sizeof(*expected));
        else
            is_right = fail(oracle, label);
        if (is_right && !run_batch(device, own, (tal_device_task)task, true, &result))
            is_right = fail(device, label);
        is_right = is_right && check_scores(own, &result, expected, label);
    }
    free(expected);
    return is_right;
}

static sample make_sample(const int32_t *ref_lens, uint32_t ref_count, const int32_t *query_lens,
                          uint32_t query_count)
{
    int8_t scores[32 * 32];
    sample_scores(scores, next_random);
    sample own =
        sample_create(ref_lens, ref_count, query_lens, query_count, CODES, scores, next_random);
    for (uint32_t i = 0; i < query_count; i++) {
        sample_plant(&own, i, (uint32_t)(next_random() % ref_count), 0);
        own.queries[i].cut = 60;
    }
    return own;
}

static bool check_random(tal_device *device)
{
    int32_t ref_lens[200];
    int32_t query_lens[33];
    for (int i = 0; i < 200; i++)
        ref_lens[i] = 1 + (int32_t)(next_random() % (i < 20 ? 3 : 300));
    for (int i = 0; i < 33; i++)
        query_lens[i] = 1 + (int32_t)(next_random() % (i < 5 ? 3 : 280));
    sample own = make_sample(ref_lens, 200, query_lens, 33);
    bool is_right = check_sample(device, NULL, &own, "random lengths 1 to 300");
    sample_destroy(&own);
    return is_right;
}

/* 5,000 equal residues score up to 55,000: the list of rescues, and several tiles. */
static bool check_long(tal_device *device, tal_device *oracle, int32_t longest)
{
    const int32_t lens[] = {longest, longest - 1, longest / 2, 513, 512, 511, 1};
    sample own = make_sample(lens, 7, lens, 7);
    for (uint32_t i = 0; i < 7; i++)
        sample_plant(&own, i, i, 0);
    bool is_right = check_sample(device, oracle, &own, "long and rescued");
    sample_destroy(&own);
    return is_right;
}

static bool check_real(tal_device *device, tal_device *oracle, uint32_t ref_count,
                       uint32_t query_count)
{
    int32_t *ref_lens = malloc((ref_count + query_count) * sizeof(*ref_lens));
    if (ref_lens == NULL)
        return false;
    draw_real_lens(ref_lens, ref_count + query_count, 5000);
    sample own = make_sample(ref_lens, ref_count, ref_lens + ref_count, query_count);
    bool is_right = check_sample(device, oracle, &own, "lengths of proteins");
    sample_destroy(&own);
    free(ref_lens);
    return is_right;
}

/* Everything a device must get right; less of it where the device is slow. */
static bool check(const settings *how, tal_device *device)
{
    bool is_small = how->is_small || tal_device_describe(device)->is_cpu;
    tal_device_params params = how->params;
    tal_device *oracle;
    params.kind = TAL_DEVICE_HOST;
    bool is_right = tal_device_open(&params, &oracle) == TAL_OK;
    is_right = check_random(device) && is_right;
    is_right = check_long(device, oracle, is_small ? 4500 : 20000) && is_right;
    is_right = check_real(device, oracle, is_small ? 256 : 5000, is_small ? 8 : 64) && is_right;
    tal_device_close(oracle);
    return is_right;
}

/* Keep the device busy with the sample for a while; prints one line. */
static bool measure(const settings *how, tal_device *device, const sample *own,
                    tal_device_task task, const char *name)
{
    int slots = tal_device_describe(device)->slot_count;
    tal_device_result result;
    if (!load(device, own) || !run_batch(device, own, task, false, &result)) /* warm */
        return fail(device, name);
    tal_device_batch batch = {.task = task,
                              .queries = own->queries,
                              .query_count = own->query_count,
                              .ref_end = own->ref_count};
    uint64_t start = tal_clock_ns();
    uint64_t compute_ns = 0;
    int done = 0;
    double seconds = 0;
    while (seconds < how->seconds || tal_device_in_flight(device) > 0) {
        if (seconds < how->seconds && tal_device_in_flight(device) < slots) {
            if (tal_device_submit(device, &batch) != TAL_OK)
                return fail(device, name);
        } else {
            if (tal_device_collect(device, &result) != TAL_OK)
                return fail(device, name);
            compute_ns += result.compute_ns;
            done++;
        }
        seconds = (double)(tal_clock_ns() - start) * 1e-9;
    }
    double cells = (double)sample_cells(own) * done;
    printf("%-8s %-22s %6u x %-8u %9.3g Gcells %8.2f s %10.2f GCUPS",
           task == 0 ? "local" : "gapless", name, own->query_count, own->ref_count, cells * 1e-9,
           seconds, cells / seconds * 1e-9);
    if (compute_ns > 0)
        printf("  busy %3.0f %%", (double)compute_ns * 1e-9 / seconds * 100);
    printf("\n");
    return true;
}

/* What the 32-bit kernel does: equal residues, of which every pair passes what 16 bits hold. */
static bool measure_rescue(const settings *how, tal_device *device)
{
    enum { LEN = 7000, REFS = 200, QUERIES = 8, SCORE = 5 };
    int32_t lens[REFS];
    for (int i = 0; i < REFS; i++)
        lens[i] = LEN;
    sample own = make_sample(lens, REFS, lens, QUERIES);
    memset(own.letters, 3, own.offsets[REFS]);
    for (uint32_t i = 0; i < QUERIES; i++)
        for (int32_t row = 0; row < LEN; row++)
            own.profiles[i][(size_t)row * 32 + 3] = SCORE;
    bool is_right = measure(how, device, &own, TAL_DEVICE_LOCAL, "all with 32 bits");
    sample_destroy(&own);
    return is_right;
}

/* Lines for uniform lengths and for those of proteins. */
static bool bench(const settings *how, tal_device *device)
{
    int32_t bins[] = {64, 128, 256, 512, 1024, 2048, 4096, 8192};
    bool is_cpu = tal_device_describe(device)->is_cpu;
    bool is_slow = is_cpu && tal_device_describe(device)->kind != TAL_DEVICE_HOST;
    double cells_wanted = is_slow ? 2e7 : is_cpu ? 3e9 : 1e12;
    bool is_right = true;
    size_t bin_count = is_slow ? 4 : is_cpu ? 6 : sizeof(bins) / sizeof(bins[0]);
    if (how->length >= 0) {
        bins[0] = how->length;
        bin_count = how->length > 0;
    }
    for (size_t i = 0; i < bin_count && is_right; i++) {
        uint32_t query_count = is_slow ? 2 : BENCH_QUERIES;
        double pair = (double)bins[i] * bins[i] * query_count;
        uint32_t ref_count = (uint32_t)(cells_wanted / pair) + 64;
        int32_t *lens = malloc((ref_count + query_count) * sizeof(*lens));
        if (lens == NULL)
            return false;
        for (uint32_t k = 0; k < ref_count + query_count; k++)
            lens[k] = bins[i];
        sample own = make_sample(lens, ref_count, lens, query_count);
        char name[32];
        (void)snprintf(name, sizeof(name), "length %d", bins[i]);
        for (uint32_t k = 0; k < query_count; k++)
            own.queries[k].cut = 1000;
        is_right = measure(how, device, &own, TAL_DEVICE_LOCAL, name) &&
                   (how->params.kind == TAL_DEVICE_HOST || /* its gapless is a plain oracle */
                    measure(how, device, &own, TAL_DEVICE_GAPLESS, name));
        sample_destroy(&own);
        free(lens);
    }
    if (!is_right || is_slow || how->length > 0)
        return is_right;
    uint32_t ref_count = is_cpu ? 4096 : 200000;
    int32_t *lens = malloc((ref_count + BENCH_QUERIES) * sizeof(*lens));
    if (lens == NULL)
        return false;
    draw_real_lens(lens, ref_count + BENCH_QUERIES, 8000);
    sample own = make_sample(lens, ref_count, lens + ref_count, BENCH_QUERIES);
    is_right = measure(how, device, &own, TAL_DEVICE_LOCAL, "lengths of proteins");
    sample_destroy(&own);
    free(lens);
    return is_right && (is_cpu || measure_rescue(how, device));
}

/* 1: all right, 0: absent, -1: wrong. */
static int try_backend(settings *how, tal_device_kind kind)
{
    tal_device *device;
    how->params.kind = kind;
    tal_random_init(&stream, 6, 0, (uint64_t)kind);
    tal_status status = tal_device_open(&how->params, &device);
    if (status != TAL_OK) {
        printf("\n%s  %s\n", status == TAL_ERR_CONFIG ? "skipped" : "FAILED",
               device == NULL ? "out of memory" : tal_device_message(device));
        tal_device_close(device);
        return status == TAL_ERR_CONFIG ? 0 : -1;
    }
    printf("\n%s\n", tal_device_describe(device)->text);
    bool is_right =
        (!how->has_check || check(how, device)) && (!how->has_bench || bench(how, device));
    tal_device_close(device);
    return is_right ? 1 : -1;
}

static bool parse(int argc, char **argv, settings *how)
{
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (strcmp(word, "--check") == 0 || strcmp(word, "--bench") == 0) {
            how->has_check = word[2] == 'c';
            how->has_bench = word[2] == 'b';
            continue;
        }
        if (strcmp(word, "--small") == 0) {
            how->is_small = true;
            continue;
        }
        const char *value = i + 1 < argc ? argv[++i] : NULL;
        if (value == NULL)
            return false;
        if (strcmp(word, "--backend") == 0) {
            how->is_all = strcmp(value, "all") == 0;
            for (int kind = TAL_DEVICE_CUDA; kind < TAL_DEVICE_KIND_COUNT; kind++)
                if (strcmp(value, tal_device_kind_name((tal_device_kind)kind)) == 0)
                    how->params.kind = (tal_device_kind)kind;
            if (!how->is_all && how->params.kind == TAL_DEVICE_AUTO)
                return false;
        } else if (strcmp(word, "--device") == 0) {
            how->params.device_idx = atoi(value);
        } else if (strcmp(word, "--platform") == 0) {
            how->params.opencl_platform = atoi(value);
        } else if (strcmp(word, "--group") == 0) {
            how->params.opencl_work_group_size = how->params.cuda_threads_per_block = atoi(value);
        } else if (strcmp(word, "--memory") == 0) {
            how->params.memory_bytes = (uint64_t)(atof(value) * (1 << 30));
        } else if (strcmp(word, "--seconds") == 0) {
            how->seconds = atof(value);
        } else if (strcmp(word, "--length") == 0) {
            how->length = atoi(value);
        } else {
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    settings how = {
        .params = {.isa = tal_cpu_isa_best(),
                   .gap_open = 11,
                   .gap_extend = 1,
                   .code_count = TAL_PROTEIN_LETTER_COUNT},
        .is_all = true,
        .has_check = true,
        .has_bench = true,
        .seconds = 1,
        .length = -1,
    };
    if (!parse(argc, argv, &how)) {
        printf("usage: device-test [--backend cuda|opencl|host|all] [--device N] [--platform N] "
               "[--group N] [--memory GIB] [--seconds S] [--length N] [--check] [--bench] "
               "[--small]\n");
        return EXIT_BAD_USAGE;
    }
    tal_device_kind only = how.params.kind;
    int device_count = 0;
    bool is_wrong = false;
    (void)setvbuf(stdout, NULL, _IOLBF,
                  0); /* Else a full one; what stops it shows what was done. */
    for (int kind = TAL_DEVICE_CUDA; kind < TAL_DEVICE_KIND_COUNT; kind++) {
        if (!how.is_all && only != TAL_DEVICE_AUTO && kind != (int)only)
            continue;
        int got = try_backend(&how, (tal_device_kind)kind);
        is_wrong = is_wrong || got < 0;
        device_count += got > 0 && (kind != TAL_DEVICE_HOST || only == TAL_DEVICE_HOST);
    }
    if (is_wrong)
        return EXIT_WRONG;
    if (device_count == 0)
        printf("\nskipped: no device but the host\n");
    return device_count == 0 ? EXIT_SKIPPED : 0;
}
