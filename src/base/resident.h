/* What this process has of memory, as the system counts it. */
#ifndef TAL_BASE_RESIDENT_H
#define TAL_BASE_RESIDENT_H

#include <stdint.h>

/* From now on large pieces of memory go back to the system when they are freed, and are not kept
 * for later. Before other threads begin. */
void tal_resident_return_early(void);

/* Give back what is free, and return the bytes that are resident, or the most that ever were where
 * the system does not say. */
uint64_t tal_resident_trim(void);

/* The most bytes that ever were. */
uint64_t tal_resident_peak(void);

#endif
