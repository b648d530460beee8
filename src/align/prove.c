/* Proofs of alignments without gaps; see prove.h. */
#include "align/prove.h"

#include "align/diagonal.h"
#include "base/alloc.h"
#include "base/check.h"

#include <string.h>

/* Letters proper: the amino acids, the bases. */
static int proper_count(tal_alphabet alphabet)
{
    return alphabet == TAL_PROTEIN ? 20 : 4;
}

void tal_prover_init(tal_prover *prover, const tal_kernel_table *table, const tal_matrix *matrix,
                     tal_gaps gaps)
{
    const int letters =
        matrix->alphabet == TAL_PROTEIN ? TAL_PROTEIN_LETTER_COUNT : TAL_NUCLEOTIDE_LETTER_COUNT;
    *prover = (tal_prover){
        .rival = table->rival, .identity = table->identity, .gaps = gaps, .strong = TAL_SCORE_MAX};
    for (int a = 0; a < TAL_CODE_COUNT; a++) {
        int32_t row = 0, column = 0; /* Skipping a letter scores 0. */
        for (int b = 0; b < letters; b++) {
            row = matrix->score[a][b] > row ? matrix->score[a][b] : row;
            column = matrix->score[b][a] > column ? matrix->score[b][a] : column;
        }
        prover->row_max[a] = row;
        prover->column_max[a] = column;
        if (a < proper_count(matrix->alphabet)) {
            prover->strong = row < prover->strong ? row : prover->strong;
            prover->strong = column < prover->strong ? column : prover->strong;
        }
    }
    if (matrix->score_max - matrix->score_min > TAL_RIVAL_SPREAD_MAX)
        prover->strong = 0;
}

void tal_prover_memory_deinit(tal_prover_memory *memory)
{
    tal_cigar_deinit(&memory->cigar);
    tal_free(memory->letters);
    memory->letters = NULL;
    memory->capacity = 0;
}

/* The first end, then the last begin. A path is its score and, in the low half, where it begins, so
 * that the larger of two is the one to go on with, and nothing branches but for a new best. */
void tal_prove_find_segment(const tal_prove_job *job, tal_alignment *out_segment)
{
    *out_segment = (tal_alignment){0};
    if (job->diagonal >= job->ref_len || -job->diagonal >= job->query_len)
        return;
    const int32_t first = job->diagonal < 0 ? -job->diagonal : 0;
    const int64_t last = (int64_t)job->ref_len - job->diagonal;
    const int32_t end = last < job->query_len ? (int32_t)last : job->query_len;
    const int64_t one = INT64_C(1) << 32;
    int64_t path = 0, best = 0;
    int32_t best_end = 0;
    TAL_ASSERT(end - first <= TAL_TRACE_SHORTER_MAX);
    for (int32_t i = first; i < end; i++) {
        path = path > i ? path : i;
        path += job->profile[(size_t)i * TAL_PROFILE_STRIDE + job->ref[i + job->diagonal]] * one;
        if (path >> 32 > best >> 32) {
            best = path;
            best_end = i + 1;
        }
    }
    out_segment->score = (int32_t)(best >> 32);
    if (out_segment->score == 0)
        return;
    out_segment->query_begin = (int32_t)(best & (one - 1));
    out_segment->query_end = best_end;
    out_segment->ref_begin = out_segment->query_begin + job->diagonal;
    out_segment->ref_end = out_segment->query_end + job->diagonal;
}

/* How many pairs a path must lose to score less than `score` for certain. */
static int64_t loss_enough(const tal_prover *prover, const tal_prove_job *job, int32_t score)
{
    const bool is_query = job->query_len <= job->ref_len;
    const uint8_t *codes = is_query ? job->query : job->ref;
    const int32_t *most = is_query ? prover->row_max : prover->column_max;
    const int32_t len = is_query ? job->query_len : job->ref_len;
    int64_t total = 0, weak = 0; /* the most all pairs can score; letters that bring less */
    for (int32_t i = 0; i < len; i++) {
        total += most[codes[i]];
        weak += most[codes[i]] < prover->strong;
    }
    return (total - score) / prover->strong + weak + 1;
}

/* Whether these are more lanes than there may be, whatever the letters are: even if each brought
 * only what strong ones do. */
static bool is_beyond_lanes(const tal_prover *prover, const tal_prove_job *job, int32_t score)
{
    const int64_t slack = (int64_t)job->ref_len - job->query_len;
    const int64_t len = slack < 0 ? job->ref_len : job->query_len;
    const int64_t loss = len + 1 - (score + prover->strong - 1) / prover->strong;
    return 2 * loss - 1 + (slack < 0 ? -slack : slack) > TAL_RIVAL_LANE_MAX;
}

/* The lanes of the job: diagonals on which paths may lose too little. */
typedef struct lanes {
    int64_t begin; /* the first diagonal */
    int64_t count;
} lanes;

static lanes choose_lanes(const tal_prove_job *job, int64_t loss)
{
    /* Between these diagonals nothing is lost. */
    const int64_t slack = (int64_t)job->ref_len - job->query_len;
    int64_t low = (slack < 0 ? slack : 0) - loss + 1;
    int64_t high = (slack > 0 ? slack : 0) + loss - 1;
    low = job->diagonal < low ? job->diagonal : low;
    high = job->diagonal > high ? job->diagonal : high;
    int64_t count = high - low + 1;
    count = (count + TAL_RIVAL_LANE_STEP - 1) / TAL_RIVAL_LANE_STEP * TAL_RIVAL_LANE_STEP;
    return (lanes){low, count};
}

/* Lay the reference out so that letter i + w is that of row i on diagonal begin + w. */
static tal_status lay_out(tal_prover_memory *memory, const tal_prove_job *job, lanes chosen)
{
    const size_t bytes = (size_t)job->query_len + (size_t)chosen.count;
    if (bytes > memory->capacity) {
        tal_free(memory->letters);
        memory->capacity = 0;
        memory->letters = tal_alloc(bytes + bytes / 2);
        if (memory->letters == NULL)
            return TAL_ERR_MEMORY;
        memory->capacity = bytes + bytes / 2;
    }
    const int64_t before = chosen.begin < 0 ? -chosen.begin : 0;
    const int64_t skipped = chosen.begin > 0 ? chosen.begin : 0;
    const int64_t room = (int64_t)bytes - before;
    int64_t copied = job->ref_len - skipped;
    copied = copied < room ? copied : room;
    memset(memory->letters, TAL_CODE_PAD, bytes);
    if (copied > 0)
        memcpy(memory->letters + before, job->ref + skipped, (size_t)copied);
    return TAL_OK;
}

static int32_t find_rival(const tal_prover *prover, const tal_prover_memory *memory,
                          const tal_prove_job *job, lanes chosen)
{
    const int64_t last = (int64_t)job->ref_len - job->diagonal;
    const tal_rival_job rival = {
        .profile = job->profile,
        .letters = memory->letters,
        .row_count = job->query_len,
        .lane_count = (int32_t)chosen.count,
        .own = (int32_t)(job->diagonal - chosen.begin),
        .own_begin = job->diagonal < 0 ? -job->diagonal : 0,
        .own_end = last < job->query_len ? (int32_t)last : job->query_len,
        .gap_first = prover->gaps.open + prover->gaps.extend,
        .gap_next = prover->gaps.extend,
    };
    return prover->rival(&rival);
}

static tal_status describe(const tal_prover *prover, tal_prover_memory *memory,
                           const tal_prove_job *job, tal_alignment *alignment)
{
    const tal_diagonal diagonal = {
        .profile = job->profile + (size_t)alignment->query_begin * TAL_PROFILE_STRIDE,
        .query = job->query + alignment->query_begin,
        .ref = job->ref + alignment->ref_begin,
        .len = alignment->query_end - alignment->query_begin,
    };
    tal_cigar_reset(&memory->cigar);
    tal_status status = tal_diagonal_append(&diagonal, prover->identity, &memory->cigar);
    if (status != TAL_OK)
        return status;
    alignment->column_count = diagonal.len;
    for (int32_t i = 0; i < diagonal.len; i++) {
        alignment->identity_count += diagonal.query[i] == diagonal.ref[i];
        alignment->positive_count +=
            diagonal.profile[(size_t)i * TAL_PROFILE_STRIDE + diagonal.ref[i]] > 0;
    }
    alignment->mismatch_count = diagonal.len - alignment->identity_count;
    alignment->cigar = memory->cigar.runs;
    alignment->cigar_count = memory->cigar.count;
    return TAL_OK;
}

tal_status tal_prove(const tal_prover *prover, tal_prover_memory *memory, const tal_prove_job *job,
                     tal_alignment *segment, bool *out_is_proven)
{
    tal_alignment alignment = *segment;
    *out_is_proven = false;
    if (prover->strong <= 0 || alignment.score <= 0 ||
        is_beyond_lanes(prover, job, alignment.score))
        return TAL_OK;
    const lanes chosen = choose_lanes(job, loss_enough(prover, job, alignment.score));
    if (chosen.count > TAL_RIVAL_LANE_MAX)
        return TAL_OK;
    tal_status status = lay_out(memory, job, chosen);
    if (status != TAL_OK || find_rival(prover, memory, job, chosen) >= alignment.score)
        return status;
    status = describe(prover, memory, job, &alignment);
    if (status != TAL_OK)
        return status;
    *segment = alignment;
    *out_is_proven = true;
    return TAL_OK;
}
