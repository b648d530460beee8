/* A CUDA driver without a GPU: libcuda.so.1 whose kernels are the real ones, run by block.cpp.
 *
 * Device memory is host memory filled with garbage; streams run at once, in the order of the calls.
 * The environment sets the device: EMULATED_CUDA_MEMORY_MB, EMULATED_CUDA_SHARED_KB (of a block),
 * EMULATED_CUDA_UNITS, EMULATED_CUDA_DEVICES, EMULATED_CUDA_CAPABILITY (major number);
 * EMULATED_CUDA_FAIL_LAUNCH=n makes the nth launch and all calls after it fail, as a lost device
 * does.
 */
#include "block.hpp"

#include "kernels/cuda/collect.cuh"
#include "kernels/cuda/score.cuh"
#include "kernels/cuda/wide.cuh"

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <unistd.h>

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace
{
enum {
    SUCCESS = 0,
    INVALID_VALUE = 1,
    OUT_OF_MEMORY = 2,
    NOT_FOUND = 500,
    LAUNCH_FAILED = 719,
    NOT_PERMITTED = 800
};

using kernel = std::function<void(const void *job)>;

struct device_state {
    std::map<void *, size_t> memory;
    size_t used = 0;
    long launches = 0;
    bool is_lost = false;
} device;

uint32_t shared_word;

template <int G, int R, bool IS_LONG, bool IS_GAPLESS, int EXTEND = 0>
void run_score(const void *job)
{
    score_kernel<G, R, IS_LONG, IS_GAPLESS, EXTEND>(*(const tal_cuda_score_job *)job,
                                                    (tal_quad *)block_shared(), &shared_word);
}

tal_quad wide_profiles[TAL_CUDA_WIDE_THREADS / TAL_CUDA_WARP * WIDE_PROFILE_QUADS];

uint32_t bins[TAL_CUDA_HISTOGRAM_BINS];

const std::map<std::string, kernel> &kernels()
{
#define SHORT_KERNEL(g, r)        {"tal_score_" #g "x" #r, run_score<g, r, false, false>},
#define SHORT_1_KERNEL(g, r)      {"tal_score_1_" #g "x" #r, run_score<g, r, false, false, 1>},
#define SHORT_2_KERNEL(g, r)      {"tal_score_2_" #g "x" #r, run_score<g, r, false, false, 2>},
#define LONG_KERNEL(g, r)         {"tal_score_long_" #g "x" #r, run_score<g, r, true, false>},
#define LONG_1_KERNEL(g, r)       {"tal_score_long_1_" #g "x" #r, run_score<g, r, true, false, 1>},
#define LONG_2_KERNEL(g, r)       {"tal_score_long_2_" #g "x" #r, run_score<g, r, true, false, 2>},
#define GAPLESS_KERNEL(g, r)      {"tal_gapless_" #g "x" #r, run_score<g, r, false, true>},
#define GAPLESS_LONG_KERNEL(g, r) {"tal_gapless_long_" #g "x" #r, run_score<g, r, true, true>},
    static const std::map<std::string, kernel> table = {
        TAL_CUDA_SCORE_SHAPES(SHORT_KERNEL) TAL_CUDA_LONG_SHAPES(LONG_KERNEL)
            TAL_CUDA_SCORE_SHAPES(SHORT_1_KERNEL) TAL_CUDA_LONG_SHAPES(LONG_1_KERNEL)
                TAL_CUDA_SCORE_SHAPES(SHORT_2_KERNEL) TAL_CUDA_LONG_SHAPES(LONG_2_KERNEL)
                    TAL_CUDA_GAPLESS_SHAPES(GAPLESS_KERNEL)
                        TAL_CUDA_LONG_SHAPES(GAPLESS_LONG_KERNEL){
                            "tal_score_wide",
                            [](const void *job) {
                                wide_kernel(*(const tal_cuda_score_job *)job, wide_profiles);
                            }},
        {"tal_collect_sums",
         [](const void *job) { sum_kernel(*(const tal_cuda_collect_job *)job, bins); }},
        {"tal_collect_hits",
         [](const void *job) { hit_kernel(*(const tal_cuda_collect_job *)job); }},
    };
    return table;
}

long setting(const char *name, long normal)
{
    const char *text = std::getenv(name);
    return text == nullptr ? normal : std::atol(text);
}

size_t memory_bytes()
{
    return (size_t)setting("EMULATED_CUDA_MEMORY_MB", 4096) << 20;
}

int answer()
{
    return device.is_lost ? LAUNCH_FAILED : SUCCESS;
}
} // namespace

/* Drivers change the environment, which others may read meanwhile: only the main thread opens. */
EXPORT int cuInit(unsigned)
{
    if (gettid() != getpid())
        return NOT_PERMITTED;
    device = device_state();
    return SUCCESS;
}

EXPORT int cuDriverGetVersion(int *out_version)
{
    *out_version = 13000;
    return SUCCESS;
}

EXPORT int cuGetErrorName(int error, const char **out_name)
{
    *out_name = error == OUT_OF_MEMORY   ? "CUDA_ERROR_OUT_OF_MEMORY"
                : error == LAUNCH_FAILED ? "CUDA_ERROR_LAUNCH_FAILED"
                : error == NOT_PERMITTED ? "CUDA_ERROR_NOT_PERMITTED"
                                         : "CUDA_ERROR";
    return SUCCESS;
}

EXPORT int cuDeviceGetCount(int *out_count)
{
    *out_count = (int)setting("EMULATED_CUDA_DEVICES", 1);
    return SUCCESS;
}

EXPORT int cuDeviceGet(int *out_device, int idx)
{
    *out_device = idx;
    return SUCCESS;
}

EXPORT int cuDeviceGetName(char *out_name, int capacity, int)
{
    std::strncpy(out_name, "emulated", (size_t)capacity);
    return SUCCESS;
}

EXPORT int cuDeviceGetAttribute(int *out_value, int attribute, int idx)
{
    switch (attribute) {
    case 33: /* the buses 0x10, 0x20, ... */
        *out_value = 16 * (idx + 1);
        return SUCCESS;
    case 34:
    case 50:
        *out_value = 0;
        return SUCCESS;
    case 16:
        *out_value = (int)setting("EMULATED_CUDA_UNITS", 2);
        return SUCCESS;
    case 39:
        *out_value = 2048;
        return SUCCESS;
    case 75:
        *out_value = (int)setting("EMULATED_CUDA_CAPABILITY", 9);
        return SUCCESS;
    case 76:
        *out_value = 0;
        return SUCCESS;
    case 97:
        *out_value = (int)setting("EMULATED_CUDA_SHARED_KB", 227) * 1024;
        return SUCCESS;
    default:
        return INVALID_VALUE;
    }
}

EXPORT int cuDevicePrimaryCtxRetain(void **out_context, int)
{
    *out_context = &device;
    return SUCCESS;
}

EXPORT int cuDevicePrimaryCtxRelease_v2(int)
{
    return SUCCESS;
}

EXPORT int cuCtxSetCurrent(void *)
{
    return SUCCESS;
}

EXPORT int cuCtxSynchronize(void)
{
    return answer();
}

EXPORT int cuMemGetInfo_v2(size_t *out_free, size_t *out_total)
{
    *out_total = memory_bytes();
    *out_free = *out_total - device.used;
    return SUCCESS;
}

static int take(void **out_memory, size_t bytes, bool is_counted)
{
    if (bytes == 0)
        return INVALID_VALUE;
    if (is_counted && device.used + bytes > memory_bytes())
        return OUT_OF_MEMORY;
    void *memory = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
    if (memory == nullptr)
        return OUT_OF_MEMORY;
    std::memset(memory, 0xa5, bytes);
    device.memory[memory] = is_counted ? bytes : 0;
    device.used += is_counted ? bytes : 0;
    *out_memory = memory;
    return answer();
}

static int give(void *memory)
{
    auto found = device.memory.find(memory);
    if (found == device.memory.end())
        return INVALID_VALUE;
    device.used -= found->second;
    device.memory.erase(found);
    std::free(memory);
    return answer();
}

EXPORT int cuMemAlloc_v2(uint64_t *out_address, size_t bytes)
{
    void *memory = nullptr;
    int error = take(&memory, bytes, true);
    *out_address = (uint64_t)(uintptr_t)memory;
    return error;
}

EXPORT int cuMemFree_v2(uint64_t address)
{
    return give((void *)(uintptr_t)address);
}

EXPORT int cuMemHostAlloc(void **out_memory, size_t bytes, unsigned)
{
    return take(out_memory, bytes, false);
}

EXPORT int cuMemFreeHost(void *memory)
{
    return give(memory);
}

EXPORT int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t bytes, void *)
{
    if (!device.is_lost)
        std::memcpy((void *)(uintptr_t)to, from, bytes);
    return answer();
}

EXPORT int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes, void *)
{
    if (!device.is_lost)
        std::memcpy(to, (const void *)(uintptr_t)from, bytes);
    return answer();
}

EXPORT int cuMemsetD8Async(uint64_t to, unsigned char value, size_t bytes, void *)
{
    if (!device.is_lost)
        std::memset((void *)(uintptr_t)to, value, bytes);
    return answer();
}

static int handle(void **out_handle)
{
    *out_handle = new char;
    return answer();
}

static int drop(void *handle)
{
    delete (char *)handle;
    return answer();
}

EXPORT int cuStreamCreate(void **out_stream, unsigned)
{
    return handle(out_stream);
}

EXPORT int cuStreamDestroy_v2(void *stream)
{
    return drop(stream);
}

EXPORT int cuStreamSynchronize(void *)
{
    return answer();
}

EXPORT int cuStreamWaitEvent(void *, void *, unsigned)
{
    return answer();
}

EXPORT int cuEventCreate(void **out_event, unsigned)
{
    *out_event = new std::chrono::steady_clock::time_point;
    return answer();
}

EXPORT int cuEventDestroy_v2(void *event)
{
    delete (std::chrono::steady_clock::time_point *)event;
    return answer();
}

EXPORT int cuEventRecord(void *event, void *)
{
    *(std::chrono::steady_clock::time_point *)event = std::chrono::steady_clock::now();
    return answer();
}

EXPORT int cuEventQuery(void *)
{
    return answer();
}

EXPORT int cuEventSynchronize(void *)
{
    return answer();
}

EXPORT int cuEventElapsedTime(float *out_ms, void *begin, void *end)
{
    auto elapsed = *(std::chrono::steady_clock::time_point *)end -
                   *(std::chrono::steady_clock::time_point *)begin;
    *out_ms = std::chrono::duration<float, std::milli>(elapsed).count();
    return answer();
}

EXPORT int cuModuleLoadData(void **out_module, const void *)
{
    *out_module = &device;
    return answer();
}

EXPORT int cuModuleUnload(void *)
{
    return answer();
}

EXPORT int cuModuleGetFunction(void **out_function, void *, const char *name)
{
    auto found = kernels().find(name);
    if (found == kernels().end())
        return NOT_FOUND;
    *out_function = (void *)&found->second;
    return SUCCESS;
}

EXPORT int cuFuncSetAttribute(void *, int, int value)
{
    return value <= setting("EMULATED_CUDA_SHARED_KB", 227) * 1024 ? SUCCESS : INVALID_VALUE;
}

/* By threads and shared memory; registers do not count here. */
EXPORT int cuOccupancyMaxActiveBlocksPerMultiprocessor(int *out_blocks, void *, int threads,
                                                       size_t shared_bytes)
{
    size_t shared = (size_t)setting("EMULATED_CUDA_SHARED_KB", 227) * 1024;
    size_t by_threads = 2048 / (size_t)threads;
    size_t by_memory = shared_bytes == 0 ? by_threads : shared / shared_bytes;
    *out_blocks = (int)(by_threads < by_memory ? by_threads : by_memory);
    return answer();
}

EXPORT int cuLaunchKernel(void *function, unsigned grid_x, unsigned, unsigned, unsigned block_x,
                          unsigned, unsigned, unsigned shared_bytes, void *, void **arguments,
                          void **)
{
    if (++device.launches == setting("EMULATED_CUDA_FAIL_LAUNCH", 0))
        device.is_lost = true;
    if (device.is_lost)
        return LAUNCH_FAILED;
    if (grid_x == 0 || block_x == 0 || block_x > 1024)
        return INVALID_VALUE;
    const kernel &run = *(const kernel *)function;
    const void *job = arguments[0];
    set_block_shared(shared_bytes);
    run_grid(grid_x, block_x, [&run, job]() { run(job); });
    return SUCCESS;
}
