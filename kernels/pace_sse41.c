/* Independent operations in SSE4.1; see pace.h. */
#include "kernels/pace_register.h"
#include "kernels/vec_sse41.h"

#include "kernels/pace_template.h"

void tal_pace_register_sse41(tal_kernel_table *table)
{
    pace_register(&table->pace);
}
