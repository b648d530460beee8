/* What becomes of a batch's scores: sum, largest and histogram of all pairs, and the pairs that
 * reach the cut of their query; after score.cl.
 *
 * A work group counts its share in local memory and adds it to the batch once: bins and the largest
 * by atomics, the sum as one value for each work group. Hits are appended in no order; those that
 * find no room are only counted.
 */
#define BINS 1024

typedef struct hit {
    uint query, ref;
    int score;
} hit;

__kernel __attribute__((reqd_work_group_size(LANES, 1, 1))) void tal_reduce(
    __global const int *scores, uint pair_count, __global uint *histogram, __global uint *counters,
    __global ulong *sums)
{
    __local uint bins[BINS];
    __local ulong lane_sums[LANES];
    __local int group_largest;
    int lane = get_local_id(0);
    for (int bin = lane; bin < BINS; bin += LANES)
        bins[bin] = 0;
    if (lane == 0)
        group_largest = 0;
    barrier(CLK_LOCAL_MEM_FENCE);
    ulong sum = 0;
    int best = 0;
    for (uint i = get_global_id(0); i < pair_count; i += get_global_size(0)) {
        int score = scores[i];
        sum += (ulong)score;
        best = max(best, score);
        atomic_inc(&bins[min(score, BINS - 1)]);
    }
    lane_sums[lane] = sum;
    atomic_max(&group_largest, best);
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int bin = lane; bin < BINS; bin += LANES)
        if (bins[bin] > 0)
            atomic_add(&histogram[bin], bins[bin]);
    if (lane == 0) {
        atomic_max(&counters[3], (uint)group_largest);
        for (int i = 1; i < LANES; i++)
            sum += lane_sums[i];
        sums[get_group_id(0)] = sum;
    }
}

__kernel __attribute__((reqd_work_group_size(LANES, 1, 1))) void tal_select(
    __global const int *scores, uint pair_count, uint ref_begin, uint ref_count,
    __global const int *cuts, __global uint *counters, uint hit_capacity, __global hit *hits)
{
    for (uint i = get_global_id(0); i < pair_count; i += get_global_size(0)) {
        if (scores[i] < cuts[i / ref_count])
            continue;
        uint at = atomic_inc(&counters[2]);
        if (at >= hit_capacity)
            continue;
        hits[at].query = i / ref_count;
        hits[at].ref = ref_begin + i % ref_count;
        hits[at].score = scores[i];
    }
}
