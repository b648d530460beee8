/* One-sided reads and counters; see window.h. */
#include "comm/window.h"

#include "base/alloc.h"
#include "base/check.h"
#include "comm/comm_internal.h"

#include <mpi.h>
#include <string.h>

struct tal_window {
    tal_comm *comm;
    MPI_Win handle;
    uint64_t bytes_begun; /* of reads, since the last flush */
    uint64_t *counters;   /* of this rank; NULL: a window of memory */
    size_t counter_count;
};

static tal_status make(tal_comm *comm, tal_window **out_window)
{
    tal_window *window = tal_alloc_zero(sizeof(*window));
    tal_status status = tal_comm_agree(comm, window == NULL ? TAL_ERR_MEMORY : TAL_OK);
    if (status != TAL_OK) {
        tal_free(window);
        return status;
    }
    window->comm = comm;
    *out_window = window;
    return TAL_OK;
}

tal_status tal_window_create(tal_comm *comm, void *data, uint64_t bytes, tal_window **out_window)
{
    tal_window *window;
    tal_status status = make(comm, &window);
    if (status != TAL_OK)
        return status;
    /* Open MPI 4 picks a way that it then cannot go where processes may not read each other. */
    MPI_Comm world = tal_comm_world(comm);
    MPI_Comm_set_errhandler(world, MPI_ERRORS_RETURN);
    int code = MPI_Win_create(data, (MPI_Aint)bytes, 1, MPI_INFO_NULL, world, &window->handle);
    MPI_Comm_set_errhandler(world, MPI_ERRORS_ARE_FATAL);
    uint64_t is_refused = code != MPI_SUCCESS ? 1 : 0;
    tal_comm_or_u64(comm, &is_refused, 1);
    if (is_refused != 0) {
        tal_free(window); /* It was refused on all ranks: the call is collective. */
        *out_window = NULL;
        return TAL_OK;
    }
    MPI_Win_lock_all(MPI_MODE_NOCHECK, window->handle);
    *out_window = window;
    return TAL_OK;
}

void tal_window_sync(tal_window *window)
{
    if (window != NULL)
        MPI_Win_sync(window->handle);
}

tal_status tal_window_create_counters(tal_comm *comm, size_t count, tal_window **out_window)
{
    tal_window *window;
    tal_status status = make(comm, &window);
    if (status != TAL_OK)
        return status;
    size_t bytes = count * sizeof(*window->counters);
    MPI_Win_allocate((MPI_Aint)bytes, sizeof(*window->counters), MPI_INFO_NULL,
                     tal_comm_world(comm), &window->counters, &window->handle);
    memset(window->counters, 0, bytes);
    window->counter_count = count;
    MPI_Win_lock_all(MPI_MODE_NOCHECK, window->handle);
    MPI_Win_sync(window->handle);
    tal_comm_barrier(comm); /* Nobody draws before all are 0. */
    *out_window = window;
    return TAL_OK;
}

void tal_window_destroy(tal_window *window)
{
    if (window == NULL)
        return;
    MPI_Win_unlock_all(window->handle);
    MPI_Win_free(&window->handle);
    tal_free(window);
}

uint64_t tal_window_fetch_add(tal_window *window, int rank, size_t counter, uint64_t value)
{
    TAL_ASSERT(counter < window->counter_count);
    uint64_t before = 0;
    tal_call call = tal_call_begin(window->comm, TAL_TRAFFIC_DRAW, "draw from a counter");
    MPI_Fetch_and_op(&value, &before, MPI_UINT64_T, rank, (MPI_Aint)counter,
                     value == 0 ? MPI_NO_OP : MPI_SUM, window->handle);
    MPI_Win_flush(rank, window->handle);
    tal_call_end(&call, 0, 0);
    return before;
}

void tal_window_set(tal_window *window, size_t counter, uint64_t value)
{
    TAL_ASSERT(counter < window->counter_count);
    MPI_Win_sync(window->handle);
    window->counters[counter] = value;
    MPI_Win_sync(window->handle);
}

void tal_window_get(tal_window *window, int rank, uint64_t offset, void *data, uint64_t bytes)
{
    char *cursor = data;
    for (uint64_t done = 0; done < bytes;) {
        uint64_t piece = bytes - done < TAL_COMM_PIECE ? bytes - done : TAL_COMM_PIECE;
        MPI_Get(cursor + done, (int)piece, MPI_BYTE, rank, (MPI_Aint)(offset + done), (int)piece,
                MPI_BYTE, window->handle);
        done += piece;
    }
    window->bytes_begun += bytes;
}

void tal_window_flush(tal_window *window, int rank)
{
    tal_call call = tal_call_begin(window->comm, TAL_TRAFFIC_FETCH, "one-sided read");
    MPI_Win_flush(rank, window->handle);
    tal_call_end(&call, 0, window->bytes_begun);
    window->bytes_begun = 0;
}
