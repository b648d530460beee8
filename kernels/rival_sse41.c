/* The rival kernel in SSE4.1; see rival_template.h. */
#include "kernels/rival_register.h"
#include "kernels/vec_sse41.h"

static inline bool vec8_is_negative(vec value)
{
    return _mm_movemask_epi8(value) == 0xffff;
}

#include "kernels/rival_template.h"

void tal_rival_register_sse41(tal_kernel_table *table)
{
    table->rival = rival;
}
