/* Score batches on a device: host, OpenCL or CUDA behind one table of functions.
 *
 * A device computes local (Smith-Waterman, affine gaps; kernels/contract.h) or gapless scores of
 * queries, given as profiles, against references it holds. What it returns is exact: every backend
 * gives the same numbers as the scalar kernel, whatever widths it uses inside.
 *
 * Life: open, reserve, upload, then submit, poll and collect in a cycle, at last close. Batches
 * come back in the order of submission. Threads: an open device belongs to one thread at a time.
 *
 * Failure: a function that fails leaves its message in the device (tal_device_message), not in the
 * message of the program: a failing device is an event, its batches can be computed elsewhere.
 * After TAL_ERR_IO (lost) the device only answers close, describe and message; every batch
 * submitted and not collected must be computed again. Other failures leave it usable.
 *
 * A backend that was not built, or whose library is not there, is a stub: its open fails with the
 * reason. No caller asks what was built.
 */
#ifndef TAL_DEVICE_DEVICE_H
#define TAL_DEVICE_DEVICE_H

#include "base/cpu.h"
#include "base/status.h"
#include "base/types.h"
#include "device/deal.h"
#include "par/topology.h"

typedef enum tal_device_kind {
    TAL_DEVICE_AUTO = 0, /* the first of CUDA, OpenCL that opens */
    TAL_DEVICE_CUDA,
    TAL_DEVICE_OPENCL,
    TAL_DEVICE_HOST, /* the vector kernels of src/align, one thread: for tests and comparison */
    TAL_DEVICE_KIND_COUNT
} tal_device_kind;

/* What is computed. */
typedef enum tal_device_task {
    TAL_DEVICE_LOCAL = 0, /* best local score with affine gaps */
    TAL_DEVICE_GAPLESS,   /* best score of a run of one diagonal: no gaps */
    TAL_DEVICE_TASK_COUNT
} tal_device_task;

enum {
    /* Largest gap_open + gap_extend of a device: 16-bit cells are biased by it. */
    TAL_DEVICE_GAP_MAX = 8192,
    /* Bins of the score histogram: one for every score from 0, the last one for all above. */
    TAL_DEVICE_BINS = 1024,
    /* Batches in flight that any backend accepts. */
    TAL_DEVICE_SLOTS_MAX = 64,
    TAL_DEVICE_TEXT_BYTES = 320,
};

/* How a device is chosen and run. All zero but `gap` and `code_count` is a valid choice. */
typedef struct tal_device_params {
    tal_device_kind kind;
    int device_idx;         /* which device of the backend (OpenCL: of the platform) */
    int node_rank;          /* ranks of one node take devices in turn: (device_idx + node_rank) mod
                               the devices there are; but with device_idx 0 by their place: */
    const int *rank_places; /* of the node's ranks (deal.h), a view while opening; NULL: in turn */
    int rank_count;
    /* The NUMA nodes of addresses, where known; may be NULL. */
    void (*find_places)(const tal_pci_address *addresses, int count, int *out_places);

    uint64_t memory_bytes; /* budget on the device; 0: what the device allows */
    tal_isa isa;           /* host backend: kernels to use */

    int cuda_threads_per_block; /* 0: the backend's own choice, also below */
    int cuda_shared_memory_kb;
    int cuda_streams;
    int opencl_platform;
    int opencl_work_group_size;

    int gap_open, gap_extend; /* 1 <= sum <= TAL_DEVICE_GAP_MAX, both >= 0 */
    int code_count;           /* reference letters are below this; 1..31 */

    bool is_probe; /* only to describe and close: nothing is compiled, nothing can be computed */

    /* Tests: text before the OpenCL kernels that gives a device sub-groups of this size. */
    const char *opencl_prelude;
    int opencl_sub_group_size;

    /* Tests: the device is lost at the submission of this number, counted from 1; 0: never. */
    uint64_t fail_at;
} tal_device_params;

typedef struct tal_device_info {
    tal_device_kind kind;
    char name[128];        /* of the device */
    char platform[128];    /* driver and version */
    uint64_t memory_bytes; /* of the device */
    uint64_t budget_bytes; /* what Talaria may take of it */
    int unit_count;        /* multiprocessors, compute units, threads */
    int group_size;        /* threads of a block, work items of a group as really used */
    int sub_group_size;    /* lanes that exchange values by shuffles; 0: by local memory */
    int unit_threads;      /* what a unit can hold at once; 0: not known */
    int slot_count;        /* batches in flight at most, >= 1 */
    bool is_cpu;           /* a device that is the processor itself: slower than the host kernels */
    char text[TAL_DEVICE_TEXT_BYTES]; /* all of this for people, one line */
} tal_device_info;

/* The largest things a device will be given; see tal_device_reserve. */
typedef struct tal_device_shape {
    uint32_t ref_count; /* of one upload */
    uint64_t ref_residue_count;
    int32_t ref_len_max;
    uint32_t query_count; /* of one batch */
    uint64_t query_residue_count;
    int32_t query_len_max;
    uint64_t pair_count; /* queries x references of one batch */
} tal_device_shape;

/* References as they are uploaded: codes back to back, longest first. Views, until upload returns.
 */
typedef struct tal_device_references {
    const uint8_t *letters; /* codes below code_count */
    const uint64_t
        *offsets;   /* count + 1 entries, from 0; reference i: [offsets[i], offsets[i+1]) */
    uint32_t count; /* >= 1; lengths >= 1, falling */
} tal_device_references;

typedef struct tal_device_query {
    const int8_t *profile; /* len rows of 32 signed bytes (score/profile.h), values in -100..100 */
    int32_t len;           /* >= 1 */
    int32_t cut;           /* smallest score wanted, >= 0 */
} tal_device_query;

/* One batch: all queries against the references [ref_begin, ref_end) of the last upload.
 * Queries are longest first (neighbours share a register, so they should be of like length). No
 * pair may pass a score of 2^30. Views, until the batch has been collected. */
typedef struct tal_device_batch {
    tal_device_task task;
    const tal_device_query *queries;
    uint32_t query_count;        /* >= 1 */
    uint32_t ref_begin, ref_end; /* not empty */
    bool wants_all;              /* give the scores of all pairs too */
    uint64_t tag;                /* given back */
} tal_device_batch;

/* A pair whose score reaches the cut of its query. Crosses from devices as it is. */
typedef struct tal_device_hit {
    uint32_t query; /* in the batch */
    uint32_t ref;   /* in the upload */
    int32_t score;
} tal_device_hit;
_Static_assert(sizeof(tal_device_hit) == 12, "device kernels write hits of three words");

/* Views, valid until the next submit, collect or close. */
typedef struct tal_device_result {
    uint64_t tag;
    const tal_device_hit *hits; /* in no order */
    size_t hit_count;
    const int32_t *scores; /* [query * (ref_end - ref_begin) + ref - ref_begin]; NULL: not asked */
    const uint64_t *histogram; /* TAL_DEVICE_BINS counts of all pairs */
    uint64_t score_sum;        /* of all pairs */
    int32_t score_max;
    uint64_t rescue_count; /* pairs that 16 bit could not hold, computed again with 32 */
    uint64_t compute_ns;   /* on the device, where it says so; else 0 */
    uint64_t copy_ns;    /* of compute_ns: copies of queries and counts; 0 where it does not say */
    uint64_t copy_bytes; /* to the device and back */
    int resident_groups; /* work groups of the score kernel that a unit holds at once, at most */
} tal_device_result;

typedef struct tal_device tal_device;

/* "auto", "cuda", "opencl", "host". */
const char *tal_device_kind_name(tal_device_kind kind);

/* Open a device. With TAL_DEVICE_AUTO the reasons of all that failed are joined in the message.
 * `out_device` is set in every case but out of memory (NULL): on failure it only holds the message;
 * close it. TAL_ERR_CONFIG: no such device, not built, library missing; TAL_ERR_IO: the driver
 * refuses. Threads: main, while no other thread reads the environment, as MPI does in many calls:
 * drivers change it (PoCL sets HWLOC_PLUGINS_PATH). */
tal_status tal_device_open(const tal_device_params *params, tal_device **out_device);

/* Accepts NULL. Waits for what is running; what was not collected is lost. */
void tal_device_close(tal_device *device);

/* The cause of the last failure, for people. A view, until the next call. */
const char *tal_device_message(const tal_device *device);

/* A view, until close. */
const tal_device_info *tal_device_describe(const tal_device *device);

/* Take the memory for uploads and batches up to this shape; replaces an earlier reservation, whose
 * upload is lost. No batch may be in flight. TAL_ERR_MEMORY: the budget or the device does not hold
 * it (the message says how much is needed); then nothing is reserved and a smaller shape may be
 * tried. */
tal_status tal_device_reserve(tal_device *device, const tal_device_shape *shape);

/* Replace the references. No batch may be in flight. Within the reserved shape (asserted). */
tal_status tal_device_upload(tal_device *device, const tal_device_references *references);

/* Start a batch, within the reserved shape (asserted), while fewer than slot_count are in flight.
 */
tal_status tal_device_submit(tal_device *device, const tal_device_batch *batch);

/* Batches submitted and not collected. */
int tal_device_in_flight(const tal_device *device);

/* Whether the oldest batch in flight (there must be one) is done. Never blocks. */
tal_status tal_device_poll(tal_device *device, bool *out_is_done);

/* The result of the oldest batch in flight (there must be one). Blocks until it is done. */
tal_status tal_device_collect(tal_device *device, tal_device_result *out_result);

#endif
