/* Substitution models: letters in equilibrium, and what a letter becomes at a substitution.
 *
 * Protein: LG. Nucleotide: HKY85. Both reversible, rates scaled to one expected substitution per
 * site and unit of time in equilibrium.
 *
 * Substitutions are sampled by uniformization (Jensen 1953): candidate events fall on every site
 * at the one rate `event_rate`, that of the fastest letter; a candidate at a slower letter may
 * leave it as it is. So the work is per event, not per site.
 */
#ifndef TAL_SIM_MODEL_H
#define TAL_SIM_MODEL_H

#include "base/random.h"
#include "seq/alphabet.h"

enum { TAL_MODEL_STATES_MAX = 20 };

/* A letter drawn with given probabilities by one word: the alias method (Walker 1977; Vose 1991).
 */
typedef struct tal_letter_table {
    uint32_t threshold[TAL_MODEL_STATES_MAX];
    char below[TAL_MODEL_STATES_MAX]; /* the letter when the word's fraction < threshold */
    char other[TAL_MODEL_STATES_MAX];
} tal_letter_table;

typedef struct tal_model {
    const char *name;
    uint32_t state_count; /* 20 or 4 */
    double event_rate;    /* candidates per site and unit of time */
    double frequency[TAL_MODEL_STATES_MAX];
    double rate[TAL_MODEL_STATES_MAX][TAL_MODEL_STATES_MAX]; /* Q: rows sum to 0 */
    tal_letter_table equilibrium;
    tal_letter_table next[32]; /* by letter & 31: what a candidate event makes of it */
} tal_model;

/* States are in the order of tal_alphabet_letters. Cannot fail. */
void tal_model_init(tal_model *model, tal_alphabet alphabet);

/* A letter from a table of `count` states. */
static inline char tal_model_draw(const tal_letter_table *table, uint32_t count, tal_random *random)
{
    uint64_t product = (uint64_t)tal_random_u32(random) * count;
    uint32_t state = (uint32_t)(product >> 32);
    return (uint32_t)product < table->threshold[state] ? table->below[state] : table->other[state];
}

#endif
