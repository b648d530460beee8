/* Equal rows of a profile, found once per batch.
 *
 * A profile has a row per query position, but positions with the same residue mostly have the same
 * row. Kernels look such a row up once per reference column and not once per position.
 */
#ifndef TAL_KERNELS_ROW_CLASS_H
#define TAL_KERNELS_ROW_CLASS_H

#include "kernels/contract.h"

enum { TAL_ROW_CLASS_MAX = 32 };

typedef struct tal_row_classes {
    int32_t count;                         /* 0: more than TAL_ROW_CLASS_MAX different rows */
    const int8_t *rows[TAL_ROW_CLASS_MAX]; /* a row of each class, in the profile */
} tal_row_classes;

/* The class of each of query_len rows into out_class; classes count from 0 in order of appearance.
 * With more than TAL_ROW_CLASS_MAX different rows out_class is undefined. Cost: O(query_len). */
void tal_row_classes_find(const int8_t *profile, int32_t query_len, uint8_t *out_class,
                          tal_row_classes *out_classes);

#endif
