/* What a reduced set was made by: the parameters that members were verified against, kept as
 * attributes of /parameters, and read back to verify or to add.
 */
#ifndef TAL_STORE_TERMS_H
#define TAL_STORE_TERMS_H

#include "reduce/reduce.h"
#include "store/container.h"

enum { TAL_TERM_COUNT = 12 };

/* The attributes of `params`, to be stored; views into it. Returns how many: there is no E-value
 * where none was asked for. */
size_t tal_terms_list(const tal_reduce_params *params,
                      tal_result_attribute out_attributes[TAL_TERM_COUNT]);

/* Read them back: all that decides whether a member passes, with the matrix of the container and,
 * where an E-value is asked for, its statistics; min-length and order. Views the container.
 * TAL_ERR_DATA names what is missing or out of range. */
tal_status tal_terms_read(const tal_container *container, tal_reduce_params *out_params);

#endif
