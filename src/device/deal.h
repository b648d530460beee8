/* Which of a node's devices each of its ranks takes; pure. */
#ifndef TAL_DEVICE_DEAL_H
#define TAL_DEVICE_DEAL_H

/* Where a rank's processors or a device are: a NUMA node, or one of these. */
enum {
    TAL_PLACE_UNKNOWN = -1, /* or in several places */
    TAL_PLACE_ABSENT = -2,  /* a rank that takes no device */
};

enum { TAL_DEVICES_MAX = 64 };

/* The device of each rank, into out_devices (rank_count entries; -1: none), with device_count
 * (1..TAL_DEVICES_MAX) devices.
 *
 * No device gets more than its share of ranks, rounded up. Within that, ranks in their order take
 * the device of their NUMA node that fewest have; then those without such a device take the one
 * that fewest have. Of equals, the nth rank takes the first from device n mod device_count on: so
 * where no place is known, ranks take devices in turn. */
void tal_device_deal(const int *rank_places, int rank_count, const int *device_places,
                     int device_count, int *out_devices);

#endif
