/* Ranks; see comm.h.
 *
 * Counts in MPI 3 are int, so everything that may be large moves in pieces (TAL_COMM_PIECE).
 */
#include "comm/comm.h"

#include "base/alloc.h"
#include "base/check.h"
#include "comm/comm_internal.h"

#include <mpi.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MESSAGE_BYTES = 2048 };

/* Between two looks of a rank at rest. */
enum { REST_NS = 5000000 };

struct tal_comm {
    MPI_Comm world, node;
    bool is_part; /* of another one, which ends MPI */
    int rank, size;
    int node_rank, node_size;
    tal_traffic traffic[TAL_TRAFFIC_COUNT];
};

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Bytes that count as given: one rank alone gives nothing. */
static uint64_t given(const tal_comm *comm, uint64_t bytes)
{
    return comm->size > 1 ? bytes : 0;
}

/* Size and place of this rank, in all and on its node. Collective. */
static void look_around(tal_comm *comm)
{
    MPI_Comm_rank(comm->world, &comm->rank);
    MPI_Comm_size(comm->world, &comm->size);
    MPI_Comm_split_type(comm->world, MPI_COMM_TYPE_SHARED, comm->rank, MPI_INFO_NULL, &comm->node);
    MPI_Comm_rank(comm->node, &comm->node_rank);
    MPI_Comm_size(comm->node, &comm->node_size);
}

tal_status tal_comm_create(int *argc, char ***argv, tal_comm **out_comm)
{
    int provided;
    MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided);
    if (provided < MPI_THREAD_FUNNELED)
        return tal_fail(TAL_ERR_INTERNAL, "this MPI library does not support threads");
    tal_comm *comm = tal_alloc_zero(sizeof(*comm));
    if (comm == NULL)
        return TAL_ERR_MEMORY;
    MPI_Comm_dup(MPI_COMM_WORLD, &comm->world);
    look_around(comm);
    *out_comm = comm;
    return TAL_OK;
}

tal_status tal_comm_create_part(tal_comm *comm, int count, tal_comm **out_part)
{
    bool is_in = comm->rank < count;
    tal_comm *part = is_in ? tal_alloc_zero(sizeof(*part)) : NULL;
    tal_status status = tal_comm_agree(comm, is_in && part == NULL ? TAL_ERR_MEMORY : TAL_OK);
    if (status != TAL_OK) {
        tal_free(part);
        return status;
    }
    MPI_Comm group;
    MPI_Comm_split(comm->world, is_in ? 0 : MPI_UNDEFINED, comm->rank, &group);
    if (is_in) {
        part->world = group;
        part->is_part = true;
        look_around(part);
    }
    *out_part = part;
    return TAL_OK;
}

void tal_comm_destroy(tal_comm *comm)
{
    if (comm == NULL)
        return;
    bool is_part = comm->is_part;
    MPI_Comm_free(&comm->node);
    MPI_Comm_free(&comm->world);
    tal_free(comm);
    if (!is_part)
        MPI_Finalize();
}

void tal_comm_abort(const tal_comm *comm, int exit_code)
{
    MPI_Abort(comm->world, exit_code);
    abort(); /* MPI_Abort does not return. */
}

MPI_Comm tal_comm_world(const tal_comm *comm)
{
    return comm->world;
}

tal_traffic *tal_comm_traffic(tal_comm *comm, tal_traffic_kind kind)
{
    return &comm->traffic[kind];
}

tal_traffic tal_traffic_get(const tal_comm *comm, tal_traffic_kind kind)
{
    return comm->traffic[kind];
}

int tal_comm_rank(const tal_comm *comm)
{
    return comm->rank;
}

int tal_comm_size(const tal_comm *comm)
{
    return comm->size;
}

int tal_comm_node_rank(const tal_comm *comm)
{
    return comm->node_rank;
}

int tal_comm_node_size(const tal_comm *comm)
{
    return comm->node_size;
}

tal_status tal_comm_agree(tal_comm *comm, tal_status status)
{
    struct {
        int status;
        int rank;
    } mine = {(int)status, comm->rank}, worst;
    /* MPI_MAXLOC: the largest status; of equal ones the lowest rank. */
    tal_call call = tal_call_begin(comm, TAL_TRAFFIC_AGREE, "agree");
    MPI_Allreduce(&mine, &worst, 1, MPI_2INT, MPI_MAXLOC, comm->world);
    tal_call_end(&call, 0, given(comm, sizeof(mine)));
    if (worst.status == TAL_OK)
        return TAL_OK;
    char message[MESSAGE_BYTES] = "";
    if (comm->rank == worst.rank)
        strncat(message, tal_status_message(), sizeof(message) - 1);
    MPI_Bcast(message, MESSAGE_BYTES, MPI_CHAR, worst.rank, comm->world);
    tal_status_set_message(message);
    return (tal_status)worst.status;
}

void tal_comm_node_gather(tal_comm *comm, int value, int *out_values)
{
    tal_call call = tal_call_begin(comm, TAL_TRAFFIC_GATHER, "node gather");
    MPI_Allgather(&value, 1, MPI_INT, out_values, 1, MPI_INT, comm->node);
    tal_call_end(&call, 0, comm->node_size > 1 ? sizeof(value) : 0);
}

void tal_comm_barrier(tal_comm *comm)
{
    tal_call call = tal_call_begin(comm, TAL_TRAFFIC_BARRIER, "barrier");
    MPI_Barrier(comm->world);
    tal_call_end(&call, 0, 0);
}

void tal_comm_rest(tal_comm *comm)
{
    const struct timespec nap = {.tv_nsec = REST_NS};
    MPI_Request request;
    int is_done = 0;
    tal_call call = tal_call_begin(comm, TAL_TRAFFIC_BARRIER, "rest");
    MPI_Ibarrier(comm->world, &request);
    for (MPI_Test(&request, &is_done, MPI_STATUS_IGNORE); !is_done;
         MPI_Test(&request, &is_done, MPI_STATUS_IGNORE))
        (void)nanosleep(&nap, NULL); /* Woken early: looks early. */
    tal_call_end(&call, 0, 0);
}

void tal_comm_progress(tal_comm *comm)
{
    int is_there;
    /* No message is ever sent that this could find: asking is what moves the library on. */
    MPI_Iprobe(MPI_ANY_SOURCE, 0, comm->world, &is_there, MPI_STATUS_IGNORE);
}

void tal_comm_broadcast(tal_comm *comm, void *data, uint64_t bytes, int root)
{
    char *cursor = data;
    for (uint64_t done = 0; done < bytes;) {
        uint64_t piece = min_u64(bytes - done, TAL_COMM_PIECE);
        tal_call call = tal_call_begin(comm, TAL_TRAFFIC_BROADCAST, "broadcast");
        MPI_Bcast(cursor + done, (int)piece, MPI_BYTE, root, comm->world);
        tal_call_end(&call, 0, comm->rank == root ? given(comm, piece) : 0);
        done += piece;
    }
}

/* Element-wise by `operation`, in pieces, on all ranks. */
static void combine(tal_comm *comm, uint64_t *values, size_t count, MPI_Op operation,
                    const char *what)
{
    for (size_t done = 0; done < count;) {
        size_t piece = (size_t)min_u64(count - done, TAL_COMM_PIECE);
        tal_call call = tal_call_begin(comm, TAL_TRAFFIC_COMBINE, what);
        MPI_Allreduce(MPI_IN_PLACE, values + done, (int)piece, MPI_UINT64_T, operation,
                      comm->world);
        tal_call_end(&call, 0, given(comm, piece * sizeof(*values)));
        done += piece;
    }
}

void tal_comm_sum_u64(tal_comm *comm, uint64_t *values, size_t count)
{
    combine(comm, values, count, MPI_SUM, "sum");
}

void tal_comm_max_u64(tal_comm *comm, uint64_t *values, size_t count)
{
    combine(comm, values, count, MPI_MAX, "max");
}

void tal_comm_or_u64(tal_comm *comm, uint64_t *values, size_t count)
{
    combine(comm, values, count, MPI_BOR, "or");
}

void tal_comm_accumulate_u64(tal_comm *comm, uint64_t *values, size_t count)
{
    bool is_root = comm->rank == 0;
    for (size_t done = 0; done < count;) {
        size_t piece = (size_t)min_u64(count - done, TAL_COMM_PIECE);
        uint64_t *cursor = values + done;
        tal_call call = tal_call_begin(comm, TAL_TRAFFIC_ACCUMULATE, "accumulate");
        MPI_Reduce(is_root ? MPI_IN_PLACE : cursor, is_root ? cursor : NULL, (int)piece,
                   MPI_UINT64_T, MPI_SUM, 0, comm->world);
        tal_call_end(&call, 0, is_root ? 0 : piece * sizeof(*values));
        done += piece;
    }
}

uint64_t tal_comm_prefix_u64(tal_comm *comm, uint64_t value)
{
    uint64_t prefix = 0;
    tal_call call = tal_call_begin(comm, TAL_TRAFFIC_PREFIX, "prefix");
    MPI_Exscan(&value, &prefix, 1, MPI_UINT64_T, MPI_SUM, comm->world);
    tal_call_end(&call, 0, given(comm, sizeof(value)));
    return comm->rank == 0 ? 0 : prefix; /* Undefined on rank 0 by the standard. */
}

void tal_comm_gather_u64(tal_comm *comm, uint64_t value, uint64_t *out_values)
{
    tal_call call = tal_call_begin(comm, TAL_TRAFFIC_GATHER, "gather");
    MPI_Allgather(&value, 1, MPI_UINT64_T, out_values, 1, MPI_UINT64_T, comm->world);
    tal_call_end(&call, 0, given(comm, sizeof(value)));
}

/* One rank's bookkeeping of an exchange; arrays have one entry per rank. */
typedef struct exchange {
    uint64_t *send_bytes, *receive_bytes; /* totals */
    uint64_t *receive_begin;              /* where each sender's bytes go in the output */
    int *send_counts, *receive_counts;    /* this round */
    int *send_at, *receive_at;
    uint8_t *send_round, *receive_round; /* staging: what the first round, the fullest, moves */
} exchange;

static void exchange_deinit(exchange *state)
{
    tal_free(state->receive_round);
    tal_free(state->send_round);
    tal_free(state->receive_at);
    tal_free(state->send_at);
    tal_free(state->receive_counts);
    tal_free(state->send_counts);
    tal_free(state->receive_begin);
    tal_free(state->receive_bytes);
    tal_free(state->send_bytes);
}

static tal_status exchange_init(exchange *state, size_t size)
{
    *state = (exchange){
        .send_bytes = tal_alloc_array(size, sizeof(uint64_t)),
        .receive_bytes = tal_alloc_array(size, sizeof(uint64_t)),
        .receive_begin = tal_alloc_array(size + 1, sizeof(uint64_t)),
        .send_counts = tal_alloc_array(size, sizeof(int)),
        .receive_counts = tal_alloc_array(size, sizeof(int)),
        .send_at = tal_alloc_array(size, sizeof(int)),
        .receive_at = tal_alloc_array(size, sizeof(int)),
    };
    bool is_complete = state->send_bytes != NULL && state->receive_bytes != NULL &&
                       state->receive_begin != NULL && state->send_counts != NULL &&
                       state->receive_counts != NULL && state->send_at != NULL &&
                       state->receive_at != NULL;
    return is_complete ? TAL_OK : TAL_ERR_MEMORY;
}

/* Staging for rounds of `share` bytes a pair, once it is known how many there are. */
static tal_status exchange_stage(exchange *state, size_t size, uint64_t share)
{
    uint64_t send_bytes = 0, receive_bytes = 0;
    for (size_t rank = 0; rank < size; rank++) {
        send_bytes += min_u64(state->send_bytes[rank], share);
        receive_bytes += min_u64(state->receive_bytes[rank], share);
    }
    state->send_round = tal_alloc((size_t)send_bytes);
    state->receive_round = tal_alloc((size_t)receive_bytes);
    return state->send_round != NULL && state->receive_round != NULL ? TAL_OK : TAL_ERR_MEMORY;
}

/* Round `round`: every pair moves its bytes [round * share, (round + 1) * share). */
static void exchange_round(exchange *state, tal_comm *comm, uint64_t round, uint64_t share,
                           const uint8_t *send, const uint64_t *send_begin, uint8_t *received)
{
    int send_total = 0;
    int receive_total = 0;
    uint64_t messages = 0;
    uint64_t bytes = 0;
    for (int rank = 0; rank < comm->size; rank++) {
        uint64_t done = round * share;
        uint64_t to_send = state->send_bytes[rank] - min_u64(state->send_bytes[rank], done);
        uint64_t to_receive =
            state->receive_bytes[rank] - min_u64(state->receive_bytes[rank], done);
        state->send_counts[rank] = (int)min_u64(to_send, share);
        state->receive_counts[rank] = (int)min_u64(to_receive, share);
        state->send_at[rank] = send_total;
        state->receive_at[rank] = receive_total;
        if (state->send_counts[rank] > 0)
            memcpy(state->send_round + send_total, send + send_begin[rank] + done,
                   (size_t)state->send_counts[rank]);
        send_total += state->send_counts[rank];
        receive_total += state->receive_counts[rank];
        if (rank != comm->rank && state->send_counts[rank] > 0) {
            messages++;
            bytes += (uint64_t)state->send_counts[rank];
        }
    }
    tal_call call = tal_call_begin(comm, TAL_TRAFFIC_EXCHANGE, "exchange");
    MPI_Alltoallv(state->send_round, state->send_counts, state->send_at, MPI_BYTE,
                  state->receive_round, state->receive_counts, state->receive_at, MPI_BYTE,
                  comm->world);
    tal_call_end(&call, messages, bytes);
    for (int rank = 0; rank < comm->size; rank++)
        if (state->receive_counts[rank] > 0)
            memcpy(received + state->receive_begin[rank] + round * share,
                   state->receive_round + state->receive_at[rank],
                   (size_t)state->receive_counts[rank]);
}

tal_status tal_comm_exchange(tal_comm *comm, const uint8_t *send, const uint64_t *send_begin,
                             tal_buffer *received, uint64_t *out_begin)
{
    exchange state;
    size_t size = (size_t)comm->size;
    tal_status status = tal_comm_agree(comm, exchange_init(&state, size));
    if (status != TAL_OK)
        goto done;

    for (size_t rank = 0; rank < size; rank++)
        state.send_bytes[rank] = send_begin[rank + 1] - send_begin[rank];
    tal_call call = tal_call_begin(comm, TAL_TRAFFIC_SIZES, "exchange of sizes");
    MPI_Alltoall(state.send_bytes, 1, MPI_UINT64_T, state.receive_bytes, 1, MPI_UINT64_T,
                 comm->world);
    tal_call_end(&call, 0, given(comm, (size - 1) * sizeof(*state.send_bytes)));
    uint64_t largest = 0;
    state.receive_begin[0] = 0;
    for (size_t rank = 0; rank < size; rank++) {
        state.receive_begin[rank + 1] = state.receive_begin[rank] + state.receive_bytes[rank];
        largest = state.send_bytes[rank] > largest ? state.send_bytes[rank] : largest;
    }
    tal_comm_max_u64(comm, &largest, 1);
    uint64_t share = TAL_COMM_ROUND / size;
    TAL_ASSERT(share >= 1);
    uint64_t total = state.receive_begin[size];
    status = exchange_stage(&state, size, share);
    if (status == TAL_OK)
        status = tal_buffer_reserve(received, (size_t)total);
    status = tal_comm_agree(comm, status);
    if (status != TAL_OK)
        goto done;

    for (uint64_t round = 0; round * share < largest; round++)
        exchange_round(&state, comm, round, share, send, send_begin,
                       received->data + received->bytes);
    received->bytes += (size_t)total;
    if (out_begin != NULL)
        memcpy(out_begin, state.receive_begin, (size + 1) * sizeof(*out_begin));
done:
    exchange_deinit(&state);
    return status;
}
