/* --stats and --watch; see diagnosis.h. */
#include "app/diagnosis.h"

#include "base/log.h"
#include "comm/traffic.h"
#include "par/monitor.h"
#include "search/candidates.h"
#include "seq/reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A name of the monitor and the names of its numbers in the result file. A fixed table: what one
 * rank uses and another does not is stored for both. */
typedef struct meter_row {
    const char *name;
    const char *acquisitions, *contentions, *wait, *wait_max;
} meter_row;

#define METER_ROW(name, key)                                                \
    {                                                                       \
        name, key "_acquisitions", key "_contentions", key "_wait_seconds", \
            key "_wait_max_seconds"                                         \
    }

static const meter_row meters[] = {
    METER_ROW(TAL_CANDIDATES_LOCK_NAME, "hit_table"),
    METER_ROW(TAL_READER_QUEUE_NAME, "blocks_read"),
    METER_ROW(TAL_READER_POOL_NAME, "blocks_to_fill"),
};
/* Kinds of calls and the names of their numbers in the result file. */
typedef struct traffic_row {
    const char *name;
    const char *calls, *messages, *bytes, *seconds;
} traffic_row;

#define TRAFFIC_ROW(name, key)                                            \
    {                                                                     \
        name, key "_calls", key "_messages", key "_bytes", key "_seconds" \
    }

static const traffic_row traffic_rows[TAL_TRAFFIC_COUNT] = {
    [TAL_TRAFFIC_AGREE] = TRAFFIC_ROW("agree", "comm_agree"),
    [TAL_TRAFFIC_BARRIER] = TRAFFIC_ROW("barrier", "comm_barrier"),
    [TAL_TRAFFIC_BROADCAST] = TRAFFIC_ROW("broadcast", "comm_broadcast"),
    [TAL_TRAFFIC_COMBINE] = TRAFFIC_ROW("combine", "comm_combine"),
    [TAL_TRAFFIC_ACCUMULATE] = TRAFFIC_ROW("accumulate", "comm_accumulate"),
    [TAL_TRAFFIC_PREFIX] = TRAFFIC_ROW("prefix", "comm_prefix"),
    [TAL_TRAFFIC_GATHER] = TRAFFIC_ROW("gather", "comm_gather"),
    [TAL_TRAFFIC_SIZES] = TRAFFIC_ROW("sizes of an exchange", "comm_sizes"),
    [TAL_TRAFFIC_EXCHANGE] = TRAFFIC_ROW("exchange", "comm_exchange"),
    [TAL_TRAFFIC_DRAW] = TRAFFIC_ROW("draw from a counter", "comm_draw"),
    [TAL_TRAFFIC_FETCH] = TRAFFIC_ROW("one-sided read", "comm_fetch"),
    [TAL_TRAFFIC_FILE_OPEN] = TRAFFIC_ROW("open, close a file", "file_open"),
    [TAL_TRAFFIC_FILE_READ] = TRAFFIC_ROW("read a file", "file_read"),
    [TAL_TRAFFIC_FILE_WRITE] = TRAFFIC_ROW("write a file", "file_write"),
    [TAL_TRAFFIC_FILE_SYNC] = TRAFFIC_ROW("flush a file", "file_sync"),
};

enum { METER_COUNT = sizeof(meters) / sizeof(meters[0]), WORKERS_SHOWN = 16 };

/* Runs in the watcher's thread. */
static void report_finding(void *context, tal_watch_finding finding, const char *text)
{
    const tal_diagnosis *diagnosis = context;
    (void)fprintf(stderr, "talaria: watch: %s", text);
    (void)fflush(stderr);
    /* A lost wake-up has been made up for: the thread goes on. */
    if (!diagnosis->is_aborting || finding == TAL_WATCH_LOST_WAKE_UP)
        return;
    (void)fprintf(stderr, "talaria: watch: ending the program with exit code %d\n",
                  TAL_EXIT_STALLED);
    /* Only the main thread may call MPI, and it is what hangs: leave without it. The launcher ends
     * the other ranks. */
    _exit(TAL_EXIT_STALLED);
}

tal_status tal_diagnosis_start(const tal_run *run, tal_diagnosis *out_diagnosis)
{
    *out_diagnosis = (tal_diagnosis){.comm = tal_run_comm(run),
                                     .has_stats = tal_run_flag(run, "stats"),
                                     .is_aborting = tal_run_choice(run, "watch-action") == 0};
    tal_status status = TAL_OK;
    if (out_diagnosis->has_stats)
        status = tal_monitor_start(tal_run_thread_count(run));
    if (status == TAL_OK && tal_run_is_given(run, "watch")) {
        tal_watch_params params = {
            .rank = tal_comm_rank(out_diagnosis->comm),
            .stall_ns = (uint64_t)(tal_run_real(run, "watch") * 1e9),
            .report = report_finding,
            .context = out_diagnosis,
        };
        status = tal_watch_start(&params, &out_diagnosis->watch);
    }
    return tal_comm_agree(out_diagnosis->comm, status);
}

void tal_diagnosis_stop(tal_diagnosis *diagnosis)
{
    tal_watch_stop(diagnosis->watch);
    diagnosis->watch = NULL;
    if (diagnosis->has_stats)
        tal_monitor_stop();
}

static tal_result_attribute number(const char *name, double value)
{
    return (tal_result_attribute){.name = name, .type = TAL_ATTRIBUTE_F64, .f64 = value};
}

static size_t list_traffic(const tal_comm *comm, tal_result_attribute *out_list)
{
    size_t count = 0;
    for (int kind = 0; kind < TAL_TRAFFIC_COUNT; kind++) {
        tal_traffic traffic = tal_traffic_get(comm, (tal_traffic_kind)kind);
        out_list[count++] = number(traffic_rows[kind].calls, (double)traffic.calls);
        out_list[count++] = number(traffic_rows[kind].messages, (double)traffic.messages);
        out_list[count++] = number(traffic_rows[kind].bytes, (double)traffic.bytes);
        out_list[count++] = number(traffic_rows[kind].seconds, (double)traffic.ns * 1e-9);
    }
    return count;
}

size_t tal_diagnosis_list(const tal_diagnosis *diagnosis, tal_result_attribute *out_list)
{
    if (!diagnosis->has_stats)
        return 0;
    size_t count = 0;
    for (size_t i = 0; i < METER_COUNT; i++) {
        tal_meter_values values = tal_monitor_get(meters[i].name);
        out_list[count++] = number(meters[i].acquisitions, (double)values.acquisitions);
        out_list[count++] = number(meters[i].contentions, (double)values.contentions);
        out_list[count++] = number(meters[i].wait, (double)values.wait_ns * 1e-9);
        out_list[count++] = number(meters[i].wait_max, (double)values.wait_max_ns * 1e-9);
    }
    uint64_t idle_ns = 0;
    uint64_t idle_max_ns = 0;
    uint64_t steal_ns = 0;
    uint64_t steal_count = 0;
    for (int i = 0; i < tal_monitor_worker_count(); i++) {
        tal_monitor_worker worker = tal_monitor_worker_get(i);
        idle_ns += worker.idle_ns;
        idle_max_ns = worker.idle_ns > idle_max_ns ? worker.idle_ns : idle_max_ns;
        steal_ns += worker.steal_ns;
        steal_count += worker.steal_count;
    }
    out_list[count++] = number("idle_seconds", (double)idle_ns * 1e-9);
    out_list[count++] = number("idle_max_seconds", (double)idle_max_ns * 1e-9);
    out_list[count++] = number("steal_seconds", (double)steal_ns * 1e-9);
    out_list[count++] = number("steals", (double)steal_count);
    return count + list_traffic(diagnosis->comm, out_list + count);
}

static void show_meters(tal_comm *comm)
{
    uint64_t sums[METER_COUNT][3];
    uint64_t largest[METER_COUNT];
    for (size_t i = 0; i < METER_COUNT; i++) {
        tal_meter_values values = tal_monitor_get(meters[i].name);
        sums[i][0] = values.acquisitions;
        sums[i][1] = values.contentions;
        sums[i][2] = values.wait_ns;
        largest[i] = values.wait_max_ns;
    }
    tal_comm_sum_u64(comm, &sums[0][0], sizeof(sums) / sizeof(sums[0][0]));
    tal_comm_max_u64(comm, largest, METER_COUNT);
    tal_log(TAL_LOG_INFO, "locks and queues of all ranks:");
    tal_log(TAL_LOG_INFO, "  %-20s %14s %12s %14s %14s", "name", "acquisitions", "contentions",
            "mean wait us", "max wait us");
    for (size_t i = 0; i < METER_COUNT; i++)
        tal_log(TAL_LOG_INFO, "  %-20s %14" PRIu64 " %12" PRIu64 " %14.2f %14.2f", meters[i].name,
                sums[i][0], sums[i][1],
                sums[i][1] > 0 ? (double)sums[i][2] / (double)sums[i][1] * 1e-3 : 0.0,
                (double)largest[i] * 1e-3);
}

static void show_traffic(tal_comm *comm)
{
    uint64_t sums[TAL_TRAFFIC_COUNT][3];
    uint64_t longest[TAL_TRAFFIC_COUNT];
    for (int kind = 0; kind < TAL_TRAFFIC_COUNT; kind++) {
        tal_traffic traffic = tal_traffic_get(comm, (tal_traffic_kind)kind);
        sums[kind][0] = traffic.calls;
        sums[kind][1] = traffic.messages;
        sums[kind][2] = traffic.bytes;
        longest[kind] = traffic.ns;
    }
    tal_comm_sum_u64(comm, &sums[0][0], sizeof(sums) / sizeof(sums[0][0]));
    tal_comm_max_u64(comm, longest, TAL_TRAFFIC_COUNT);
    tal_log(TAL_LOG_INFO, "calls to other ranks and shared files, of all ranks:");
    tal_log(TAL_LOG_INFO, "  %-20s %14s %12s %14s %14s", "kind", "calls", "messages", "bytes",
            "longest s");
    for (int kind = 0; kind < TAL_TRAFFIC_COUNT; kind++)
        if (sums[kind][0] > 0)
            tal_log(TAL_LOG_INFO, "  %-20s %14" PRIu64 " %12" PRIu64 " %14" PRIu64 " %14.4f",
                    traffic_rows[kind].name, sums[kind][0], sums[kind][1], sums[kind][2],
                    (double)longest[kind] * 1e-9);
}

void tal_diagnosis_show(const tal_diagnosis *diagnosis)
{
    if (!diagnosis->has_stats)
        return;
    show_meters(diagnosis->comm);
    show_traffic(diagnosis->comm);
    int count = tal_monitor_worker_count();
    tal_log(TAL_LOG_INFO, "workers of rank 0:");
    tal_log(TAL_LOG_INFO, "  %-20s %14s %12s %14s %14s", "worker", "waits for work", "idle s",
            "steals", "steal s");
    for (int i = 0; i < count && i < WORKERS_SHOWN; i++) {
        tal_monitor_worker worker = tal_monitor_worker_get(i);
        tal_log(TAL_LOG_INFO, "  %-20d %14" PRIu64 " %12.4f %14" PRIu64 " %14.4f", i,
                worker.idle_count, (double)worker.idle_ns * 1e-9, worker.steal_count,
                (double)worker.steal_ns * 1e-9);
    }
    if (count > WORKERS_SHOWN)
        tal_log(TAL_LOG_INFO, "  and %d more; sums are under /ranks of the result",
                count - WORKERS_SHOWN);
}
