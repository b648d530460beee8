/* Assertions; see check.h. */
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

void tal_check_failed(const char *file, int line, const char *condition)
{
    (void)fprintf(stderr, "talaria: %s:%d: this must hold and does not: %s\n", file, line,
                  condition);
    abort();
}
