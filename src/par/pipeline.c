/* A pipeline of threads; see pipeline.h. */
#include "par/pipeline.h"

#include "base/alloc.h"
#include "base/check.h"
#include "par/pool.h"
#include "par/queue.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

enum { LINKS_MAX = TAL_PIPELINE_STAGES_MAX + 1 };

/* A thread and the queue it writes to. */
typedef struct pipeline_link {
    tal_pipeline *pipeline;
    size_t idx; /* 0: the source */
    tal_queue *out;
    tal_status status; /* why it ended; written before `out` is closed, read after that is seen */
    pthread_t thread;
    bool is_started;
} pipeline_link;

struct tal_pipeline {
    tal_pipeline_params params;
    tal_pool *pool;
    pipeline_link links[LINKS_MAX];
    size_t link_count;
    _Atomic bool is_stopped; /* by the caller: what is under way is of no interest any more */
};

tal_status tal_pipeline_create(const tal_pipeline_params *params, tal_pipeline **out_pipeline)
{
    TAL_ASSERT(params->item_count >= 1);
    TAL_ASSERT(params->stage_count <= TAL_PIPELINE_STAGES_MAX);
    tal_pipeline *pipeline = tal_alloc_zero(sizeof(*pipeline));
    if (pipeline == NULL)
        return TAL_ERR_MEMORY;
    pipeline->params = *params;
    pipeline->link_count = params->stage_count + 1;
    /* Stages wait for long: they must not take CPU time from those who compute. */
    tal_status status = tal_pool_create(params->pool_name, params->item_count, params->item_bytes,
                                        TAL_WAIT_PARK, &pipeline->pool);
    for (size_t i = 0; i < pipeline->link_count && status == TAL_OK; i++) {
        pipeline->links[i].pipeline = pipeline;
        pipeline->links[i].idx = i;
        status = tal_queue_create(params->queue_name, params->item_count, TAL_WAIT_PARK,
                                  &pipeline->links[i].out);
    }
    if (status != TAL_OK) {
        tal_pipeline_destroy(pipeline);
        return status;
    }
    *out_pipeline = pipeline;
    return TAL_OK;
}

/* Items of the stage before, one after the other. */
static tal_status run_stage(pipeline_link *link)
{
    tal_pipeline *pipeline = link->pipeline;
    pipeline_link *before = &pipeline->links[link->idx - 1];
    const tal_stage *stage = &pipeline->params.stages[link->idx - 1];
    for (;;) {
        void *item;
        if (tal_queue_pop(before->out, TAL_WAIT_FOREVER, &item) != TAL_QUEUE_DONE)
            return before->status;
        if (atomic_load_explicit(&pipeline->is_stopped, memory_order_relaxed)) {
            tal_pipeline_recycle(pipeline, item);
            continue; /* Until the stage before has ended. */
        }
        tal_status status = stage->run(pipeline->params.context, item);
        if (status != TAL_OK) {
            tal_pipeline_recycle(pipeline, item);
            return status;
        }
        (void)tal_queue_push(link->out, item, TAL_WAIT_FOREVER); /* Has room; closed by us only. */
    }
}

static void *run(void *context)
{
    pipeline_link *link = context;
    tal_pipeline *pipeline = link->pipeline;
    if (link->idx == 0)
        link->status = pipeline->params.source(pipeline->params.context, pipeline);
    else
        link->status = run_stage(link);
    if (link->status != TAL_OK)
        tal_pool_close(pipeline->pool); /* The stages before need not go on. */
    tal_queue_close(link->out);
    return NULL;
}

tal_status tal_pipeline_start(tal_pipeline *pipeline)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = 0;
    for (size_t i = pipeline->link_count; i-- > 0 && code == 0;) {
        pipeline_link *link = &pipeline->links[i];
        code = pthread_create(&link->thread, NULL, run, link);
        if (code != 0)
            break;
        link->is_started = true;
        const char *name =
            i == 0 ? pipeline->params.source_name : pipeline->params.stages[i - 1].name;
        (void)pthread_setname_np(link->thread, name); /* For people; it may be too long. */
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (code != 0)
        return tal_fail(TAL_ERR_MEMORY, "cannot start a thread: %s", strerror(code));
    return TAL_OK;
}

void *tal_pipeline_begin(tal_pipeline *pipeline)
{
    return tal_pool_acquire(pipeline->pool, TAL_WAIT_FOREVER);
}

void tal_pipeline_send(tal_pipeline *pipeline, void *item)
{
    /* Has room for all items; closed by the source's own thread only. */
    tal_queue_result result = tal_queue_push(pipeline->links[0].out, item, TAL_WAIT_FOREVER);
    TAL_ASSERT(result == TAL_QUEUE_DONE);
}

bool tal_pipeline_is_stopped(const tal_pipeline *pipeline)
{
    return tal_pool_is_closed(pipeline->pool);
}

tal_status tal_pipeline_next(tal_pipeline *pipeline, void **out_item)
{
    pipeline_link *last = &pipeline->links[pipeline->link_count - 1];
    void *item = NULL;
    if (tal_queue_pop(last->out, TAL_WAIT_FOREVER, &item) != TAL_QUEUE_DONE) {
        *out_item = NULL;
        return last->status;
    }
    *out_item = item;
    return TAL_OK;
}

void tal_pipeline_recycle(tal_pipeline *pipeline, void *item)
{
    tal_pool_release(pipeline->pool, item);
}

void tal_pipeline_stop(tal_pipeline *pipeline)
{
    /* Relaxed: seen late, an item more passes. */
    atomic_store_explicit(&pipeline->is_stopped, true, memory_order_relaxed);
    tal_pool_close(pipeline->pool);
}

void tal_pipeline_join(tal_pipeline *pipeline)
{
    tal_pipeline_stop(pipeline);
    /* Stages that were never started close nothing: their successors must not wait for them. */
    for (size_t i = 0; i < pipeline->link_count; i++)
        if (!pipeline->links[i].is_started)
            tal_queue_close(pipeline->links[i].out);
    for (size_t i = 0; i < pipeline->link_count; i++) {
        pipeline_link *link = &pipeline->links[i];
        if (!link->is_started)
            continue;
        tal_wait_for what = {TAL_WAIT_THREAD, pipeline->params.queue_name, pipeline};
        tal_wait_mark mark = tal_wait_begin(&what);
        pthread_join(link->thread, NULL);
        tal_wait_end(mark);
        link->is_started = false;
    }
}

void *tal_pipeline_item(const tal_pipeline *pipeline, size_t idx)
{
    return tal_pool_item(pipeline->pool, idx);
}

size_t tal_pipeline_item_count(const tal_pipeline *pipeline)
{
    return tal_pool_item_count(pipeline->pool);
}

void tal_pipeline_destroy(tal_pipeline *pipeline)
{
    if (pipeline == NULL)
        return;
    if (pipeline->pool != NULL)
        tal_pipeline_join(pipeline);
    for (size_t i = 0; i < pipeline->link_count; i++)
        tal_queue_destroy(pipeline->links[i].out);
    tal_pool_destroy(pipeline->pool);
    tal_free(pipeline);
}
