/* Ungapped Karlin-Altschul parameters of match/mismatch scoring. */
#ifndef TAL_SCORE_KARLIN_H
#define TAL_SCORE_KARLIN_H

typedef struct tal_karlin {
    double lambda, k, h;
} tal_karlin;

/* match > 0 > mismatch without common divisor, match + 3 * mismatch < 0: bases are equally
 * frequent. Cost: about 10 us. */
tal_karlin tal_karlin_match_mismatch(int match, int mismatch);

#endif
