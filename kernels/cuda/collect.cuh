/* What is done with the scores of a tile on the device: sums for the statistics, and the hits.
 *
 * Only these leave the device: the tile itself stays there.
 */
#ifndef TAL_KERNELS_CUDA_COLLECT_CUH
#define TAL_KERNELS_CUDA_COLLECT_CUH

#include "kernels/cuda/lane.cuh"

/* Count, sum, maximum and histogram of all scores. `bins` is shared memory of the block. */
TAL_LANE void sum_kernel(const tal_cuda_collect_job &job, uint32_t *bins)
{
    for (uint32_t bin = thread_index(); bin < TAL_CUDA_HISTOGRAM_BINS; bin += thread_count())
        bins[bin] = 0;
    block_barrier();
    const uint64_t total = (uint64_t)job.query_count * job.reference_count;
    uint64_t sum = 0;
    int32_t maximum = 0;
    for (uint64_t i = (uint64_t)block_index() * thread_count() + thread_index(); i < total;
         i += (uint64_t)block_count() * thread_count()) {
        const int32_t score = job.scores[i];
        sum += (uint64_t)score;
        maximum = score > maximum ? score : maximum;
        const int32_t last = TAL_CUDA_HISTOGRAM_BINS - 1;
        fetch_add(&bins[score < last ? score : last], 1);
    }
    TAL_UNROLL
    for (int mask = TAL_CUDA_WARP / 2; mask > 0; mask /= 2) {
        const uint32_t low = shuffle_xor((uint32_t)sum, mask);
        const uint32_t high = shuffle_xor((uint32_t)(sum >> 32), mask);
        const int32_t other = (int32_t)shuffle_xor((uint32_t)maximum, mask);
        sum += (uint64_t)high << 32 | low;
        maximum = other > maximum ? other : maximum;
    }
    if (thread_index() % TAL_CUDA_WARP == 0) {
        add_wide(&job.sums->sum, sum);
        raise_to(&job.sums->maximum, maximum);
    }
    block_barrier();
    for (uint32_t bin = thread_index(); bin < TAL_CUDA_HISTOGRAM_BINS; bin += thread_count())
        if (bins[bin] > 0)
            add_wide(&job.sums->histogram[bin], bins[bin]);
}

/* The scores of queries [query_first, query_first + query_count) that reach the threshold of their
 * query, in no order. A warp takes room for all its hits at once. */
TAL_LANE void hit_kernel(const tal_cuda_collect_job &job)
{
    const uint32_t lane = thread_index() % TAL_CUDA_WARP;
    const uint64_t total = (uint64_t)job.query_count * job.reference_count;
    for (uint64_t base = (uint64_t)block_index() * thread_count(); base < total;
         base += (uint64_t)block_count() * thread_count()) {
        const uint64_t i = base + thread_index();
        const bool is_inside = i < total;
        const uint32_t query =
            job.query_first + (is_inside ? (uint32_t)(i / job.reference_count) : 0);
        const uint32_t reference = is_inside ? (uint32_t)(i % job.reference_count) : 0;
        const int32_t score = job.scores[(uint64_t)query * job.reference_count + reference];
        const bool is_hit = is_inside && score >= job.thresholds[query];
        const uint32_t voters = vote(is_hit);
        uint32_t place = 0;
        if (lane == 0 && voters != 0)
            place = fetch_add(job.hit_count, (uint32_t)count_bits(voters));
        place = shuffle_from(place, 0) + (uint32_t)count_bits(voters & ((1u << lane) - 1));
        if (is_hit && place < job.hit_capacity) {
            job.hits[place].query = query;
            job.hits[place].reference = job.reference_begin + reference;
            job.hits[place].score = score;
        }
    }
}

#endif
