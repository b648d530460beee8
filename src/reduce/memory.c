/* What a reduction may take of memory while it runs; see reduction.h.
 *
 * What a rank holds is asked of the system: sequences, proofs and what the allocator keeps. So each
 * pass and part is as large as what is left allows, whatever came before.
 */
#include "reduce/reduction.h"

#include "base/alloc.h"
#include "base/resident.h"

#include <inttypes.h>

/* What MPI takes more of as messages grow, and pieces too small to count. */
#define RESERVE_BYTES (UINT64_C(8) << 20)

/* What threads may take more of while they verify. */
static uint64_t verifier_bytes(const tal_reduction *self)
{
    return self->worker_count * tal_verifier_bytes(self->criteria, self->len_max);
}

uint64_t tal_reduction_room(const tal_reduction *self)
{
    const uint64_t limit = self->params->memory_bytes, work = self->params->work_bytes;
    uint64_t room = work == 0 ? UINT64_MAX : work;
    if (limit > 0) {
        const uint64_t held = tal_resident_trim() + verifier_bytes(self) + RESERVE_BYTES;
        const uint64_t left = limit > held ? limit - held : 0;
        uint64_t lack = UINT64_MAX - (left < room ? left : room);
        tal_comm_max_u64(self->comm, &lack, 1);
        room = UINT64_MAX - lack;
    }
    return room;
}

tal_status tal_reduction_refuse(const tal_reduction *self, uint64_t needed, uint64_t room)
{
    const uint64_t limit = self->params->memory_bytes;
    return tal_fail(TAL_ERR_MEMORY,
                    "a rank needs about %" PRIu64 " MiB for this input, more than the %" PRIu64
                    " MiB of --memory; give more, more ranks, or fewer --threads",
                    ((limit - room + needed) >> 20) + 1, limit >> 20);
}
