/* The passes of traceback by wave kernels; the results are those of trace.c. */
#ifndef TAL_ALIGN_TRACE_WAVE_H
#define TAL_ALIGN_TRACE_WAVE_H

#include "align/trace.h"
#include "align/wave.h"
#include "align/wave_path.h"

/* Find begin and end: fills query_begin, ... ref_end. `waves` is a table's wave array. */
tal_status tal_trace_wave_find(const tal_wave *waves, tal_wave_memory *memory,
                               const tal_trace_job *job, tal_alignment *out_alignment);

/* What the path needs to know about the box found; `width` as narrow as may be. */
tal_wave_box tal_trace_wave_box(const tal_wave *waves, const tal_trace_job *job,
                                const tal_alignment *alignment);

#endif
