/* Independent operations in AVX-512; see pace.h. */
#include "kernels/pace_register.h"
#include "kernels/vec_avx512.h"

#include "kernels/pace_template.h"

void tal_pace_register_avx512vbmi(tal_kernel_table *table)
{
    pace_register(&table->pace);
}
