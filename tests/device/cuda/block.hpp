/* Runs the blocks of an emulated launch; see lane_emulation.hpp. */
#ifndef BLOCK_HPP
#define BLOCK_HPP

#include <cstddef>
#include <functional>

/* Run `body` in every thread of every block, one block after the other. */
void run_grid(unsigned blocks, unsigned threads, const std::function<void()> &body);

/* Shared memory of the running block: `bytes` as the launch asked for, filled with garbage. */
void *block_shared(void);
void set_block_shared(size_t bytes);

#endif
