/* One sequence into another along one branch; see evolve.h. */
#include "sim/evolve.h"

#include "base/check.h"

#include <string.h>

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

/* A branch in the making. `next_*` are how far along the sequence the next event is: the gaps of a
 * Poisson process, so they may be carried from one stretch to the next. */
typedef struct branch {
    const tal_model *model;
    const tal_branch_params *params;
    tal_random *random;
    double substitution_gap, next_substitution; /* infinite gap: never */
    double indel_gap, next_indel;
    tal_branch_counts counts;
} branch;

tal_status tal_evolve_root(const tal_model *model, uint64_t len, tal_random *random,
                           tal_buffer *letters)
{
    tal_status status = tal_buffer_reserve(letters, (size_t)len);
    if (status != TAL_OK)
        return status;
    char *out = (char *)letters->data + letters->bytes;
    for (uint64_t i = 0; i < len; i++)
        out[i] = tal_model_draw(&model->equilibrium, model->state_count, random);
    letters->bytes += (size_t)len;
    return TAL_OK;
}

/* Candidate events along `len` letters, in place. */
static void substitute(branch *state, char *letters, size_t len)
{
    const tal_letter_table *next = state->model->next;
    uint32_t count = state->model->state_count;
    tal_random *random = state->random;
    double end = (double)len;
    double at = state->next_substitution;
    uint64_t changes = 0;
    while (at < end) {
        size_t site = (size_t)at;
        char old = letters[site];
        char new = tal_model_draw(&next[old & 31], count, random);
        letters[site] = new;
        changes += new != old;
        at += tal_random_exponential(random) * state->substitution_gap;
    }
    state->next_substitution = at - end;
    state->counts.substitutions += changes;
}

/* `len` surviving letters of the parent at `from` to the end of `letters`. */
static tal_status copy_stretch(branch *state, const tal_buffer *parents, size_t from, size_t len,
                               tal_buffer *letters)
{
    tal_status status = tal_buffer_reserve(letters, len);
    if (status != TAL_OK || len == 0)
        return status;
    const char *parent = (const char *)parents->data + from;
    char *child = (char *)letters->data + letters->bytes;
    memcpy(child, parent, len);
    uint64_t before = state->counts.substitutions;
    substitute(state, child, len);
    if (state->counts.substitutions != before)
        for (size_t i = 0; i < len; i++)
            state->counts.differences += child[i] != parent[i];
    letters->bytes += len;
    return TAL_OK;
}

/* An insertion or a deletion before parent site `*site`, which moves past what was deleted. */
static tal_status change_len(branch *state, size_t parent_len, size_t *site, size_t *len,
                             tal_buffer *letters)
{
    const tal_branch_params *params = state->params;
    tal_branch_counts *counts = &state->counts;
    bool is_insertion = (tal_random_u32(state->random) >> 31) == 0;
    uint64_t change = tal_random_geometric(state->random, params->indel_extension);
    if (is_insertion) {
        if (change > params->len_max || *len > params->len_max - change)
            return TAL_OK;
        counts->insertions++;
        counts->inserted += change;
        *len += (size_t)change;
        return tal_evolve_root(state->model, change, state->random, letters);
    }
    uint64_t rest = parent_len - *site;
    change = change < rest ? change : rest;
    if (*len < params->len_min + change)
        return TAL_OK;
    counts->deletions++;
    counts->deleted += change;
    *len -= (size_t)change;
    *site += (size_t)change;
    return TAL_OK;
}

/* The gap whose mean fits `rate` events per site; no event ever at rate 0. */
static double start_gap(double rate, tal_random *random, double *out_next)
{
    double gap = 1.0 / rate;
    *out_next = rate > 0.0 ? tal_random_exponential(random) * gap : gap;
    return gap;
}

tal_status tal_evolve_branch(const tal_model *model, const tal_branch_params *params,
                             double branch_len, const tal_buffer *parents, size_t parent_begin,
                             size_t parent_len, tal_random *random, tal_buffer *letters,
                             tal_branch_counts *out_counts)
{
    branch state = {.model = model, .params = params, .random = random};
    state.substitution_gap =
        start_gap(branch_len * model->event_rate, random, &state.next_substitution);
    state.indel_gap = start_gap(branch_len * params->indel_rate, random, &state.next_indel);
    size_t len = parent_len; /* of the child, by the events so far */
    size_t done = 0;         /* sites of the parent */
    while (state.next_indel < (double)parent_len) {
        size_t site = (size_t)state.next_indel;
        tal_status status =
            copy_stretch(&state, parents, parent_begin + done, site - done, letters);
        done = site;
        if (status == TAL_OK)
            status = change_len(&state, parent_len, &done, &len, letters);
        if (status != TAL_OK)
            return status;
        /* At most one event starts at a site, and none within a deletion. */
        double from = (double)(done > site ? done : site + 1);
        state.next_indel = from + tal_random_exponential(random) * state.indel_gap;
    }
    tal_status status =
        copy_stretch(&state, parents, parent_begin + done, parent_len - done, letters);
    if (status == TAL_OK)
        *out_counts = state.counts;
    return status;
}
