/* The state of the CUDA backend; internal to cuda*.c.
 *
 * A slot is one batch in flight: a stream, the device memory of a tile, and the host memory its
 * copies start from and end in. Batches take the slots in turn.
 */
#ifndef TAL_DEVICE_CUDA_INTERNAL_H
#define TAL_DEVICE_CUDA_INTERNAL_H

#include "base/buffer.h"
#include "device/backend.h"
#include "device/cuda_driver.h"
#include "device/cuda_plan.h"

_Static_assert(sizeof(tal_cuda_hit) == sizeof(tal_device_hit), "hits are copied as they are");
_Static_assert((int)TAL_CUDA_HISTOGRAM_BINS == (int)TAL_DEVICE_BINS, "histograms are too");

enum { TAL_CUDA_COLLECT_THREADS = 256 };

/* Memory for the last rows of passes: so many groups may run at once, each with `stride` columns.
 */
typedef struct tal_cuda_rows {
    tal_cuda_address address;
    uint32_t group_count;
    uint32_t stride;
} tal_cuda_rows;

typedef struct tal_cuda_slot {
    void *stream;
    void *side;                                             /* long references */
    void *begin, *loaded, *fork, *joined, *computed, *done; /* events */
    tal_cuda_address profiles, queries, thresholds, scores, rescue, cursors, hits, sums;
    tal_cuda_rows main_rows, side_rows, wide_rows;
    /* Page-locked host memory. */
    int8_t *host_profiles;
    tal_cuda_query *host_queries;
    int32_t *host_thresholds;
    tal_cuda_sums *host_sums;
    tal_device_batch batch;
    uint64_t sent_bytes;
    int resident_groups; /* of the last packed launch in the main stream, else in the side one */
} tal_cuda_slot;

typedef struct tal_cuda {
    tal_device *device;
    tal_cuda_driver driver;
    int idx;
    int capability; /* major number */
    void *context;
    void *module;
    void *score[TAL_CUDA_SCORE_SHAPE_COUNT];
    void *score_long[TAL_CUDA_LONG_SHAPE_COUNT];
    void *gapless[TAL_CUDA_GAPLESS_SHAPE_COUNT];
    void *gapless_long[TAL_CUDA_LONG_SHAPE_COUNT];
    void *wide, *sums, *hits;
    int threads;         /* of a block, but see tal_cuda_block_threads */
    size_t shared_bytes; /* of a block at most */

    tal_cuda_slot slots[TAL_DEVICE_SLOTS_MAX];
    int slot_count;
    int next_slot;   /* of the next submission */
    void *last_done; /* event: the end of the batch collected last */
    bool has_last;
    uint32_t hit_capacity;

    /* The upload. */
    tal_cuda_address letters, reference_begin, reference_len;
    uint32_t *host_reference_len;
    uint32_t letter_count;
    uint8_t code_of_letter[TAL_CUDA_LETTERS_MAX];

    uint64_t taken_bytes; /* of the device, by the reservation */
    /* The result given out last. */
    tal_buffer result_hits;
    tal_buffer result_scores;
} tal_cuda;

/* TAL_OK, or the failure of the driver: TAL_ERR_MEMORY where memory is short, else TAL_ERR_IO. */
tal_status tal_cuda_check(tal_cuda *cuda, int error, const char *what);

tal_status tal_cuda_submit(tal_device *device, const tal_device_batch *batch);
tal_status tal_cuda_poll(tal_device *device, bool *out_is_done);
tal_status tal_cuda_collect(tal_device *device, tal_device_result *out_result);

/* cuda_memory.c */
tal_status tal_cuda_reserve(tal_device *device, const tal_device_shape *shape);
tal_status tal_cuda_upload(tal_device *device, const tal_device_references *references);
/* Give back all of the reservation. */
void tal_cuda_release(tal_cuda *cuda);

/* The compiled kernels: a fat binary, made by nvcc at build time; some zeros where there was none.
 */
extern const unsigned char tal_cuda_image[];
extern const uint64_t tal_cuda_image_bytes; /* 0: there are none */

#endif
