/* Memory before a guard page; see guarded.h. */
#include "guarded.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

guarded guarded_create(size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t usable = (bytes / page + 1) * page;
    void *pages =
        mmap(NULL, usable + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED || mprotect((char *)pages + usable, page, PROT_NONE) != 0) {
        perror("guarded memory");
        exit(1);
    }
    return (guarded){pages, usable};
}

void guarded_destroy(guarded *memory)
{
    (void)munmap(memory->pages, memory->bytes + (size_t)sysconf(_SC_PAGESIZE));
    memory->pages = NULL;
}

void *guarded_end(const guarded *memory, size_t bytes, int poison)
{
    memset(memory->pages, poison, memory->bytes);
    return (char *)memory->pages + memory->bytes - bytes;
}

int guarded_is_untouched(const guarded *memory, size_t bytes, int poison)
{
    const unsigned char *data = memory->pages;
    for (size_t i = 0; i < memory->bytes - bytes; i++)
        if (data[i] != (unsigned char)poison)
            return 0;
    return 1;
}
