/* No library to compare with; see bench_rival.h. */
#include "app/bench_rival.h"

int tal_bench_rival_count(tal_mode mode)
{
    (void)mode;
    return 0;
}

const char *tal_bench_rival_name(tal_mode mode, int idx)
{
    (void)mode;
    (void)idx;
    return "";
}

tal_status tal_bench_rival_create(tal_mode mode, int idx, const tal_bench_input *input,
                                  tal_bench_rival **out_rival)
{
    (void)mode;
    (void)idx;
    (void)input;
    (void)out_rival;
    return tal_fail(TAL_ERR_CONFIG, "this build has no libparasail");
}

void tal_bench_rival_destroy(tal_bench_rival *rival)
{
    (void)rival;
}

uint64_t tal_bench_rival_run(tal_bench_rival *rival, tal_lid lid)
{
    (void)rival;
    (void)lid;
    return 0;
}
