/* Resident memory; see resident.h. */
#include "base/resident.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

enum { RETURNED_BYTES = 256 << 10 };

void tal_resident_return_early(void)
{
#ifdef __GLIBC__
    (void)mallopt(M_MMAP_THRESHOLD, RETURNED_BYTES); /* Else memory is kept: no failure. */
    (void)mallopt(M_TRIM_THRESHOLD, RETURNED_BYTES);
#endif
}

uint64_t tal_resident_peak(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (uint64_t)usage.ru_maxrss * 1024 : 0;
}

uint64_t tal_resident_trim(void)
{
#ifdef __GLIBC__
    (void)malloc_trim(0); /* Says whether there was any. */
#endif
    unsigned long long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    const int found = file == NULL ? 0 : fscanf(file, "%*s %llu", &pages);
    if (file != NULL)
        (void)fclose(file); /* Opened for reading. */
    if (found == 1)
        return pages * (uint64_t)sysconf(_SC_PAGESIZE);
    return tal_resident_peak();
}
