/* Threads of a block as fibers; see block.hpp.
 *
 * A fiber runs until it waits for others: at a shuffle for its warp, at a barrier for its warp or
 * block. Then the next one runs. When a whole round of the block brings nobody further, the kernel
 * would hang: the program ends and says where.
 */
#include "block.hpp"

#include "lane_emulation.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include <ucontext.h>

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif
#ifdef HAS_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

namespace
{
const size_t STACK_BYTES = 256 * 1024;
const unsigned WARP = 32;

enum meeting { SHUFFLE_UP, SHUFFLE_XOR, SHUFFLE_FROM, VOTE, WARP_BARRIER, BLOCK_BARRIER };

/* Where lanes meet. Values are kept twice: a fast lane may be at the next meeting while a slow one
 * still reads this one's. */
struct meeting_place {
    meeting kind;
    unsigned arrived = 0;
    uint64_t round = 0;
    uint32_t values[2][WARP];
};

struct fiber {
    ucontext_t context;
    std::unique_ptr<char[]> stack;
    bool is_done = false;
    void *fake_stack = nullptr;
};

struct block_state {
    unsigned idx, count, threads, current;
    std::vector<fiber> fibers;
    std::vector<meeting_place> warps;
    meeting_place whole;
    ucontext_t scheduler;
    uint64_t progress;
    const std::function<void()> *body;
    std::vector<char> shared;
    void *scheduler_fake;
    const void *scheduler_bottom;
    size_t scheduler_bytes;
};

block_state block;

[[noreturn]] void stop(const char *what)
{
    std::fprintf(stderr, "emulated kernel: block %u, thread %u: %s\n", block.idx, block.current,
                 what);
    std::abort();
}

void switch_to(bool to_fiber, fiber &own, bool is_last)
{
#ifdef HAS_ASAN
    if (to_fiber) {
        __sanitizer_start_switch_fiber(&block.scheduler_fake, own.stack.get(), STACK_BYTES);
    } else {
        __sanitizer_start_switch_fiber(is_last ? nullptr : &own.fake_stack, block.scheduler_bottom,
                                       block.scheduler_bytes);
    }
#else
    (void)is_last;
#endif
    if (to_fiber)
        swapcontext(&block.scheduler, &own.context);
    else
        swapcontext(&own.context, &block.scheduler);
#ifdef HAS_ASAN
    if (to_fiber)
        __sanitizer_finish_switch_fiber(block.scheduler_fake, nullptr, nullptr);
    else
        __sanitizer_finish_switch_fiber(own.fake_stack, &block.scheduler_bottom,
                                        &block.scheduler_bytes);
#endif
}

void enter_fiber(void)
{
#ifdef HAS_ASAN
    __sanitizer_finish_switch_fiber(nullptr, &block.scheduler_bottom, &block.scheduler_bytes);
#endif
    (*block.body)();
    fiber &own = block.fibers[block.current];
    own.is_done = true;
    block.progress++;
    switch_to(false, own, true);
}

/* Meet `size` others; returns the values of all. */
const uint32_t *meet(meeting_place &place, meeting kind, unsigned size, unsigned member,
                     uint32_t value)
{
    if (place.arrived == 0)
        place.kind = kind;
    if (place.kind != kind)
        stop("lanes wait at different places");
    uint64_t round = place.round;
    if (member < WARP)
        place.values[round % 2][member] = value;
    block.progress++;
    if (++place.arrived == size) {
        place.arrived = 0;
        place.round++;
    }
    fiber &own = block.fibers[block.current];
    while (place.round == round)
        switch_to(false, own, false);
    return place.values[round % 2];
}

const uint32_t *meet_warp(meeting kind, uint32_t value)
{
    return meet(block.warps[block.current / WARP], kind, WARP, block.current % WARP, value);
}

void run_block(void)
{
    for (unsigned i = 0; i < block.threads; i++) {
        fiber &own = block.fibers[i];
        own.is_done = false;
        getcontext(&own.context);
        own.context.uc_stack.ss_sp = own.stack.get();
        own.context.uc_stack.ss_size = STACK_BYTES;
        own.context.uc_link = nullptr;
        makecontext(&own.context, enter_fiber, 0);
    }
    unsigned left = block.threads;
    while (left > 0) {
        uint64_t before = block.progress;
        left = 0;
        for (unsigned i = 0; i < block.threads; i++) {
            fiber &own = block.fibers[i];
            if (own.is_done)
                continue;
            block.current = i;
            switch_to(true, own, false);
            left += !own.is_done;
        }
        if (left > 0 && block.progress == before)
            stop("all threads wait: some lane never comes to a shuffle or barrier");
    }
}
} // namespace

void run_grid(unsigned blocks, unsigned threads, const std::function<void()> &body)
{
    if (threads % WARP != 0)
        stop("a block of a part of a warp");
    block.body = &body;
    block.count = blocks;
    block.threads = threads;
    while (block.fibers.size() < threads) {
        block.fibers.emplace_back();
        block.fibers.back().stack.reset(new char[STACK_BYTES]);
    }
    for (block.idx = 0; block.idx < blocks; block.idx++) {
        block.warps.assign(threads / WARP, meeting_place());
        block.whole = meeting_place();
        std::memset(block.shared.data(), 0xa5, block.shared.size());
        run_block();
    }
}

void *block_shared(void)
{
    return (void *)(((uintptr_t)block.shared.data() + 15) / 16 * 16);
}

void set_block_shared(size_t bytes)
{
    block.shared.assign(bytes + 16, 0);
}

uint32_t thread_index(void)
{
    return block.current;
}

uint32_t thread_count(void)
{
    return block.threads;
}

uint32_t block_index(void)
{
    return block.idx;
}

uint32_t block_count(void)
{
    return block.count;
}

uint32_t shuffle_up(uint32_t value, uint32_t delta, int width)
{
    const uint32_t *values = meet_warp(SHUFFLE_UP, value);
    unsigned lane = block.current % WARP;
    return lane % (unsigned)width < delta ? value : values[lane - delta];
}

uint32_t shuffle_xor(uint32_t value, int mask)
{
    return meet_warp(SHUFFLE_XOR, value)[block.current % WARP ^ (unsigned)mask];
}

uint32_t shuffle_from(uint32_t value, int lane)
{
    return meet_warp(SHUFFLE_FROM, value)[lane];
}

uint32_t vote(bool is_set)
{
    const uint32_t *values = meet_warp(VOTE, is_set);
    uint32_t votes = 0;
    for (unsigned lane = 0; lane < WARP; lane++)
        votes |= values[lane] << lane;
    return votes;
}

void warp_barrier(void)
{
    meet_warp(WARP_BARRIER, 0);
}

void block_barrier(void)
{
    meet(block.whole, BLOCK_BARRIER, block.threads, WARP, 0);
}
