/* The passes of traceback by wave kernels; the results are those of trace.c. */
#ifndef TAL_ALIGN_TRACE_WAVE_H
#define TAL_ALIGN_TRACE_WAVE_H

#include "align/reach.h"
#include "align/trace.h"
#include "align/wave.h"
#include "align/wave_path.h"

/* One worker's; all zero is none. */
typedef struct tal_trace_wave_memory {
    tal_wave_memory wave;
    tal_reach_memory forward, backward;
} tal_trace_wave_memory;

void tal_trace_wave_memory_deinit(tal_trace_wave_memory *memory);

/* Find begin and end: fills query_begin, ... ref_end. `waves` is a table's wave array. Local: where
 * best paths of the box can be is kept for tal_trace_wave_spans. */
tal_status tal_trace_wave_find(const tal_wave *waves, tal_trace_wave_memory *memory,
                               const tal_trace_job *job, tal_alignment *out_alignment);

/* After tal_trace_wave_find of this local alignment: turn what it kept into the columns of the box,
 * from 0, that best paths keep to in each of its rows. Once. Until the next find. */
void tal_trace_wave_spans(const tal_trace_wave_memory *memory, const tal_alignment *alignment,
                          const int32_t **out_begins, const int32_t **out_ends);

/* What the path needs to know about the box found; `width` as narrow as may be. */
tal_wave_box tal_trace_wave_box(const tal_wave *waves, const tal_trace_job *job,
                                const tal_alignment *alignment);

#endif
