/* Independent operations in AVX2; see pace.h. */
#include "kernels/pace_register.h"
#include "kernels/vec_avx2.h"

#include "kernels/pace_template.h"

void tal_pace_register_avx2(tal_kernel_table *table)
{
    pace_register(&table->pace);
}
