/* Masking of low-complexity proteins by SEG.
 *
 * Wootton and Federhen, "Statistics of local complexity in amino acid sequences and sequence
 * databases", Computers and Chemistry 17:149 (1993), with the usual window of 12 and thresholds of
 * 2.2 and 2.5 bits. A window whose composition has an entropy of at most 2.2 triggers; the windows
 * around it with at most 2.5 make the raw segment; of its parts (at most TRIM residues shorter) the
 * one whose composition is least probable is masked. If the trigger lies in what was cut off on the
 * left, that is searched again. Windows with a letter that is no amino acid trigger nothing.
 *
 * Logarithms come from tal_random_log, which is the same on all machines.
 */
#include "mask/mask_internal.h"

#include "base/random.h"

#include <string.h>

enum {
    WINDOW = 12,
    HALF_DOWN = 5, /* residues of a window before its centre */
    HALF_UP = 7,   /* the centre and those after it */
    LETTERS = 20,
    TRIM = 100,
};

static const double trigger_bits = 2.2;
static const double extend_bits = 2.5;
static const double ln_2 = 0.693147180559945309417;

/* What a call looks at. */
typedef struct seg {
    const uint8_t *codes;
    float *bits; /* entropy of the window centred at each residue; negative: none */
    const double *log_factorial;
    double window_bits[WINDOW + 1]; /* what a letter that occurs i times adds to the entropy */
    tal_buffer *masks;              /* segments as they are found: a later one may begin before */
} seg;

/* The entropies of all windows inside [begin, end). */
static void fill_bits(const seg *s, int32_t begin, int32_t end)
{
    int counts[TAL_CODE_COUNT] = {0};
    int others = 0; /* letters of the window that are no amino acids */
    for (int32_t i = begin; i < end; i++)
        s->bits[i] = -1.0f;
    for (int32_t i = begin; i < end; i++) {
        counts[s->codes[i]]++;
        others += s->codes[i] >= LETTERS;
        if (i - begin >= WINDOW) {
            counts[s->codes[i - WINDOW]]--;
            others -= s->codes[i - WINDOW] >= LETTERS;
        }
        if (i - begin < WINDOW - 1 || others > 0)
            continue;
        double bits = 0;
        for (int letter = 0; letter < LETTERS; letter++)
            bits += s->window_bits[counts[letter]];
        s->bits[i - WINDOW + 1 + HALF_DOWN] = (float)bits;
    }
}

/* ln of the probability of the composition of a part: of the number of sequences that have it and
 * of compositions alike, over all sequences. */
static double log_probability(const seg *s, const int *counts, int32_t len)
{
    int kinds[LETTERS + 1] = {0}; /* letters that occur equally often count together */
    int sorted[LETTERS];
    for (int i = 0; i < LETTERS; i++) {
        int at = i;
        for (; at > 0 && sorted[at - 1] > counts[i]; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = counts[i];
    }
    double sum = s->log_factorial[len];
    int kind = 0;
    for (int i = 0; i < LETTERS; i++) {
        sum -= s->log_factorial[sorted[i]];
        kind += i > 0 && sorted[i] != sorted[i - 1];
        kinds[kind]++;
    }
    sum += s->log_factorial[LETTERS];
    for (int i = 0; i <= kind; i++)
        sum -= s->log_factorial[kinds[i]];
    return sum - (double)len * tal_random_log(LETTERS);
}

/* The least probable part of [begin, end). */
static tal_mask_span trim(const seg *s, int32_t begin, int32_t end)
{
    tal_mask_span best = {begin, end};
    double least = 0.0;
    int32_t shortest = end - begin - TRIM > 1 ? end - begin - TRIM : 1;
    for (int32_t len = end - begin; len > shortest; len--) {
        int counts[TAL_CODE_COUNT] = {0};
        for (int32_t i = begin; i < begin + len; i++)
            counts[s->codes[i]]++;
        for (int32_t i = begin;; i++) {
            double value = log_probability(s, counts, len);
            if (value < least) {
                least = value;
                best = (tal_mask_span){i, i + len};
            }
            if (i + len == end)
                break;
            counts[s->codes[i]]--;
            counts[s->codes[i + len]]++;
        }
    }
    return best;
}

/* Mask the segments of [begin, end). */
static tal_status mask_part(const seg *s, int32_t begin, int32_t end)
{
    if (end - begin < WINDOW)
        return TAL_OK;
    fill_bits(s, begin, end);
    int32_t low_limit = begin + HALF_DOWN;
    int32_t last = end - HALF_UP;
    tal_status status = TAL_OK;
    for (int32_t i = low_limit; i <= last && status == TAL_OK; i++) {
        if (s->bits[i] < 0 || s->bits[i] > trigger_bits)
            continue;
        int32_t low = i;
        int32_t high = i;
        while (low > low_limit && s->bits[low - 1] >= 0 && s->bits[low - 1] <= extend_bits)
            low--;
        while (high < last && s->bits[high + 1] >= 0 && s->bits[high + 1] <= extend_bits)
            high++;
        tal_mask_span part = trim(s, low - HALF_DOWN, high + HALF_UP);
        if (i + HALF_UP - 1 < part.begin) {
            status = mask_part(s, low - HALF_DOWN, part.begin);
            fill_bits(s, begin, end); /* The part's windows ended where it did. */
        }
        if (status == TAL_OK)
            status = tal_buffer_append(s->masks, &part, sizeof(part));
        i = high < part.end - 1 + HALF_DOWN ? high : part.end - 1 + HALF_DOWN;
        low_limit = i + 1;
    }
    return status;
}

/* Segments, of which few change places, to ranges. */
static tal_status put_in_order(const tal_buffer *found, tal_buffer *masks)
{
    tal_mask_span *spans = (tal_mask_span *)(void *)found->data;
    size_t count = found->bytes / sizeof(*spans);
    size_t first = masks->bytes;
    tal_status status = TAL_OK;
    for (size_t i = 1; i < count; i++) {
        tal_mask_span moved = spans[i];
        size_t at = i;
        for (; at > 0 && spans[at - 1].begin > moved.begin; at--)
            spans[at] = spans[at - 1];
        spans[at] = moved;
    }
    for (size_t i = 0; i < count && status == TAL_OK; i++)
        status = tal_mask_append(masks, first, spans[i].begin, spans[i].end);
    return status;
}

/* Have ln i! for i <= len. */
static tal_status fill_factorials(tal_buffer *logs, int32_t len)
{
    tal_status status = TAL_OK;
    double zero = 0.0;
    if (logs->bytes == 0)
        status = tal_buffer_append(logs, &zero, sizeof(zero));
    for (size_t i = logs->bytes / sizeof(double); i <= (size_t)len && status == TAL_OK; i++) {
        double sum = ((const double *)(const void *)logs->data)[i - 1] + tal_random_log((double)i);
        status = tal_buffer_append(logs, &sum, sizeof(sum));
    }
    return status;
}

tal_status tal_mask_seg(const uint8_t *codes, int32_t len, tal_mask_scratch *scratch,
                        tal_buffer *masks)
{
    tal_buffer_reset(&scratch->numbers);
    tal_status status = tal_buffer_reserve(&scratch->numbers, ((size_t)len + 1) * sizeof(float));
    if (status == TAL_OK)
        status = fill_factorials(&scratch->log_factorials, len < LETTERS ? LETTERS : len);
    if (status != TAL_OK)
        return status;
    seg s = {
        .codes = codes,
        .bits = (float *)(void *)scratch->numbers.data,
        .log_factorial = (const double *)(const void *)scratch->log_factorials.data,
        .masks = &scratch->found,
    };
    tal_buffer_reset(&scratch->found);
    for (int i = 1; i <= WINDOW; i++)
        s.window_bits[i] =
            (double)i / WINDOW * (tal_random_log(WINDOW) - tal_random_log((double)i)) / ln_2;
    status = mask_part(&s, 0, len);
    return status == TAL_OK ? put_in_order(&scratch->found, masks) : status;
}
