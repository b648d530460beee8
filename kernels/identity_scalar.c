/* The specification of the identity kernel. */
#include "kernels/identity.h"

static size_t identity(const uint8_t *a, const uint8_t *b, size_t len)
{
    return tal_identity_rest(a, b, 0, len);
}

void tal_kernels_register_identity_scalar(tal_kernel_table *table)
{
    table->identity = identity;
}
