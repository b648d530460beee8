/* The order of hits; see hit.h. */
#include "search/hit.h"

int tal_hit_compare(const tal_hit *a, const tal_hit *b)
{
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    if (a->reference != b->reference)
        return a->reference < b->reference ? -1 : 1;
    return (a->is_reverse > b->is_reverse) - (a->is_reverse < b->is_reverse);
}
