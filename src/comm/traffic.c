/* What a rank asked of the others; see traffic.h. */
#include "comm/traffic.h"

#include "base/clock.h"
#include "comm/comm_internal.h"

tal_call tal_call_begin(tal_comm *comm, tal_traffic_kind kind, const char *what)
{
    tal_wait_for wait = {TAL_WAIT_RANKS, what, NULL};
    return (tal_call){
        .mark = what == NULL ? (tal_wait_mark){0} : tal_wait_begin(&wait),
        .traffic = tal_comm_traffic(comm, kind),
        .start_ns = tal_clock_ns(),
    };
}

void tal_call_end(const tal_call *call, uint64_t messages, uint64_t bytes)
{
    tal_traffic *traffic = call->traffic;
    traffic->calls++;
    traffic->messages += messages;
    traffic->bytes += bytes;
    traffic->ns += tal_clock_ns() - call->start_ns;
    tal_wait_end(call->mark);
}

static void add(tal_traffic *sum, const tal_traffic *one)
{
    sum->calls += one->calls;
    sum->messages += one->messages;
    sum->bytes += one->bytes;
    sum->ns += one->ns;
}

tal_traffic_sums tal_traffic_sum(const tal_comm *comm)
{
    tal_traffic_sums sums = {0};
    for (int kind = 0; kind < TAL_TRAFFIC_COUNT; kind++) {
        tal_traffic one = tal_traffic_get(comm, (tal_traffic_kind)kind);
        if (kind <= TAL_TRAFFIC_BARRIER)
            add(&sums.waiting, &one);
        else
            add(kind < TAL_TRAFFIC_FILE_OPEN ? &sums.data : &sums.files, &one);
    }
    return sums;
}
