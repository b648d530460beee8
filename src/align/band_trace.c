/* Exact alignments from a band; see band_trace.h.
 *
 * The proof. Forward over the band, paths that come back from outside are overvalued, and by at
 * least 1 (tal_band_costs): so M, the largest of all values, is at least any path's score, and more
 * than that of a path that is ever outside. From the first cell that has M a pass backward, which
 * knows nothing of outside, must find M again: then there is a path in the band that scores M, M is
 * the best score, and every path that has it stays in the band. Cells with M outside the reach of
 * such paths there are none, or the backward pass would have started at one and missed M.
 *
 * So the end is the canonical one, and the begin, as backward all paths of that score are seen. The
 * walk back from the end over the forward pass's directions takes at each cell the first of the
 * steps that has the cell's value, by the canonical order; the steps that lie on best paths have
 * the same values as in the whole matrix, for were one overvalued, a path that was outside would
 * have more than M. If the walk comes to the canonical begin, every step it took lies on a path of
 * the canonical box, and no step before it in the order does: it is the canonical path. If it comes
 * to another begin, the box alone is passed over and walked again (wave_path.c has why local
 * borders do for it).
 *
 * Sources: Ukkonen, "Algorithms for approximate string matching" (1985), for bands that prove
 * themselves; the bound on what lies outside is this project's.
 */
#include "align/band_trace.h"

#include "base/check.h"

void tal_band_aligner_deinit(tal_band_aligner *aligner)
{
    tal_band_outside_deinit(&aligner->outside);
    tal_band_memory_deinit(&aligner->forward);
    tal_band_memory_deinit(&aligner->backward);
    tal_buffer_deinit(&aligner->directions);
    tal_cigar_deinit(&aligner->cigar);
}

void tal_band_scoring_init(tal_band_scoring *scoring, const tal_matrix *matrix, tal_gaps gaps)
{
    *scoring = (tal_band_scoring){.gaps = gaps};
    tal_band_costs_init(&scoring->costs, matrix, gaps);
    for (int code = 0; code < TAL_CODE_COUNT; code++)
        if (scoring->costs.gain[code] > scoring->gain_max)
            scoring->gain_max = scoring->costs.gain[code];
}

tal_status tal_band_aligner_begin(tal_band_aligner *aligner, const tal_band_pair *pair)
{
    tal_status status = tal_band_outside_index(&aligner->outside, pair->ref, pair->ref_len);
    return status == TAL_OK ? tal_band_outside_cut(&aligner->outside, TAL_BAND_CUT_ANYWHERE,
                                                   &pair->band, pair->query)
                            : status;
}

int64_t tal_band_bound_by_words(const tal_band_aligner *aligner, const tal_band_pair *pair,
                                const tal_band_scoring *scoring, int32_t rows_min)
{
    tal_band_side paths = {
        .outside = &aligner->outside,
        .costs = &scoring->costs,
        .query = pair->query,
        .cut = TAL_BAND_CUT_ANYWHERE,
        .begin_limit = pair->query_len - rows_min + 1,
        .end_first = rows_min - 1,
        .whole = TAL_BAND_NO_PATH,
        .part = TAL_BAND_NO_PATH,
        .most = TAL_BAND_NO_PATH,
    };
    for (int32_t row = 0; row < pair->query_len; row++)
        tal_band_side_step(&paths, row);
    return paths.most;
}

tal_status tal_band_aligner_choose(tal_band_aligner *aligner, const tal_band_pair *pair)
{
    return tal_band_outside_cut(&aligner->outside, TAL_BAND_CUT_OUTSIDE, &pair->band, pair->query);
}

static tal_band_pass forward_pass(tal_band_aligner *aligner, const tal_band_pair *pair,
                                  const tal_band_scoring *scoring, const int8_t *profile,
                                  bool has_outside)
{
    const int64_t most = (int64_t)pair->query_len * scoring->gain_max + scoring->costs.bonus[0] +
                         scoring->costs.bonus[1];
    return (tal_band_pass){
        .waves = pair->waves,
        .width = most <= TAL_BAND_FORWARD_MAX_16 ? TAL_WIDTH_16 : TAL_WIDTH_32,
        .band = pair->band,
        .gaps = scoring->gaps,
        .profile = profile,
        .query = pair->query,
        .ref = pair->ref,
        .outside = has_outside ? &aligner->outside : NULL,
        .costs = &scoring->costs,
        .memory = &aligner->forward,
    };
}

tal_status tal_band_bound(tal_band_aligner *aligner, const tal_band_pair *pair,
                          const tal_band_scoring *scoring, const int8_t *profile, int32_t rows_min,
                          int64_t enough, int64_t *out_score)
{
    tal_band_pass pass = forward_pass(aligner, pair, scoring, profile, true);
    pass.rows_min = rows_min;
    pass.is_bounded = rows_min > 0;
    pass.enough = enough;
    tal_status status = TAL_OK;
    *out_score = INT64_MAX; /* where there is no band */
    for (int is_late = rows_min > 0; is_late >= 0 && status == TAL_OK; is_late--) {
        pass.is_late = is_late != 0;
        pass.band = pair->band;
        status = tal_band_pass_run(&pass);
        if (status != TAL_OK || pass.peak == TAL_BAND_NO_PATH || pass.is_saturated)
            return status;
        *out_score = pass.peak > pass.outside_peak ? pass.peak : pass.outside_peak;
        if (*out_score < enough)
            return TAL_OK;
    }
    return status;
}

/* The end of the best paths, when all of them stay in the band, as far as can be told forward. */
static tal_status find_end(tal_band_pass *forward, bool *out_is_found, tal_alignment *out)
{
    int32_t row, column;
    *out_is_found = false;
    tal_status status = tal_band_pass_run(forward);
    if (status != TAL_OK || forward->peak <= 0 || forward->peak > INT32_MAX / 2 ||
        forward->outside_peak > forward->peak || forward->is_saturated)
        return status;
    status = tal_band_pass_find(forward, out_is_found, &row, &column);
    if (status == TAL_OK && *out_is_found) {
        out->score = (int32_t)forward->peak;
        out->query_end = row + 1;
        out->ref_end = column + 1;
    }
    return status;
}

static tal_status find_begin(tal_band_aligner *aligner, const tal_band_pass *forward,
                             bool *out_is_found, tal_alignment *out)
{
    int32_t row, column;
    tal_band_pass backward = *forward;
    backward.is_backward = true;
    backward.width = forward->peak <= TAL_BAND_ROWS_MIN_MAX_16 ? TAL_WIDTH_16 : TAL_WIDTH_32;
    backward.band.row_end = out->query_end;
    backward.band.column_end = out->ref_end;
    backward.outside = NULL;
    backward.memory = &aligner->backward;
    *out_is_found = false;
    tal_status status = tal_band_pass_run(&backward);
    if (status != TAL_OK || backward.peak != forward->peak)
        return status;
    status = tal_band_pass_find(&backward, out_is_found, &row, &column);
    if (status == TAL_OK && *out_is_found) {
        out->query_begin = row;
        out->ref_begin = column;
    }
    return status;
}

/* Where the walk is: the path from cell (row - 1, column - 1) on is in the CIGAR. */
typedef struct walker {
    tal_band_pass *pass;
    tal_cigar *cigar;
    int32_t row, column;
    bool after_insertion; /* the path leaves this cell by an insertion: extended or opened? */
} walker;

/* Walk through one strip, until the path leaves it, or what is before the begin. */
static tal_status walk_strip(walker *walk, const tal_wave_job *job, const tal_band_strip *part,
                             const tal_alignment *box)
{
    const tal_wave *wave = &walk->pass->waves[walk->pass->width];
    enum { IN_H, IN_E, IN_F } state = IN_H;
    bool is_first = true;
    tal_status status = TAL_OK;
    while (status == TAL_OK && walk->row > part->row_begin && walk->column > part->column_begin &&
           walk->row > box->query_begin && walk->column > box->ref_begin) {
        const unsigned bits = job->directions[tal_wave_direction_at(
            wave, job->row_count, job->column_count, walk->row - 1 - part->row_begin,
            walk->column - 1 - part->column_begin)];
        if (is_first && walk->after_insertion)
            state = IN_F;
        if ((state == IN_E && (bits & TAL_WAVE_E_EXTENDS) == 0) ||
            (state == IN_F && (bits & TAL_WAVE_F_EXTENDS) == 0))
            state = IN_H;
        if (state == IN_H && (bits & (TAL_WAVE_E | TAL_WAVE_F)) != 0)
            state = (bits & TAL_WAVE_E) != 0 ? IN_E : IN_F;
        is_first = false;
        uint32_t operation = state == IN_E ? TAL_CIGAR_DELETION : TAL_CIGAR_INSERTION;
        walk->row -= state != IN_E;
        walk->column -= state != IN_F;
        if (state == IN_H)
            operation = walk->pass->query[walk->row] == walk->pass->ref[walk->column]
                            ? TAL_CIGAR_EQUAL
                            : TAL_CIGAR_DIFF;
        status = tal_cigar_append(walk->cigar, operation, 1);
    }
    walk->after_insertion = state == IN_F;
    return status;
}

/* Leave the path in the aligner's CIGAR. *out_is_done: it comes to the box's begin. */
static tal_status walk_back(tal_band_aligner *aligner, tal_band_pass *pass,
                            const tal_alignment *box, bool *out_is_done)
{
    walker walk = {pass, &aligner->cigar, box->query_end, box->ref_end, false};
    tal_status status = TAL_OK;
    tal_cigar_reset(&aligner->cigar);
    while (status == TAL_OK && walk.row > box->query_begin && walk.column > box->ref_begin) {
        tal_wave_job job;
        tal_band_strip part = tal_band_strip_at(&pass->band, (walk.row - 1) / TAL_BAND_STRIP_ROWS);
        if (walk.column <= part.column_begin || walk.column > part.column_end)
            break;
        part.row_end = walk.row;
        part.column_end = walk.column;
        status = tal_band_pass_directions(pass, &part, &aligner->directions, &job);
        if (status == TAL_OK)
            status = walk_strip(&walk, &job, &part, box);
    }
    tal_cigar_reverse(&aligner->cigar);
    *out_is_done = walk.row == box->query_begin && walk.column == box->ref_begin;
    return status;
}

static tal_status find_path(tal_band_aligner *aligner, tal_band_pass *forward,
                            const tal_alignment *box)
{
    bool is_done = false;
    tal_status status = walk_back(aligner, forward, box, &is_done);
    if (status != TAL_OK || is_done)
        return status;
    tal_band_pass within = *forward;
    within.outside = NULL;
    within.band.row_begin = box->query_begin;
    within.band.row_end = box->query_end;
    within.band.column_begin = box->ref_begin;
    within.band.column_end = box->ref_end;
    status = tal_band_pass_run(&within);
    if (status == TAL_OK)
        status = walk_back(aligner, &within, box, &is_done);
    TAL_ASSERT(status != TAL_OK || is_done);
    return status;
}

tal_status tal_band_trace(tal_band_aligner *aligner, const tal_band_pair *pair,
                          const tal_band_scoring *scoring, const tal_trace_job *job,
                          bool *out_is_proven, tal_alignment *out_alignment)
{
    tal_alignment alignment = {0};
    bool is_found = false;
    tal_band_pass forward = forward_pass(aligner, pair, scoring, job->profile, true);
    *out_is_proven = false;
    tal_status status = find_end(&forward, &is_found, &alignment);
    if (status == TAL_OK && is_found)
        status = find_begin(aligner, &forward, &is_found, &alignment);
    if (status != TAL_OK || !is_found)
        return status;
    if (alignment.query_end - alignment.query_begin >= job->query_span_min &&
        alignment.ref_end - alignment.ref_begin >= job->ref_span_min) {
        status = find_path(aligner, &forward, &alignment);
        if (status != TAL_OK)
            return status;
        alignment.cigar = aligner->cigar.runs;
        alignment.cigar_count = aligner->cigar.count;
        const int64_t score = tal_trace_count_columns(job, &alignment);
        TAL_ASSERT(score == alignment.score);
    }
    *out_alignment = alignment;
    *out_is_proven = true;
    return TAL_OK;
}
