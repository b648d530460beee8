/* What passes may leave out; see reach.h. */
#include "align/reach.h"

#include "base/alloc.h"

#include <string.h>

void tal_reach_memory_deinit(tal_reach_memory *memory)
{
    tal_free(memory->values);
    *memory = (tal_reach_memory){0};
}

static tal_status reserve(tal_reach_memory *memory, size_t count)
{
    if (count <= memory->capacity)
        return TAL_OK;
    tal_free(memory->values);
    memory->capacity = 0;
    memory->values = tal_alloc_array(count + count / 2, sizeof(*memory->values));
    if (memory->values == NULL)
        return TAL_ERR_MEMORY;
    memory->capacity = count + count / 2;
    return TAL_OK;
}

static int32_t max(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

/* The best that each row, and each letter in any row, can score; 0 where that is less. */
static void find_gains(const int8_t *profile, int32_t query_len, int32_t *out_rows,
                       int8_t out_letters[TAL_PROFILE_STRIDE])
{
    memset(out_letters, 0, TAL_PROFILE_STRIDE);
    for (int32_t i = 0; i < query_len; i++) {
        const int8_t *row = profile + (size_t)i * TAL_PROFILE_STRIDE;
        int8_t best[TAL_PROFILE_STRIDE / 2];
        for (int code = 0; code < TAL_PROFILE_STRIDE; code++)
            out_letters[code] = row[code] > out_letters[code] ? row[code] : out_letters[code];
        for (int code = 0; code < TAL_PROFILE_STRIDE / 2; code++)
            best[code] = row[code] > row[code + TAL_PROFILE_STRIDE / 2]
                             ? row[code]
                             : row[code + TAL_PROFILE_STRIDE / 2];
        for (int width = TAL_PROFILE_STRIDE / 4; width > 0; width /= 2)
            for (int code = 0; code < width; code++)
                best[code] = best[code] > best[code + width] ? best[code] : best[code + width];
        out_rows[i] = max(best[0], 0);
    }
}

/* Gains become needs: `least` without what comes after. Returns how many positions a path may begin
 * in. */
static int32_t need_from_gains(int32_t *values, int32_t count, int32_t least, int32_t zero)
{
    int64_t after = 0;
    int32_t fresh = 0;
    for (int32_t i = count - 1; i >= 0; i--) {
        const int32_t gain = values[i];
        const int64_t need = after < least - 1 ? least - after : 1;
        values[i] = (int32_t)(zero + need);
        after += gain;
        if (fresh == 0 && after >= least)
            fresh = i + 1;
    }
    return fresh;
}

tal_status tal_reach_forward(tal_reach_memory *memory, const int8_t *profile, int32_t query_len,
                             const uint8_t *ref, int32_t ref_len, int32_t least, int32_t zero)
{
    tal_status status = reserve(memory, 2 * (size_t)query_len + (size_t)ref_len);
    if (status != TAL_OK)
        return status;
    int32_t *rows = memory->values, *columns = rows + query_len;
    int8_t letters[TAL_PROFILE_STRIDE];
    find_gains(profile, query_len, rows, letters);
    for (int32_t j = 0; j < ref_len; j++)
        columns[j] = letters[ref[j] % TAL_PROFILE_STRIDE];
    memory->row_peaks = columns + ref_len;
    memory->reach = (tal_wave_reach){
        .row_needs = rows,
        .column_needs = columns,
        .fresh_rows = need_from_gains(rows, query_len, least, zero),
        .fresh_columns = need_from_gains(columns, ref_len, least, zero),
    };
    return TAL_OK;
}

tal_status tal_reach_backward(tal_reach_memory *memory, const int32_t *row_bests, int32_t query_end,
                              int32_t score)
{
    tal_status status = reserve(memory, 3 * (size_t)query_end);
    if (status != TAL_OK)
        return status;
    int32_t *needs = memory->values;
    int32_t best = 0; /* of the rows before */
    for (int32_t i = 0; i < query_end; i++) {
        needs[query_end - 1 - i] = row_bests == NULL ? 1 : max(score - best, 1);
        if (row_bests != NULL)
            best = max(best, row_bests[i]);
    }
    memory->row_peaks = NULL;
    memory->reach = (tal_wave_reach){
        .row_needs = needs,
        .fresh_rows = 1,
        .fresh_columns = 1,
        .span_begins = needs + query_end,
        .span_ends = needs + 2 * (size_t)query_end,
    };
    return TAL_OK;
}
