/* Growing pairs of random sequences; see gumbel_walk.h.
 *
 * The plane is kept as its border: the last row (cells (n, j)) and the last column (cells (i, n)).
 * Each is a strip along one sequence; a gap is "along" the strip or "across" it. The next column
 * and row follow from the old ones, row and column alike with the roles of the sequences exchanged.
 */
#include "score/gumbel_walk.h"

#include "base/alloc.h"
#include "base/check.h"

#include <string.h>

/* gcc does not contract under -std=c17; clang does unless told. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

enum {
    LEN_MAX = TAL_WALK_LEN_MAX,
    ROOM = LEN_MAX + 1,
    NEVER = -(1 << 28),
    PURPOSE_SAMPLE = 0x67756d62,
    PURPOSE_UNRELATED = 0x67756d75,
};

/* Gaps are this much rarer in the model than exp(-lambda cost) makes them: the best alignment has
 * fewer than all alignments together. Of 0.5, 0.7, 1 and 1.4 the least spread of weights was at 0.5
 * to 0.7 for matrices of proteins and nucleotides alike. */
static const double gap_share = 0.6;

typedef enum state { PAIR, QUERY_ALONE, REF_ALONE } state;

typedef struct strip {
    int32_t best[ROOM];   /* score of the best alignment that ends in a cell */
    int32_t across[ROOM]; /* ends with a gap across the strip */
    double pair[ROOM], along_sum[ROOM], across_sum[ROOM]; /* odds of all paths of the model */
} strip;

struct tal_walk {
    uint8_t query[LEN_MAX], ref[LEN_MAX];
    int query_len, ref_len;
    state last;
    tal_random random;
    strip row, column;
    struct {
        int32_t best[ROOM], across[ROOM];
    } kept_row, kept_column; /* at the level counted */
    uint64_t cells;
};

/* The same steps as a strip sees them. */
typedef struct strip_steps {
    double pair_pair, along_pair, across_pair;
    double pair_along, along_along, across_along;
    double pair_across, along_across, across_across;
} strip_steps;

static strip_steps row_steps(const tal_walk_steps *s)
{
    return (strip_steps){s->pair_pair,  s->ref_pair, s->query_pair,
                         s->pair_ref,   s->ref_ref,  s->query_ref,
                         s->pair_query, 0,           s->query_query};
}

static strip_steps column_steps(const tal_walk_steps *s)
{
    return (strip_steps){s->pair_pair, s->query_pair, s->ref_pair, s->pair_query, s->query_query, 0,
                         s->pair_ref,  s->query_ref,  s->ref_ref};
}

static double power_of(double root, int exponent)
{
    double power = 1.0;
    for (int i = exponent; i > 0; i--)
        power *= root;
    for (int i = exponent; i < 0; i++)
        power /= root;
    return power;
}

void tal_walk_model_prepare(tal_walk_model *model)
{
    TAL_ASSERT(model->extend >= 1 && model->root > 1.0);
    double sum = 0.0;
    double pair_sum = 0.0;
    memset(model->query_odds, 0, sizeof(model->query_odds));
    memset(model->ref_odds, 0, sizeof(model->ref_odds));
    for (int i = 0; i < model->letters; i++) {
        sum += model->share[i];
        model->sum_of_letters[i] = sum;
        for (int j = 0; j < model->letters; j++) {
            double odds = power_of(model->root, model->score[i][j]);
            model->odds[i][j] = odds;
            model->odds_turned[j][i] = odds;
            model->score_turned[j][i] = model->score[i][j];
            model->query_odds[i] += model->share[j] * odds;
            model->ref_odds[j] += model->share[i] * odds;
            pair_sum += model->share[i] * model->share[j] * odds;
            model->sum_of_pairs[i * model->letters + j] = pair_sum;
        }
    }
    double more = power_of(model->root, -model->extend);
    double gap = gap_share * power_of(model->root, -model->open - model->extend) / (1 - more);
    model->steps = (tal_walk_steps){
        .pair_pair = 1 / ((1 + gap) * (1 + gap)),
        .pair_query = gap / (1 + gap),
        .pair_ref = gap / ((1 + gap) * (1 + gap)),
        .query_pair = (1 - more) / (1 + gap),
        .query_query = more,
        .query_ref = (1 - more) * gap / (1 + gap),
        .ref_pair = 1 - more,
        .ref_ref = more,
    };
}

tal_status tal_walk_create(tal_walk **out_walk)
{
    *out_walk = tal_alloc(sizeof(**out_walk));
    return *out_walk == NULL ? TAL_ERR_MEMORY : TAL_OK;
}

void tal_walk_destroy(tal_walk *walk)
{
    tal_free(walk);
}

static int draw(tal_random *random, const double *sums, int count)
{
    double value = tal_random_unit(random) * sums[count - 1];
    int low = 0;
    int high = count - 1;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (value < sums[middle])
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static void add_query(tal_walk *walk, int letter)
{
    if (walk->query_len < LEN_MAX)
        walk->query[walk->query_len++] = (uint8_t)letter;
}

static void add_ref(tal_walk *walk, int letter)
{
    if (walk->ref_len < LEN_MAX)
        walk->ref[walk->ref_len++] = (uint8_t)letter;
}

static state next_state(state last, double value, const tal_walk_steps *steps)
{
    if (last == REF_ALONE)
        return value < steps->ref_pair ? PAIR : REF_ALONE;
    double pair = last == PAIR ? steps->pair_pair : steps->query_pair;
    double query = last == PAIR ? steps->pair_query : steps->query_query;
    return value < pair ? PAIR : value < pair + query ? QUERY_ALONE : REF_ALONE;
}

/* Letters of the model until both sequences have `len`. */
static void grow_related(tal_walk *walk, const tal_walk_model *model, int len)
{
    while (walk->query_len < len || walk->ref_len < len) {
        walk->last = next_state(walk->last, tal_random_unit(&walk->random), &model->steps);
        if (walk->last == PAIR) {
            int pair = draw(&walk->random, model->sum_of_pairs, model->letters * model->letters);
            add_query(walk, pair / model->letters);
            add_ref(walk, pair % model->letters);
        } else if (walk->last == QUERY_ALONE) {
            add_query(walk, draw(&walk->random, model->sum_of_letters, model->letters));
        } else {
            add_ref(walk, draw(&walk->random, model->sum_of_letters, model->letters));
        }
    }
}

static void grow_unrelated(tal_walk *walk, const tal_walk_model *model, int len)
{
    while (walk->query_len < len)
        add_query(walk, draw(&walk->random, model->sum_of_letters, model->letters));
    while (walk->ref_len < len)
        add_ref(walk, draw(&walk->random, model->sum_of_letters, model->letters));
}

static int32_t larger(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

/* A cell of the border and where. */
typedef struct peak {
    int32_t best;
    int query, ref;
} peak;

/* What a strip ends with, for the corner. */
typedef struct strip_end {
    int32_t gap_along; /* of the corner, coming along the strip */
    double along_sum;
} strip_end;

/* The strip beside the old one, but for the corner (cell n): `letters` along it, `scores` and
 * `odds` those of its own letter. Cells of at least `count_score` are counted. */
static strip_end advance(strip *s, const tal_walk_model *model, const strip_steps *t, int n,
                         const uint8_t *letters, const int *scores, const double *odds,
                         bool has_odds, int32_t *out_best, int *out_at)
{
    const int first = model->open + model->extend;
    int32_t diagonal = s->best[0];
    double diagonal_pair = s->pair[0];
    double diagonal_along = s->along_sum[0];
    double diagonal_across = s->across_sum[0];
    s->across[0] = larger(s->across[0] - model->extend, s->best[0] - first);
    s->best[0] = s->across[0];
    s->across_sum[0] = t->pair_across * diagonal_pair + t->across_across * diagonal_across +
                       t->along_across * diagonal_along;
    s->pair[0] = 0.0;
    s->along_sum[0] = 0.0;
    int32_t gap_along = NEVER;
    int32_t best = NEVER;
    int at = 0;
    for (int i = 1; i < n; i++) {
        int32_t old = s->best[i];
        s->across[i] = larger(s->across[i] - model->extend, old - first);
        gap_along = larger(gap_along - model->extend, s->best[i - 1] - first);
        int32_t value = diagonal + scores[letters[i - 1]];
        value = larger(value, larger(s->across[i], gap_along));
        s->best[i] = value;
        diagonal = old;
        if (value > best) {
            best = value;
            at = i;
        }
    }
    for (int i = 1; has_odds && i < n; i++) {
        double pair = s->pair[i];
        double along = s->along_sum[i];
        double across = s->across_sum[i];
        s->across_sum[i] =
            t->pair_across * pair + t->along_across * along + t->across_across * across;
        s->pair[i] =
            odds[letters[i - 1]] * (t->pair_pair * diagonal_pair + t->along_pair * diagonal_along +
                                    t->across_pair * diagonal_across);
        s->along_sum[i] = t->pair_along * s->pair[i - 1] + t->along_along * s->along_sum[i - 1] +
                          t->across_along * s->across_sum[i - 1];
        diagonal_pair = pair;
        diagonal_along = along;
        diagonal_across = across;
    }
    *out_best = best;
    *out_at = at;
    if (!has_odds)
        return (strip_end){larger(gap_along - model->extend, s->best[n - 1] - first), 0.0};
    return (strip_end){
        larger(gap_along - model->extend, s->best[n - 1] - first),
        t->pair_along * s->pair[n - 1] + t->along_along * s->along_sum[n - 1] +
            t->across_along * s->across_sum[n - 1],
    };
}

/* From the square n - 1 to n: letters n - 1 of both are there. */
static peak grow_square(tal_walk *walk, const tal_walk_model *model, int n, bool has_odds)
{
    int query = walk->query[n - 1];
    int ref = walk->ref[n - 1];
    strip_steps by_row = row_steps(&model->steps);
    strip_steps by_column = column_steps(&model->steps);
    int32_t corner = walk->row.best[n - 1] + model->score[query][ref];
    double corner_pair =
        has_odds ? model->odds[query][ref] * (by_row.pair_pair * walk->row.pair[n - 1] +
                                              by_row.along_pair * walk->row.along_sum[n - 1] +
                                              by_row.across_pair * walk->row.across_sum[n - 1])
                 : 0.0;
    peak top = {.ref = n};
    peak of_row = {.query = n};
    strip_end column =
        advance(&walk->column, model, &by_column, n, walk->query, model->score_turned[ref],
                model->odds_turned[ref], has_odds, &top.best, &top.query);
    strip_end row = advance(&walk->row, model, &by_row, n, walk->ref, model->score[query],
                            model->odds[query], has_odds, &of_row.best, &of_row.ref);
    corner = larger(corner, larger(row.gap_along, column.gap_along));
    walk->row.best[n] = walk->column.best[n] = corner;
    walk->row.across[n] = column.gap_along;
    walk->column.across[n] = row.gap_along;
    walk->row.pair[n] = walk->column.pair[n] = corner_pair;
    walk->row.along_sum[n] = walk->column.across_sum[n] = row.along_sum;
    walk->row.across_sum[n] = walk->column.along_sum[n] = column.along_sum;
    walk->cells += 2 * (uint64_t)n;
    if (of_row.best > top.best)
        top = of_row;
    if (corner > top.best)
        top = (peak){corner, n, n};
    return top;
}

/* The odds of all paths that leave the square over this side: the strip's own sequence is through,
 * the other one has gone on unseen. `letter_odds` are those of a letter along the strip with a
 * partner that is not seen. */
static double odds_over_side(const strip *s, const strip_steps *t, int n, const uint8_t *letters,
                             const double *letter_odds)
{
    double pair = 0.0;
    double along = 0.0;
    double across = s->across_sum[0] / (1 - t->across_across);
    for (int i = 1; i <= n; i++) {
        double next_pair = letter_odds[letters[i - 1]] *
                           (t->pair_pair * pair + t->along_pair * along + t->across_pair * across);
        double next_along =
            t->pair_along * pair + t->along_along * along + t->across_along * across;
        if (i == n)
            return next_pair + next_along;
        pair = s->pair[i] + next_pair;
        along = next_along;
        across = (s->across_sum[i] + t->pair_across * pair + t->along_across * along) /
                 (1 - t->across_across);
    }
    return 0.0;
}

/* The probability of the letters seen in the model over that of unrelated ones. */
static double odds_of_square(const tal_walk *walk, const tal_walk_model *model, int n)
{
    strip_steps by_row = row_steps(&model->steps);
    strip_steps by_column = column_steps(&model->steps);
    return walk->row.pair[n] + odds_over_side(&walk->row, &by_row, n, walk->ref, model->ref_odds) +
           odds_over_side(&walk->column, &by_column, n, walk->query, model->query_odds);
}

static uint64_t count_border(const tal_walk *walk, int n, int32_t score)
{
    uint64_t count = 0;
    for (int i = 0; i <= n; i++)
        count += walk->row.best[i] >= score;
    for (int i = 0; i < n; i++)
        count += walk->column.best[i] >= score;
    return count;
}

static void begin(tal_walk *walk, uint64_t seed, uint32_t purpose, uint64_t number)
{
    tal_random_init(&walk->random, seed, purpose, number);
    walk->query_len = 0;
    walk->ref_len = 0;
    walk->last = PAIR;
    strip *both[] = {&walk->row, &walk->column};
    for (int i = 0; i < 2; i++) {
        both[i]->best[0] = 0;
        both[i]->across[0] = NEVER;
        both[i]->pair[0] = 1.0;
        both[i]->along_sum[0] = 0.0;
        both[i]->across_sum[0] = 0.0;
    }
}

static void keep_border(tal_walk *walk, int n)
{
    size_t bytes = ((size_t)n + 1) * sizeof(int32_t);
    memcpy(walk->kept_row.best, walk->row.best, bytes);
    memcpy(walk->kept_row.across, walk->row.across, bytes);
    memcpy(walk->kept_column.best, walk->column.best, bytes);
    memcpy(walk->kept_column.across, walk->column.across, bytes);
}

static void restore_border(tal_walk *walk, int n)
{
    size_t bytes = ((size_t)n + 1) * sizeof(int32_t);
    memcpy(walk->row.best, walk->kept_row.best, bytes);
    memcpy(walk->row.across, walk->kept_row.across, bytes);
    memcpy(walk->column.best, walk->kept_column.best, bytes);
    memcpy(walk->column.across, walk->kept_column.across, bytes);
}

/* From the border kept at n: how many cells score at least the level counted, letters beyond n
 * being unrelated. false: no end. */
static bool count_cells(tal_walk *walk, const tal_walk_model *model, const tal_walk_aim *aim, int n,
                        uint64_t *out_count)
{
    restore_border(walk, n);
    walk->query_len = n;
    walk->ref_len = n;
    *out_count = count_border(walk, n, aim->level_count);
    for (n++; n <= LEN_MAX; n++) {
        grow_unrelated(walk, model, n);
        peak top = grow_square(walk, model, n, false);
        if (top.best >= aim->level_count)
            *out_count += count_border(walk, n, aim->level_count);
        else if (top.best < aim->level_count - aim->level_drop)
            return true;
    }
    return false;
}

static void note_levels(tal_walk_sums *sums, int from, int to, double weight, const peak *top)
{
    double query = top->query;
    double ref = top->ref;
    for (int level = from; level <= to; level++) {
        sums->weight[level] += weight;
        sums->place[level] += weight * (query + ref) / 2;
        sums->square[level] += weight * (query * query + ref * ref) / 2;
        sums->product[level] += weight * query * ref;
    }
}

void tal_walk_sample(tal_walk *walk, const tal_walk_model *model, const tal_walk_aim *aim,
                     uint64_t seed, uint64_t number, tal_walk_sums *sums)
{
    begin(walk, seed, PURPOSE_SAMPLE, number);
    walk->cells = 0;
    int32_t level = 0; /* M */
    int kept_at = 0;
    double kept_weight = 0.0;
    sums->samples++;
    for (int n = 1; n <= LEN_MAX && level < aim->level_max; n++) {
        grow_related(walk, model, n);
        peak top = grow_square(walk, model, n, true);
        if (top.best <= level)
            continue;
        double weight = 1 / odds_of_square(walk, model, n);
        int32_t reached = top.best < aim->level_max ? top.best : aim->level_max;
        note_levels(sums, level + 1, reached, weight, &top);
        if (level < aim->level_count && reached >= aim->level_count) {
            kept_at = n;
            kept_weight = weight;
            keep_border(walk, n);
        }
        level = reached;
    }
    uint64_t count = 0;
    if (level == aim->level_max && count_cells(walk, model, aim, kept_at, &count)) {
        sums->counted_weight += kept_weight;
        sums->counted_cells += kept_weight * (double)count;
    } else {
        sums->failures++;
    }
    sums->cells += walk->cells;
}

int tal_walk_unrelated(tal_walk *walk, const tal_walk_model *model, int len, uint64_t seed,
                       uint64_t number)
{
    TAL_ASSERT(len >= 1 && len <= LEN_MAX);
    begin(walk, seed, PURPOSE_UNRELATED, number);
    for (int n = 1; n <= len; n++) {
        grow_unrelated(walk, model, n);
        (void)grow_square(walk, model, n, false);
    }
    return walk->row.best[len];
}
