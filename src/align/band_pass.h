/* Local alignment within a band by wave kernels, strip after strip. */
#ifndef TAL_ALIGN_BAND_PASS_H
#define TAL_ALIGN_BAND_PASS_H

#include "align/band.h"
#include "align/wave.h"
#include "kernels/table.h"

/* One worker's; all zero is none. */
typedef struct tal_band_memory {
    tal_wave_memory wave;
    tal_buffer rows;  /* what each strip gets from the one before: H and F, width elements */
    tal_buffer lefts; /* int32_t: what comes in on the left, by row */
    tal_buffer strips, gains;
} tal_band_memory;

void tal_band_memory_deinit(tal_band_memory *memory);

/* A pass over the strips of a band. Forward it goes down from the first and paths begin anywhere;
 * backward it goes up from the last, and paths begin in the corner (row_end, column_end) alone. */
typedef struct tal_band_pass {
    const tal_wave *waves; /* of a kernel table */
    tal_width width;
    bool is_backward;
    tal_band band;
    tal_gaps gaps;
    const int8_t *profile; /* of the whole query */
    const uint8_t *query, *ref;
    /* Forward: what comes back from outside is overvalued by these, as far as rows and columns of
     * the band's part of the matrix lie outside. NULL: nothing does. */
    const tal_band_outside *outside;
    const tal_band_costs *costs;
    /* Forward: paths of fewer rows need not count, so that none begins in the last rows_min - 1
     * rows and none that ends before is looked at; some still may. 0: all count. */
    int32_t rows_min;
    /* With rows_min and outside. No value below `enough` is of interest: the pass ends when no more
     * can come. Late: rows that may come before a path begins are not passed over, but valued as if
     * they were outside. */
    bool is_bounded, is_late;
    int64_t enough;
    tal_band_memory *memory;

    /* Out. */
    int64_t peak;         /* the largest H of the band that counts */
    int64_t outside_peak; /* the most that a path outside has; TAL_BAND_NO_PATH: none */
    bool is_saturated;    /* this width does not hold the values */
} tal_band_pass;

/* Values up to this fit into 16 bit: forward, and backward or with rows_min. */
enum { TAL_BAND_FORWARD_MAX_16 = 65000, TAL_BAND_ROWS_MIN_MAX_16 = 32000 };

/* Score all strips. TAL_ERR_MEMORY. */
tal_status tal_band_pass_run(tal_band_pass *pass);

/* After a run, find the cell whose H is the peak: of several that with the first column, then the
 * first row, backward those with the last. *out_row and *out_column, from 0; false: the peak is
 * none of a cell. TAL_ERR_MEMORY. */
tal_status tal_band_pass_find(tal_band_pass *pass, bool *out_is_found, int32_t *out_row,
                              int32_t *out_column);

/* After a forward run, the directions of a strip's first rows and columns, to `row` and `column`
 * (half-open), in job->directions, which holds `directions`. TAL_ERR_MEMORY. */
tal_status tal_band_pass_directions(tal_band_pass *pass, const tal_band_strip *part,
                                    tal_buffer *directions, tal_wave_job *out_job);

#endif
