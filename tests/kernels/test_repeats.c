/* Repeats kernels of every instruction set: the same bits, before guard pages, and the
 * probabilities of the model by its definition. */
#include "guarded.h"
#include "harness.h"

#include "base/cpu.h"
#include "kernels/table.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char test_suite_name[] = "kernels/repeats";

enum { LEN_MAX = 3 * TAL_REPEATS_SPAN, LETTERS = 20, PAD = TAL_REPEATS_CODES - 1 };

static const int offset_counts[] = {16, 48, 96};
static tal_repeats_model model;
static uint8_t codes[LEN_MAX];

static void make_model(int offset_count)
{
    model = (tal_repeats_model){.offset_count = offset_count, .stay = 0.995f, .leave = 0.05f};
    for (int k = 0; k < offset_count; k++)
        model.enter[k] = 0.0005f * powf(0.9f, (float)k);
    for (int x = 0; x < LETTERS; x++)
        for (int y = 0; y <= x; y++)
            model.ratio[x][y] = model.ratio[y][x] =
                x == y ? 4.0f + (float)x : 0.3f + 0.05f * (float)test_random_in(0, 20);
}

/* Random letters with repeats of some units here and there. */
static void make_codes(int32_t len)
{
    for (int32_t i = 0; i < len; i++)
        codes[i] = (uint8_t)test_random_in(0, LETTERS - 1);
    for (int32_t at = 0; at < len; at += (int32_t)test_random_in(20, 200)) {
        int32_t unit = (int32_t)test_random_in(1, 90);
        int32_t end = at + unit * (int32_t)test_random_in(2, 5);
        for (int32_t i = at + unit; i < end && i < len; i++)
            codes[i] = codes[i - unit];
    }
}

/* All that a kernel reads and writes, each part before a guard page. */
typedef struct room {
    guarded turned, ratios, forward, backward, forward_powers, backward_powers;
} room;

static room room_create(void)
{
    size_t steps = LEN_MAX / TAL_REPEATS_STEP + 1;
    return (room){
        .turned = guarded_create(LEN_MAX + TAL_REPEATS_PADS),
        .ratios = guarded_create(tal_repeats_scratch_bytes(LEN_MAX)),
        .forward = guarded_create(LEN_MAX * sizeof(float)),
        .backward = guarded_create(LEN_MAX * sizeof(float)),
        .forward_powers = guarded_create(steps * sizeof(int32_t)),
        .backward_powers = guarded_create(steps * sizeof(int32_t)),
    };
}

static void room_destroy(room *r)
{
    guarded_destroy(&r->turned);
    guarded_destroy(&r->ratios);
    guarded_destroy(&r->forward);
    guarded_destroy(&r->backward);
    guarded_destroy(&r->forward_powers);
    guarded_destroy(&r->backward_powers);
}

static float run(const room *r, tal_isa isa, int32_t len, tal_repeats_job *out_job)
{
    const size_t steps = (size_t)len / TAL_REPEATS_STEP + 1;
    uint8_t *turned = guarded_end(&r->turned, (size_t)len + TAL_REPEATS_PADS, 0);
    for (int32_t i = 0; i < len; i++)
        turned[i] = codes[len - 1 - i];
    memset(turned + len, PAD, TAL_REPEATS_PADS);
    *out_job = (tal_repeats_job){
        .model = &model,
        .turned = turned,
        .len = len,
        .ratios = guarded_end(&r->ratios, tal_repeats_scratch_bytes(len), 0xff),
        .forward = guarded_end(&r->forward, (size_t)len * sizeof(float), 0xff),
        .backward = guarded_end(&r->backward, (size_t)len * sizeof(float), 0xff),
        .forward_powers = guarded_end(&r->forward_powers, steps * sizeof(int32_t), 0xff),
        .backward_powers = guarded_end(&r->backward_powers, steps * sizeof(int32_t), 0xff),
    };
    tal_kernel_table table;
    tal_kernel_table_init(&table, isa);
    return table.repeats(out_job);
}

static bool are_same(const tal_repeats_job *a, const tal_repeats_job *b)
{
    const size_t bytes = (size_t)a->len * sizeof(float);
    const size_t steps = ((size_t)a->len - 1) / TAL_REPEATS_STEP + 1;
    return memcmp(a->forward, b->forward, bytes) == 0 &&
           memcmp(a->backward, b->backward, bytes) == 0 &&
           memcmp(a->forward_powers, b->forward_powers, steps * sizeof(int32_t)) == 0 &&
           memcmp(a->backward_powers, b->backward_powers, steps * sizeof(int32_t)) == 0;
}

static void every_instruction_set_gives_the_same_bits(void)
{
    static const int32_t around[] = {TAL_REPEATS_SPAN, TAL_REPEATS_SPAN + 96, 2 * TAL_REPEATS_SPAN};
    room first = room_create();
    room other = room_create();
    for (int which = 0; which < 3; which++) {
        make_model(offset_counts[which]);
        for (int32_t round = 0; round < 150; round++) {
            int32_t len = round < 135 ? round + 1 : around[round % 3] - 2 + (round - 135) / 3;
            make_codes(len);
            tal_repeats_job scalar, vector;
            float total = run(&first, TAL_ISA_SCALAR, len, &scalar);
            for (tal_isa isa = TAL_ISA_SSE41; isa <= tal_cpu_isa_best(); isa++) {
                float also = run(&other, isa, len, &vector);
                bool is_same = are_same(&scalar, &vector) && memcmp(&total, &also, 4) == 0;
                CU_ASSERT(is_same);
                if (!is_same)
                    printf("\n%s: %d offsets, length %d\n", tal_isa_name(isa), offset_counts[which],
                           (int)len);
            }
        }
    }
    room_destroy(&other);
    room_destroy(&first);
}

/* States of the definition in double: 0 the background, k + 1 repeats at offset k + 1. */
typedef double row[TAL_REPEATS_OFFSETS_MAX + 1];

static void normalize(double *states)
{
    double sum = 0;
    for (int k = 0; k <= model.offset_count; k++)
        sum += states[k];
    for (int k = 0; k <= model.offset_count; k++)
        states[k] /= sum;
}

static double likeness(int32_t i, int k)
{
    return i - k - 1 < 0 ? 0.0 : (double)model.ratio[codes[i]][codes[i - k - 1]];
}

/* The posterior probability of the background, each residue scaled for itself. */
static void define(int32_t len, double *out_background)
{
    static row forward[600];
    row at = {1.0};
    for (int32_t i = 0; i < len; i++) {
        double sum = 0;
        for (int k = 0; k < model.offset_count; k++) {
            sum += at[k + 1];
            at[k + 1] = (at[k + 1] + at[0] * (double)model.enter[k]) * likeness(i, k);
        }
        at[0] = at[0] * (double)model.stay + sum * (double)model.leave;
        normalize(at);
        memcpy(forward[i], at, sizeof(row));
    }
    at[0] = (double)model.stay;
    for (int k = 0; k < model.offset_count; k++)
        at[k + 1] = (double)model.leave;
    for (int32_t i = len - 1; i >= 0; i--) {
        double all = 0;
        for (int k = 0; k <= model.offset_count; k++)
            all += forward[i][k] * at[k];
        out_background[i] = forward[i][0] * at[0] / all;
        double sum = 0;
        for (int k = 0; k < model.offset_count; k++) {
            double here = at[k + 1] * likeness(i, k);
            sum += here * (double)model.enter[k];
            at[k + 1] = here + at[0] * (double)model.leave;
        }
        at[0] = at[0] * (double)model.stay + sum;
        normalize(at);
    }
}

static void probabilities_are_those_of_the_definition(void)
{
    static double expected[600];
    room memory = room_create();
    for (int round = 0; round < 30; round++) {
        const int32_t len = (int32_t)test_random_in(1, 600);
        make_model(offset_counts[round % 3]);
        make_codes(len);
        define(len, expected);
        tal_repeats_job job;
        const double total = (double)run(&memory, tal_cpu_isa_best(), len, &job);
        double worst = 0;
        for (int32_t i = 0; i < len; i++) {
            int32_t power = job.forward_powers[i / TAL_REPEATS_STEP] +
                            job.backward_powers[(len - 1 - i) / TAL_REPEATS_STEP] -
                            job.forward_powers[(len - 1) / TAL_REPEATS_STEP];
            double found =
                ldexp((double)job.forward[i] * (double)job.backward[i] / total, (int)power);
            worst = fmax(worst, fabs(found - expected[i]));
        }
        CU_ASSERT(worst < 1e-4);
        if (worst >= 1e-4)
            printf("\n%d offsets, length %d: off by %g\n", model.offset_count, (int)len, worst);
    }
    room_destroy(&memory);
}

const test_case test_cases[] = {
    TEST_CASE(every_instruction_set_gives_the_same_bits),
    TEST_CASE(probabilities_are_those_of_the_definition),
    {0},
};
