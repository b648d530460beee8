/* The table of configuration keys: the one place that knows their names, defaults and ranges. */
#include "conf/conf.h"

#define KEY_INT(name, value, low, high, text)                                              \
    {                                                                                      \
        .key = name, .kind = TAL_CONF_INT, .default_text = value, .min = low, .max = high, \
        .help = text                                                                       \
    }
#define KEY_REAL(name, value, low, high, text)                                              \
    {                                                                                       \
        .key = name, .kind = TAL_CONF_REAL, .default_text = value, .min = low, .max = high, \
        .help = text                                                                        \
    }
#define KEY_BOOL(name, value, text)                                             \
    {                                                                           \
        .key = name, .kind = TAL_CONF_BOOL, .default_text = value, .help = text \
    }
#define KEY_CHOICE(name, value, words, text)                                           \
    {                                                                                  \
        .key = name, .kind = TAL_CONF_CHOICE, .default_text = value, .choices = words, \
        .help = text                                                                   \
    }

static const tal_conf_row rows[] = {
    KEY_INT("parallel.threadpool.num_threads", "0", 0, TAL_CONF_THREADS_MAX,
            "worker threads of each rank; 0: as many as the process may use (SLURM_CPUS_PER_TASK, "
            "OMP_NUM_THREADS, else its CPUs, shared among ranks bound to the same CPUs)"),
    KEY_INT("parallel.threadpool.stack_size_mb", "8", 1, 1024, "stack of each worker in MiB"),
    KEY_BOOL("parallel.threadpool.work_stealing", "true",
             "idle workers take work from others; false: workers keep what they were dealt"),
    KEY_CHOICE("parallel.threadpool.yield_strategy", "spin", "spin|yield|park",
               "what an idle worker does"),
    KEY_BOOL("parallel.threadpool.pin_threads", "true", "bind each worker to its CPU"),
    KEY_CHOICE("parallel.threadpool.affinity_mode", "compact", "compact|scatter|numa",
               "where workers are bound: close together, spread out, or by NUMA node"),

    KEY_INT("parallel.algorithms.chunk_size", "1000", 1, 1e9,
            "sequences of one work item; the start value when dynamic"),
    KEY_BOOL("parallel.algorithms.dynamic_chunking", "true",
             "adapt the work item to its measured cost, within the two limits below"),
    KEY_INT("parallel.algorithms.min_chunk_size", "100", 1, 1e9,
            "fewest sequences of a dynamic work item"),
    KEY_INT("parallel.algorithms.max_chunk_size", "10000", 1, 1e9,
            "most sequences of a dynamic work item"),
    KEY_CHOICE("parallel.algorithms.load_balancing", "dynamic", "static|dynamic|guided",
               "how work is dealt to workers"),
    KEY_REAL("parallel.algorithms.steal_threshold", "0.5", 0, 1,
             "share of another worker's queue that one steal may take"),

    KEY_BOOL("parallel.gpu.use_gpu", "false", "compute on a GPU as well"),
    KEY_CHOICE("parallel.gpu.gpu_backend", "auto", "auto|cuda|opencl|host",
               "how the GPU is reached; auto: CUDA, else OpenCL; host: the processor's own kernels "
               "in the place of a GPU, for tests"),
    KEY_INT(
        "parallel.gpu.gpu_device", "0", 0, 255,
        "the first GPU of the node to take; its ranks take this and those after it in turn; with 0 "
        "those near to them come first, as far as each GPU gets about as many ranks"),
    KEY_REAL("parallel.gpu.gpu_memory_gb", "8", 0.0625, 4096,
             "memory budget of each rank on its GPU in GiB"),
    KEY_INT("parallel.gpu.batch_size", "1024", 1, 1e7, "references of one GPU batch, at most"),
    KEY_INT("parallel.gpu.cuda_threads_per_block", "256", 32, 1024, "threads of a CUDA block"),
    KEY_INT("parallel.gpu.cuda_shared_memory_kb", "48", 1, 1024,
            "shared memory of a CUDA block in KiB"),
    KEY_INT("parallel.gpu.cuda_streams", "4", 1, 64, "batches in flight on a CUDA device"),
    KEY_INT("parallel.gpu.opencl_platform", "0", 0, 255, "which OpenCL platform"),
    KEY_INT("parallel.gpu.opencl_work_group_size", "256", 1, 4096,
            "work items of an OpenCL work group"),

    KEY_INT("input.open_files", "10", 1, 1000, "input files read at the same time"),
    {.key = NULL},
};

const tal_conf_row *tal_conf_rows(void)
{
    return rows;
}
