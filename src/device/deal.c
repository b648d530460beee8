/* Which of a node's devices each of its ranks takes; see deal.h. */
#include "device/deal.h"

#include "base/check.h"

#include <stdbool.h>

/* The device that fewest ranks have, of those in `place` (unknown: of all), or -1: each of them has
 * `share` ranks. `turn`: the first of equals. */
static int find_free(const int *load, const int *device_places, int device_count, int place,
                     int share, int turn)
{
    int best = -1;
    for (int i = 0; i < device_count; i++) {
        int device = (turn + i) % device_count;
        bool is_there = place == TAL_PLACE_UNKNOWN || device_places[device] == place;
        if (is_there && load[device] < share && (best < 0 || load[device] < load[best]))
            best = device;
    }
    return best;
}

void tal_device_deal(const int *rank_places, int rank_count, const int *device_places,
                     int device_count, int *out_devices)
{
    TAL_ASSERT(device_count >= 1 && device_count <= TAL_DEVICES_MAX);
    int load[TAL_DEVICES_MAX] = {0};
    int taker_count = 0;
    for (int rank = 0; rank < rank_count; rank++) {
        taker_count += rank_places[rank] != TAL_PLACE_ABSENT;
        out_devices[rank] = -1;
    }
    int share = (taker_count + device_count - 1) / device_count;
    for (int round = 0; round < 2; round++)
        for (int rank = 0, turn = 0; rank < rank_count; rank++) {
            int place = round == 0 ? rank_places[rank] : TAL_PLACE_UNKNOWN;
            if (rank_places[rank] == TAL_PLACE_ABSENT)
                continue;
            int first = turn++ % device_count;
            bool is_due = out_devices[rank] < 0 && (round == 1 || place != TAL_PLACE_UNKNOWN);
            int device =
                is_due ? find_free(load, device_places, device_count, place, share, first) : -1;
            if (device < 0)
                continue;
            out_devices[rank] = device;
            load[device]++;
        }
}
