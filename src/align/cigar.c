/* The path of an alignment; see cigar.h. */
#include "align/cigar.h"

#include "base/alloc.h"
#include "base/check.h"

void tal_cigar_deinit(tal_cigar *cigar)
{
    tal_free(cigar->runs);
    *cigar = (tal_cigar){0};
}

void tal_cigar_reset(tal_cigar *cigar)
{
    cigar->count = 0;
}

/* Begin a run of length 0 at the end. */
static tal_status begin_run(tal_cigar *cigar, uint32_t operation)
{
    if (cigar->count == cigar->capacity) {
        size_t capacity = cigar->capacity == 0 ? 64 : 2 * cigar->capacity;
        uint32_t *runs = tal_realloc_array(cigar->runs, capacity, sizeof(*runs));
        if (runs == NULL)
            return TAL_ERR_MEMORY;
        cigar->runs = runs;
        cigar->capacity = capacity;
    }
    cigar->runs[cigar->count++] = operation;
    return TAL_OK;
}

/* How many columns of `operation` the last run still takes. */
static uint32_t room_in_last_run(const tal_cigar *cigar, uint32_t operation)
{
    if (cigar->count == 0 || tal_cigar_operation(cigar->runs[cigar->count - 1]) != operation)
        return 0;
    return TAL_CIGAR_RUN_MAX - (cigar->runs[cigar->count - 1] >> 4);
}

tal_status tal_cigar_append(tal_cigar *cigar, uint32_t operation, int32_t len)
{
    TAL_ASSERT(operation < 16);
    TAL_ASSERT(len >= 0);
    uint32_t left = (uint32_t)len;
    while (left > 0) {
        uint32_t room = room_in_last_run(cigar, operation);
        if (room == 0) {
            if (begin_run(cigar, operation) != TAL_OK)
                return TAL_ERR_MEMORY;
            room = TAL_CIGAR_RUN_MAX;
        }
        uint32_t taken = left < room ? left : room;
        cigar->runs[cigar->count - 1] += taken << 4;
        left -= taken;
    }
    return TAL_OK;
}

void tal_cigar_reverse(tal_cigar *cigar)
{
    for (size_t i = 0, j = cigar->count; i + 1 < j; i++, j--) {
        uint32_t run = cigar->runs[i];
        cigar->runs[i] = cigar->runs[j - 1];
        cigar->runs[j - 1] = run;
    }
}
