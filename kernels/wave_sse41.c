/* The wave kernels in SSE4.1; see wave_template.h. */
#include "kernels/wave_register.h"
#include "kernels/wave_vec_sse41.h"
#include "kernels/wave_scores_template.h"

#define WIDTH 16
#include "kernels/wave_template.h"
#undef WIDTH
#define WIDTH 32
#include "kernels/wave_template.h"

void tal_wave_register_sse41(tal_kernel_table *table)
{
    table->wave[TAL_WIDTH_16] = (tal_wave){wave_score_16,      wave_peak_16,  wave_find_16,
                                           wave_directions_16, wave_lanes_16, wave_strip_rows_16};
    table->wave[TAL_WIDTH_32] = (tal_wave){wave_score_32,      wave_peak_32,  wave_find_32,
                                           wave_directions_32, wave_lanes_32, wave_strip_rows_32};
}
