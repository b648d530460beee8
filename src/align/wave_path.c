/* The path through a box, walked back over the directions of wave kernels; see wave_path.h.
 *
 * The plan is that of path.c: directions of all cells where they fit, otherwise checkpoints of H
 * and E at cuts between columns, from which the segments are redone from the last to the first. A
 * local box may be computed with the borders of local alignment: a path that begins elsewhere in
 * the box and ties with the canonical one at a cell of it would be a best alignment that begins
 * later than the canonical begin, which there is none.
 */
#include "align/wave_path.h"

#include "align/trace.h"
#include "base/check.h"

#include <string.h>

/* More levels of checkpoints than this would save memory where there is hardly any. */
enum { LEVELS_MAX = 4 };

typedef struct walker {
    const tal_wave_box *box;
    tal_wave_memory *memory;
    tal_cigar *cigar;
    int32_t row, column; /* the path from here to the end is in cigar */
    bool after_deletion; /* the path leaves this cell by a deletion: extended or opened? */
    bool is_saturated;
} walker;

/* Columns (begin, end] of the box, from the state of column `begin`. */
typedef struct segment {
    int32_t begin, end;
    const uint8_t *start_h, *start_e; /* of each row, or of more; NULL: the border */
    uint8_t *region;
    uint64_t region_bytes;
} segment;

static uint64_t checkpoint_bytes(const tal_wave_box *box, int32_t rows)
{
    return ((uint64_t)rows * 2 * tal_wave_value_bytes(box->width) + 63) / 64 * 64;
}

/* How many columns of `rows` rows have room for their directions. */
static uint64_t columns_in(const tal_wave_box *box, int32_t rows, uint64_t bytes)
{
    uint64_t strip = (uint64_t)box->wave->strip_rows;
    uint64_t columns = bytes / (((uint64_t)rows + strip - 1) / strip * strip);
    return columns < strip ? 0 : columns - strip + 1;
}

/* How many checkpoints to lay in a segment of `width` columns: those of the fewest levels that
 * reach; 0: too little memory. */
static uint64_t plan_checkpoints(const tal_wave_box *box, int32_t rows, uint64_t width,
                                 uint64_t bytes)
{
    for (uint64_t levels = 1; levels <= LEVELS_MAX; levels++) {
        uint64_t part = bytes / (levels + 1);
        uint64_t checkpoints = part / checkpoint_bytes(box, rows);
        uint64_t reach = columns_in(box, rows, part);
        for (uint64_t level = 0; level < levels && reach < width; level++)
            reach *= checkpoints + 1;
        if (reach >= width && checkpoints >= 1)
            return checkpoints < width ? checkpoints : width - 1;
    }
    return 0;
}

uint64_t tal_wave_path_bytes(const tal_wave_box *box, uint64_t limit)
{
    if (box->query_len == 0 || box->ref_len == 0)
        return 1;
    uint64_t bytes = tal_wave_direction_bytes(box->wave, box->query_len, box->ref_len);
    if (bytes <= limit)
        return bytes;
    return plan_checkpoints(box, box->query_len, (uint64_t)box->ref_len, limit) > 0 ? limit : 0;
}

/* A job over columns (begin, end], `rows` rows. */
static tal_status begin_job(const walker *walk, int32_t begin, int32_t end, int32_t rows,
                            const uint8_t *start_h, const uint8_t *start_e, tal_wave_job *out_job)
{
    const tal_wave_box *box = walk->box;
    const tal_wave_block block = {
        .border = box->border,
        .width = box->width,
        .gaps = box->gaps,
        .row_count = rows,
        .column_begin = begin,
        .column_end = end,
    };
    tal_status status = tal_wave_begin(walk->memory, &block, out_job);
    if (status != TAL_OK)
        return status;
    out_job->profile = box->profile;
    out_job->profile_step = TAL_PROFILE_STRIDE;
    out_job->letters = box->ref + begin;
    out_job->letter_step = 1;
    if (start_h != NULL) {
        size_t bytes = (size_t)rows * tal_wave_value_bytes(box->width);
        memcpy(out_job->left_h, start_h, bytes);
        memcpy(out_job->left_e, start_e, bytes);
    }
    return TAL_OK;
}

/* Whether a kernel has passed what 16 bit hold. */
static bool has_saturated(walker *walk, const tal_wave_job *job)
{
    if (walk->box->width == TAL_WIDTH_16 && job->peak == INT16_MAX)
        walk->is_saturated = true;
    return walk->is_saturated;
}

/* Where the walk is in a block of directions. */
typedef struct cursor {
    const uint8_t *bits;
    size_t rows;  /* of the strip */
    int32_t lane; /* in the strip */
} cursor;

/* At row i (from 1) and column j (from 1, of the block). */
static cursor cursor_at(const walker *walk, const tal_wave_job *job, int32_t i, int32_t j)
{
    const tal_wave *wave = walk->box->wave;
    int32_t lane = (i - 1) % wave->strip_rows;
    return (cursor){
        .bits = job->directions +
                tal_wave_direction_at(wave, job->row_count, job->column_count, i - 1, j - 1),
        .rows = (size_t)tal_wave_strip_rows(wave, job->row_count, i - 1 - lane),
        .lane = lane,
    };
}

/* Walk until the path leaves the columns (begin, ...]. */
static tal_status walk_directions(walker *walk, const tal_wave_job *job, int32_t begin)
{
    const uint8_t *query = walk->box->query, *ref = walk->box->ref;
    tal_status status = TAL_OK;
    int32_t i = walk->row, j = walk->column;
    cursor at = cursor_at(walk, job, i, j - begin);
    enum { IN_H, IN_E, IN_F } state = IN_H;
    if (walk->after_deletion && (*at.bits & TAL_WAVE_E_EXTENDS) != 0)
        state = IN_E;
    walk->after_deletion = false;
    while (status == TAL_OK) {
        unsigned came_by = *at.bits & (TAL_WAVE_E | TAL_WAVE_F);
        if (state == IN_H && came_by != 0)
            state = (came_by & TAL_WAVE_E) != 0 ? IN_E : IN_F;
        uint32_t operation = TAL_CIGAR_DELETION;
        if (state != IN_E) {
            i--;
            at.lane--;
            at.bits -= at.rows + 1;
            operation = TAL_CIGAR_INSERTION;
        }
        if (state != IN_F) {
            j--;
            at.bits -= at.rows;
        }
        if (state == IN_H)
            operation = query[i] == ref[j] ? TAL_CIGAR_EQUAL : TAL_CIGAR_DIFF;
        status = tal_cigar_append(walk->cigar, operation, 1);
        if (i == 0 || j == begin)
            break;
        if (at.lane < 0)
            at = cursor_at(walk, job, i, j - begin);
        if (state == IN_E)
            state = (*at.bits & TAL_WAVE_E_EXTENDS) != 0 ? IN_E : IN_H;
        else if (state == IN_F)
            state = (*at.bits & TAL_WAVE_F_EXTENDS) != 0 ? IN_F : IN_H;
    }
    walk->row = i;
    walk->column = j;
    walk->after_deletion = state == IN_E && i > 0;
    return status;
}

static tal_status walk_direct(walker *walk, const segment *whole)
{
    tal_wave_job job;
    tal_status status =
        begin_job(walk, whole->begin, whole->end, walk->row, whole->start_h, whole->start_e, &job);
    if (status != TAL_OK)
        return status;
    job.directions = whole->region;
    walk->box->wave->directions(&job);
    return has_saturated(walk, &job) ? TAL_OK : walk_directions(walk, &job, whole->begin);
}

/* Keep H and E at `count` columns, `step` apart. */
static tal_status lay_checkpoints(walker *walk, const segment *whole, int32_t count, int32_t step)
{
    const int32_t rows = walk->row;
    const size_t bytes = (size_t)rows * tal_wave_value_bytes(walk->box->width);
    const uint8_t *start_h = whole->start_h, *start_e = whole->start_e;
    uint8_t *kept = whole->region;
    for (int32_t k = 0; k < count; k++) {
        tal_wave_job job;
        int32_t begin = whole->begin + k * step;
        tal_status status = begin_job(walk, begin, begin + step, rows, start_h, start_e, &job);
        if (status != TAL_OK)
            return status;
        walk->box->wave->score(&job);
        if (has_saturated(walk, &job))
            return TAL_OK;
        memcpy(kept, job.left_h, bytes);
        memcpy(kept + bytes, job.left_e, bytes);
        start_h = kept;
        start_e = kept + bytes;
        kept += checkpoint_bytes(walk->box, rows);
    }
    return TAL_OK;
}

static tal_status walk_segment(walker *walk, const segment *whole);

/* Cut the segment at checkpoints, then walk its parts from the last to the first. */
static tal_status walk_in_parts(walker *walk, const segment *whole)
{
    const int32_t rows = walk->row, width = whole->end - whole->begin;
    const uint64_t bytes = checkpoint_bytes(walk->box, rows);
    const size_t element = tal_wave_value_bytes(walk->box->width);
    const int32_t planned =
        (int32_t)plan_checkpoints(walk->box, rows, (uint64_t)width, whole->region_bytes);
    TAL_ASSERT(planned >= 1);
    const int32_t step = (width + planned) / (planned + 1);
    const int32_t count = (width - 1) / step;
    TAL_ASSERT(count >= 1);
    TAL_ASSERT(count <= planned);
    tal_status status = lay_checkpoints(walk, whole, count, step);
    const uint64_t used_bytes = (uint64_t)count * bytes;
    for (int32_t part = count; part >= 0 && status == TAL_OK; part--) {
        if (walk->row == 0 || walk->is_saturated)
            break;
        int32_t begin = whole->begin + part * step;
        const uint8_t *kept = whole->region + (part > 0 ? (uint64_t)(part - 1) * bytes : 0);
        segment piece = {
            .begin = begin,
            .end = part == count ? whole->end : begin + step,
            .start_h = part > 0 ? kept : whole->start_h,
            .start_e = part > 0 ? kept + (size_t)rows * element : whole->start_e,
            .region = whole->region + used_bytes,
            .region_bytes = whole->region_bytes - used_bytes,
        };
        status = walk_segment(walk, &piece);
    }
    return status;
}

static tal_status walk_segment(walker *walk, const segment *whole)
{
    TAL_ASSERT(walk->column == whole->end);
    uint64_t bytes =
        tal_wave_direction_bytes(walk->box->wave, walk->row, whole->end - whole->begin);
    return bytes <= whole->region_bytes ? walk_direct(walk, whole) : walk_in_parts(walk, whole);
}

tal_status tal_wave_path_walk(const tal_wave_box *box, tal_wave_memory *memory, uint8_t *region,
                              size_t region_bytes, tal_cigar *cigar, bool *out_is_saturated)
{
    walker walk = {
        .box = box,
        .memory = memory,
        .cigar = cigar,
        .row = box->query_len,
        .column = box->ref_len,
    };
    tal_status status = TAL_OK;
    if (walk.row > 0 && walk.column > 0) {
        segment whole = {.end = box->ref_len, .region = region, .region_bytes = region_bytes};
        status = walk_segment(&walk, &whole);
    }
    /* One of them is 0: what is left lies on a border. */
    if (status == TAL_OK && !walk.is_saturated)
        status = tal_cigar_append(cigar, TAL_CIGAR_DELETION, walk.column);
    if (status == TAL_OK && !walk.is_saturated)
        status = tal_cigar_append(cigar, TAL_CIGAR_INSERTION, walk.row);
    if (status == TAL_OK)
        *out_is_saturated = walk.is_saturated;
    return status;
}
