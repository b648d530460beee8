/* Masking of low-complexity nucleotides by symmetric DUST.
 *
 * Morgulis, Gertz, Schaffer, Agarwala, "A fast and symmetric DUST implementation to mask
 * low-complexity DNA sequences", J. Comput. Biol. 13:1028 (2006). With c the counts of its
 * triplets, a stretch of l triplets scores sum c (c - 1) / 2 / (l - 1). A stretch of at most
 * WINDOW residues is perfect when it scores above THRESHOLD / 10 and no part of it scores more; all
 * residues of perfect stretches are masked. Letters that are no bases end a stretch. Integers only.
 */
#include "mask/mask_internal.h"

#include <string.h>

enum {
    WINDOW = 64,
    TRIPLETS = WINDOW - 2, /* of a window */
    THRESHOLD = 20,
    KINDS = 64, /* of triplets */
};

/* A perfect stretch, from the residue `begin` to before `end`; scores r / l. */
typedef struct stretch {
    int32_t begin, end, r, l;
} stretch;

/* The triplets of the window, oldest first, and of its `tail` last ones, in which no kind is so
 * frequent that a perfect stretch may lie inside. */
typedef struct window {
    uint8_t triplets[TRIPLETS];
    int32_t count, tail;
    int32_t begin; /* residue of the first triplet */
    int32_t counts[KINDS], tail_counts[KINDS];
    int32_t pairs, tail_pairs;
    stretch perfect[TRIPLETS]; /* of this window, begin falling, one of each */
    int32_t perfect_count;
} window;

static void drop_tail(window *w)
{
    uint8_t oldest = w->triplets[w->count - w->tail];
    w->tail_pairs -= --w->tail_counts[oldest];
    w->tail--;
}

static void push(window *w, uint8_t triplet)
{
    if (w->count == TRIPLETS) {
        uint8_t oldest = w->triplets[0];
        if (w->tail == w->count)
            drop_tail(w);
        w->pairs -= --w->counts[oldest];
        memmove(w->triplets, w->triplets + 1, TRIPLETS - 1);
        w->count--;
        w->begin++;
    }
    w->triplets[w->count++] = triplet;
    w->tail++;
    w->pairs += w->counts[triplet]++;
    w->tail_pairs += w->tail_counts[triplet]++;
    while (w->tail_counts[triplet] * 10 > 2 * THRESHOLD) {
        bool is_same = w->triplets[w->count - w->tail] == triplet;
        drop_tail(w);
        if (is_same)
            break;
    }
}

/* Note the stretches that end with the window's last triplet and are perfect. */
static void find_perfect(window *w)
{
    int32_t counts[KINDS];
    memcpy(counts, w->tail_counts, sizeof(counts));
    int32_t r = w->tail_pairs;
    int32_t best_r = 0;
    int32_t best_l = 1;
    int32_t at = 0; /* stretches before it begin no earlier than this one */
    for (int32_t i = w->count - w->tail - 1; i >= 0; i--) {
        r += counts[w->triplets[i]]++;
        int32_t l = w->count - i - 1;
        if (r * 10 <= THRESHOLD * l)
            continue;
        for (; at < w->perfect_count && w->perfect[at].begin >= w->begin + i; at++)
            if (w->perfect[at].r * best_l > best_r * w->perfect[at].l) {
                best_r = w->perfect[at].r;
                best_l = w->perfect[at].l;
            }
        if (r * best_l < best_r * l)
            continue;
        best_r = r;
        best_l = l;
        /* One of the same begin lies inside and scores no more: the new one takes its place. */
        bool is_new = at == 0 || w->perfect[at - 1].begin != w->begin + i;
        if (is_new) {
            memmove(w->perfect + at + 1, w->perfect + at,
                    (size_t)(w->perfect_count - at) * sizeof(*w->perfect));
            w->perfect_count++;
        }
        w->perfect[is_new ? at : at - 1] = (stretch){w->begin + i, w->begin + w->count + 2, r, l};
    }
}

/* Hand out the perfect stretches that begin before `begin`: the window has left them. */
static tal_status hand_out(window *w, int32_t begin, size_t first, tal_buffer *masks)
{
    tal_status status = TAL_OK;
    while (w->perfect_count > 0 && w->perfect[w->perfect_count - 1].begin < begin &&
           status == TAL_OK) {
        const stretch *oldest = &w->perfect[--w->perfect_count];
        status = tal_mask_append(masks, first, oldest->begin, oldest->end);
    }
    return status;
}

/* One run of bases [begin, end). */
static tal_status mask_run(const uint8_t *codes, int32_t begin, int32_t end, window *w,
                           size_t first, tal_buffer *masks)
{
    memset(w, 0, sizeof(*w));
    w->begin = begin;
    tal_status status = TAL_OK;
    for (int32_t i = begin + 2; i < end && status == TAL_OK; i++) {
        push(w, (uint8_t)(codes[i - 2] << 4 | codes[i - 1] << 2 | codes[i]));
        status = hand_out(w, w->begin, first, masks);
        if (w->pairs * 10 > w->tail * THRESHOLD)
            find_perfect(w);
    }
    return status == TAL_OK ? hand_out(w, INT32_MAX, first, masks) : status;
}

tal_status tal_mask_dust(const uint8_t *codes, int32_t len, tal_mask_scratch *scratch,
                         tal_buffer *masks)
{
    tal_buffer_reset(&scratch->bytes);
    tal_status status = tal_buffer_reserve(&scratch->bytes, sizeof(window));
    size_t first = masks->bytes;
    for (int32_t begin = 0; begin < len && status == TAL_OK;) {
        int32_t end = begin;
        while (end < len && codes[end] < 4)
            end++;
        status = mask_run(codes, begin, end, (window *)(void *)scratch->bytes.data, first, masks);
        begin = end + 1;
    }
    return status;
}
