/* A pipeline: a source and further stages, each in a thread of its own, and the caller at the end.
 *
 * Items pass the stages in order and come out in order. There is a fixed number of them: the source
 * waits for a free one, the caller gives each back when it is done with it, so a slow stage
 * holds back the ones before it and nothing grows. Queues between stages have room for all items:
 * only the source ever waits for room.
 *
 * A failure ends the pipeline in order too: items before it come out, then its status.
 */
#ifndef TAL_PAR_PIPELINE_H
#define TAL_PAR_PIPELINE_H

#include "base/status.h"
#include "base/types.h"

typedef struct tal_pipeline tal_pipeline;

enum { TAL_PIPELINE_STAGES_MAX = 4 };

/* Change the item on its way. Runs in the stage's thread. */
typedef tal_status (*tal_stage_function)(void *context, void *item);

typedef struct tal_stage {
    const char *name; /* of its thread, at most 15 bytes; constant text */
    tal_stage_function run;
} tal_stage;

typedef struct tal_pipeline_params {
    const char *queue_name; /* constant text, for the monitor and the watcher */
    const char *pool_name;
    size_t item_count; /* >= 1: in all, those the caller holds included */
    size_t item_bytes;
    void *context; /* of the source and all stages */
    const char *source_name;
    /* Take items (tal_pipeline_begin), fill and send them (tal_pipeline_send) until there are no
     * more or tal_pipeline_begin gives none. */
    tal_status (*source)(void *context, tal_pipeline *pipeline);
    tal_stage stages[TAL_PIPELINE_STAGES_MAX];
    size_t stage_count;
} tal_pipeline_params;

/* Items begin zeroed. The threads start at tal_pipeline_start. */
tal_status tal_pipeline_create(const tal_pipeline_params *params, tal_pipeline **out_pipeline);

/* Threads start with all signals blocked: those are for the main thread. The source starts last. On
 * a failure it has not run, and the pipeline can only be destroyed. */
tal_status tal_pipeline_start(tal_pipeline *pipeline);

/* For the source: an item to fill, NULL when stopped. Blocks: until one is free. */
void *tal_pipeline_begin(tal_pipeline *pipeline);
void tal_pipeline_send(tal_pipeline *pipeline, void *item);

/* By tal_pipeline_stop, or because a stage failed: what the source goes on with is not wanted. */
bool tal_pipeline_is_stopped(const tal_pipeline *pipeline);

/* The next item of the last stage, the caller's until tal_pipeline_recycle; NULL at the end, then
 * with the status that ended it. Threads: one. Blocks: until there is one. */
tal_status tal_pipeline_next(tal_pipeline *pipeline, void **out_item);

/* Threads: any. */
void tal_pipeline_recycle(tal_pipeline *pipeline, void *item);

/* Ask the threads to end, wherever they are; who waits inside the pipeline is woken. */
void tal_pipeline_stop(tal_pipeline *pipeline);

/* Stop and wait for the threads. Blocks. Threads: the one that started it. */
void tal_pipeline_join(tal_pipeline *pipeline);

/* Item idx < item_count, to clean it up: after tal_pipeline_join. */
void *tal_pipeline_item(const tal_pipeline *pipeline, size_t idx);
size_t tal_pipeline_item_count(const tal_pipeline *pipeline);

/* Stop, join, free. Accepts NULL. */
void tal_pipeline_destroy(tal_pipeline *pipeline);

#endif
