/* The gapless kernel in SSE4.1; see gapless_template.h. */
#include "kernels/gapless.h"
#include "kernels/vec_sse41.h"

#include "kernels/gapless_template.h"

void tal_kernels_register_gapless_sse41(tal_kernel_table *table)
{
    table->gapless = gapless_local;
}
