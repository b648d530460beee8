/* The path through a box, walked back over direction bits; see path.h.
 *
 * One byte of directions per cell where they fit in the region. Otherwise the columns are cut into
 * segments: a forward pass keeps H and E at each cut (a checkpoint), then the segments are redone
 * from the last to the first, each only down to the row where the path leaves it, and cut again
 * where their directions still do not fit (Grice, Hughey, Speck, CABIOS 13, 1997). With
 * L levels of checkpoints the region is shared in L + 1 equal parts, which covers the most columns.
 * The bits of a cell depend on exact H, E and F alone, so the path is the same for any region.
 */
#include "align/path.h"

#include "align/trace.h"
#include "base/check.h"

#include <string.h>

#define BOUNDARY_MIN (-(INT32_C(1) << 30))
_Static_assert(BOUNDARY_MIN + (int64_t)TAL_SCORE_MIN * TAL_TRACE_SHORTER_MAX - 4 * TAL_GAP_MAX >
                   TAL_COLUMN_DEAD,
               "no real cell is dead");
_Static_assert(TAL_COLUMN_DEAD - (int64_t)4 * TAL_GAP_MAX > INT32_MIN, "a dead cell can pay a gap");

typedef struct path_walker {
    const tal_path_box *box;
    const tal_path_memory *memory;
    tal_cigar *cigar;
    int32_t row, column; /* the path from here to the end is in cigar */
    bool in_e;           /* the path arrives here by extending a deletion */
} path_walker;

/* Columns (begin, end] of the box, from the state of column `begin`. */
typedef struct path_segment {
    int32_t begin, end;
    const int32_t *start_h, *start_e; /* NULL: the boundary */
    uint8_t *region;
    size_t region_bytes;
} path_segment;

static size_t checkpoint_bytes(int32_t rows)
{
    return (size_t)rows * 2 * sizeof(int32_t);
}

uint64_t tal_path_bytes_full(int32_t query_len, int32_t ref_len)
{
    return (uint64_t)query_len * (uint64_t)ref_len;
}

uint64_t tal_path_bytes_min(int32_t query_len, int32_t ref_len)
{
    uint64_t parts = 2;
    for (int32_t len = ref_len; len > 1; len /= 2)
        parts++;
    return parts * checkpoint_bytes(query_len);
}

int32_t tal_path_boundary(tal_gaps gaps, int64_t len)
{
    if (len == 0)
        return 0;
    int64_t score = -(gaps.open + len * gaps.extend);
    return score < BOUNDARY_MIN ? BOUNDARY_MIN : (int32_t)score;
}

void tal_path_fill_boundary(tal_gaps gaps, int32_t count, int32_t *out_h, int32_t *out_e)
{
    for (int32_t r = 0; r < count; r++) {
        out_h[r] = tal_path_boundary(gaps, (int64_t)r + 1);
        out_e[r] = TAL_COLUMN_DEAD;
    }
}

/* Load the state of column segment->begin, rows 1..rows, into the working column. */
static void load_start(const path_walker *walk, const path_segment *segment, int32_t rows)
{
    int32_t *h = walk->memory->h, *e = walk->memory->e;
    if (segment->start_h == NULL) {
        tal_path_fill_boundary(walk->box->gaps, rows, h, e);
        return;
    }
    memcpy(h, segment->start_h, (size_t)rows * sizeof(*h));
    memcpy(e, segment->start_e, (size_t)rows * sizeof(*e));
}

/* What column `j` (from 1) of the box is to the column functions. */
static tal_column column_at(const path_walker *walk, int32_t j, int32_t rows)
{
    const tal_path_box *box = walk->box;
    return (tal_column){
        .scores =
            tal_path_scores_of(box->scores, box->ref[box->ref_begin + j - 1], box->query_begin),
        .count = rows,
        .gap_first = box->gaps.open + box->gaps.extend,
        .gap_next = box->gaps.extend,
        .corner = tal_path_boundary(box->gaps, j - 1),
        .top = tal_path_boundary(box->gaps, j),
        .h = walk->memory->h,
        .e = walk->memory->e,
    };
}

/* Walk over the directions of columns (begin, end], `rows` each, until the path leaves them. */
static tal_status walk_directions(path_walker *walk, int32_t begin, int32_t rows,
                                  const uint8_t *directions)
{
    const uint8_t *query = walk->box->query + walk->box->query_begin;
    const uint8_t *ref = walk->box->ref + walk->box->ref_begin;
    tal_status status = TAL_OK;
    int32_t i = walk->row, j = walk->column;
    enum { IN_H, IN_E, IN_F } state = walk->in_e ? IN_E : IN_H;
    while (i > 0 && j > begin && status == TAL_OK) {
        uint8_t bits = directions[(size_t)(j - begin - 1) * (size_t)rows + (size_t)(i - 1)];
        if (state == IN_H && (bits & (TAL_DIRECTION_E | TAL_DIRECTION_F)) != 0)
            state = (bits & TAL_DIRECTION_E) != 0 ? IN_E : IN_F;
        if (state == IN_H) {
            i--;
            j--;
            bool is_equal = query[i] == ref[j];
            status = tal_cigar_append(walk->cigar, is_equal ? TAL_CIGAR_EQUAL : TAL_CIGAR_DIFF, 1);
        } else if (state == IN_E) {
            j--;
            state = (bits & TAL_DIRECTION_E_EXTENDS) != 0 ? IN_E : IN_H;
            status = tal_cigar_append(walk->cigar, TAL_CIGAR_DELETION, 1);
        } else {
            i--;
            state = (bits & TAL_DIRECTION_F_EXTENDS) != 0 ? IN_F : IN_H;
            status = tal_cigar_append(walk->cigar, TAL_CIGAR_INSERTION, 1);
        }
    }
    /* A gap of insertions never leaves the first row extending: its F is opened there. */
    TAL_ASSERT(state != IN_F || i > 0);
    walk->row = i;
    walk->column = j;
    walk->in_e = state == IN_E;
    return status;
}

static tal_status walk_direct(path_walker *walk, const path_segment *segment)
{
    int32_t rows = walk->row;
    load_start(walk, segment, rows);
    uint8_t *directions = segment->region;
    for (int32_t j = segment->begin + 1; j <= segment->end; j++, directions += rows) {
        tal_column column = column_at(walk, j, rows);
        tal_column_global_directions(&column, directions);
    }
    return walk_directions(walk, segment->begin, rows, segment->region);
}

/* How many checkpoints to lay in this segment: the share of the fewest levels that reach. */
static int32_t plan_checkpoints(const path_segment *segment, int32_t rows)
{
    const uint64_t width = (uint64_t)(segment->end - segment->begin);
    for (uint64_t levels = 1;; levels++) {
        uint64_t part = segment->region_bytes / (levels + 1);
        uint64_t checkpoints = part / checkpoint_bytes(rows);
        TAL_ASSERT(checkpoints >= 1); /* tal_path_bytes_min is kept */
        uint64_t reach = part / (uint64_t)rows;
        for (uint64_t level = 0; level < levels && reach < width; level++)
            reach *= checkpoints + 1;
        if (reach >= width)
            return (int32_t)(checkpoints < width ? checkpoints : width - 1);
    }
}

static tal_status walk_segment(path_walker *walk, const path_segment *whole);

/* Cut the segment at checkpoints, then walk its parts from the last to the first. */
static tal_status walk_in_parts(path_walker *walk, const path_segment *whole)
{
    const int32_t rows = walk->row;
    const int32_t planned = plan_checkpoints(whole, rows);
    const int32_t step = (whole->end - whole->begin + planned) / (planned + 1);
    const int32_t count = (whole->end - whole->begin - 1) / step;
    const size_t bytes = checkpoint_bytes(rows);
    TAL_ASSERT(count >= 1);
    TAL_ASSERT(count <= planned);
    load_start(walk, whole, rows);
    int32_t *kept = (int32_t *)(void *)whole->region;
    for (int32_t j = whole->begin + 1; j <= whole->begin + count * step; j++) {
        tal_column column = column_at(walk, j, rows);
        tal_column_global(&column);
        if ((j - whole->begin) % step == 0) {
            memcpy(kept, walk->memory->h, bytes / 2);
            memcpy(kept + rows, walk->memory->e, bytes / 2);
            kept += 2 * (size_t)rows;
        }
    }
    const size_t used_bytes = (size_t)count * bytes;
    tal_status status = TAL_OK;
    for (int32_t part = count; part >= 0 && walk->row > 0 && status == TAL_OK; part--) {
        int32_t begin = whole->begin + part * step;
        const int32_t *start = (const int32_t *)(const void *)whole->region;
        start += part > 0 ? (size_t)(part - 1) * 2 * (size_t)rows : 0;
        path_segment segment = {
            .begin = begin,
            .end = part == count ? whole->end : begin + step,
            .start_h = part > 0 ? start : whole->start_h,
            .start_e = part > 0 ? start + rows : whole->start_e,
            .region = whole->region + used_bytes,
            .region_bytes = whole->region_bytes - used_bytes,
        };
        status = walk_segment(walk, &segment);
    }
    return status;
}

static tal_status walk_segment(path_walker *walk, const path_segment *whole)
{
    TAL_ASSERT(walk->column == whole->end);
    uint64_t bytes = tal_path_bytes_full(walk->row, whole->end - whole->begin);
    return bytes <= whole->region_bytes ? walk_direct(walk, whole) : walk_in_parts(walk, whole);
}

tal_status tal_path_walk(const tal_path_box *box, const tal_path_memory *memory, tal_cigar *cigar)
{
    path_walker walk = {
        .box = box,
        .memory = memory,
        .cigar = cigar,
        .row = box->query_len,
        .column = box->ref_len,
    };
    tal_status status = TAL_OK;
    if (walk.row > 0 && walk.column > 0) {
        path_segment whole = {
            .end = box->ref_len,
            .region = memory->region,
            .region_bytes = memory->region_bytes,
        };
        status = walk_segment(&walk, &whole);
    }
    /* One of them is 0: what is left lies on a boundary. */
    if (status == TAL_OK)
        status = tal_cigar_append(cigar, TAL_CIGAR_DELETION, walk.column);
    if (status == TAL_OK)
        status = tal_cigar_append(cigar, TAL_CIGAR_INSERTION, walk.row);
    return status;
}
