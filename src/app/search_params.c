/* The parameters of a search from its options; see search_run.h. */
#include "app/search_run.h"

#include <math.h>
#include <string.h>

/* Matrix and gap costs from the options and the alphabet. */
static tal_status choose_scoring(tal_search_run *self, tal_alphabet alphabet)
{
    const char *name = tal_run_text(self->run, "matrix");
    bool has_match =
        tal_run_is_given(self->run, "match") || tal_run_is_given(self->run, "mismatch");
    if (has_match && (name != NULL || alphabet == TAL_PROTEIN))
        return tal_fail(TAL_ERR_USAGE,
                        "--match and --mismatch are for nucleotides without --matrix");
    tal_status status;
    if (name != NULL || alphabet == TAL_PROTEIN)
        status = tal_matrix_load(name == NULL ? "BLOSUM62" : name, alphabet, &self->matrix);
    else
        status = tal_matrix_match_mismatch((int)tal_run_int(self->run, "match"),
                                           (int)tal_run_int(self->run, "mismatch"), &self->matrix);
    if (status != TAL_OK)
        return status;
    tal_gaps gaps = tal_gaps_default(&self->matrix);
    if (tal_run_is_given(self->run, "gap-open"))
        gaps.open = (int)tal_run_int(self->run, "gap-open");
    if (tal_run_is_given(self->run, "gap-extend"))
        gaps.extend = (int)tal_run_int(self->run, "gap-extend");
    self->params.matrix = &self->matrix;
    self->params.gaps = gaps;
    return tal_gaps_check(&gaps);
}

/* The cuts: which are given, and whether E-values exist for this scoring and mode. */
static tal_status choose_cuts(tal_search_run *self)
{
    tal_search_params *params = &self->params;
    bool has_score = tal_run_is_given(self->run, "min-score");
    bool has_evalue = tal_run_is_given(self->run, "evalue");
    params->score_min = has_score ? (int32_t)tal_run_int(self->run, "min-score") : INT32_MIN;
    params->evalue = has_evalue || !has_score ? tal_run_real(self->run, "evalue") : INFINITY;
    params->hit_limit = (uint64_t)tal_run_int(self->run, "max-hits");
    params->stats = (tal_stats){.is_known = false};
    if (params->mode != TAL_LOCAL) {
        if (has_evalue || !has_score)
            return tal_fail(TAL_ERR_USAGE,
                            "E-values are defined for local alignments only: scores of global and "
                            "semiglobal alignments grow with length and have no known "
                            "distribution; use --min-score alone");
        return TAL_OK;
    }
    /* A raw-score threshold needs no statistics: nothing is computed for it. */
    self->needs_statistics = has_evalue || !has_score;
    (void)tal_stats_look_up(params->matrix, params->gaps, &params->stats);
    return TAL_OK;
}

static tal_status choose_filter(tal_search_run *self)
{
    static const char *const names[] = {"filter-share", "filter-cut"};
    tal_search_params *params = &self->params;
    params->is_filtered = tal_run_choice(self->run, "mode") == 1;
    for (int i = 0; i < 2; i++)
        if (!params->is_filtered && tal_run_is_given(self->run, names[i]))
            return tal_fail(TAL_ERR_USAGE, "--%s is for filtered searches; add --mode filtered",
                            names[i]);
    if (!params->is_filtered)
        return TAL_OK;
    if (params->mode != TAL_LOCAL)
        return tal_fail(TAL_ERR_USAGE,
                        "--mode filtered is for local alignments: a good run without gaps says "
                        "nothing of a global or semiglobal score; use --mode exact");
    bool has_cut = tal_run_is_given(self->run, "filter-cut");
    if (has_cut && tal_run_is_given(self->run, "filter-share"))
        return tal_fail(TAL_ERR_USAGE, "--filter-cut and --filter-share say the same; give one");
    if (!has_cut && !(params->stats.is_known && params->evalue < INFINITY))
        return tal_fail(TAL_ERR_USAGE,
                        "--mode filtered derives its cut from the E-value threshold, and here is "
                        "none: give --evalue, or the cut itself by --filter-cut");
    params->filter_cut = has_cut ? (int32_t)tal_run_int(self->run, "filter-cut") : -1;
    params->filter_share = tal_run_real(self->run, "filter-share");
    return TAL_OK;
}

static tal_status choose_mask(tal_search_run *self, tal_alphabet alphabet)
{
    bool is_given = tal_run_is_given(self->run, "mask");
    bool is_local = self->params.mode == TAL_LOCAL;
    const tal_mask_method method = is_given    ? (tal_mask_method)tal_run_choice(self->run, "mask")
                                   : !is_local ? TAL_MASK_NONE
                                   : alphabet == TAL_NUCLEOTIDE ? TAL_MASK_DUST
                                                                : TAL_MASK_TANTAN_SHORT;
    if (!tal_mask_is_for(method, alphabet))
        return tal_fail(TAL_ERR_USAGE, "--mask %s is not for %s sequences; use %s or tantan",
                        tal_mask_name(method), tal_alphabet_name(alphabet),
                        alphabet == TAL_PROTEIN ? "seg" : "dust");
    int where = tal_run_choice(self->run, "mask-in");
    enum { QUERIES = 1, REFERENCES = 2 };
    self->reference_mask = where == QUERIES ? TAL_MASK_NONE : method;
    self->query_mask = where == REFERENCES ? TAL_MASK_NONE : method;
    return TAL_OK;
}

static tal_status choose_composition(tal_search_run *self, tal_alphabet alphabet)
{
    tal_search_params *params = &self->params;
    bool is_given = tal_run_is_given(self->run, "composition");
    bool can_adjust = alphabet == TAL_PROTEIN && params->stats.is_known &&
                      tal_scaling_init(params->matrix, &params->scaling);
    params->composition = is_given ? (tal_composition_mode)tal_run_choice(self->run, "composition")
                          : can_adjust ? TAL_COMPOSITION_ADJUST
                                       : TAL_COMPOSITION_NONE;
    if (params->composition != TAL_COMPOSITION_NONE && alphabet != TAL_PROTEIN)
        return tal_fail(TAL_ERR_USAGE, "--composition is for proteins; these are nucleotides");
    if (params->composition == TAL_COMPOSITION_ADJUST && !can_adjust)
        return tal_fail(TAL_ERR_USAGE, "--composition adjust scales E-values, and this scoring has "
                                       "none; use none or bias");
    return TAL_OK;
}

static tal_status choose_null_model(tal_search_run *self, tal_alphabet alphabet)
{
    tal_search_params *params = &self->params;
    const bool is_given = tal_run_is_given(self->run, "null-model");
    const bool can_reverse =
        alphabet == TAL_PROTEIN && params->mode == TAL_LOCAL && params->stats.is_known;
    enum { REVERSED = 1 };
    params->has_reversed_null =
        is_given ? tal_run_choice(self->run, "null-model") == REVERSED : can_reverse;
    if (params->has_reversed_null && !can_reverse)
        return tal_fail(TAL_ERR_USAGE, "--null-model reversed is for E-values of local alignments "
                                       "of proteins; use none");
    return TAL_OK;
}

tal_status tal_search_run_choose(tal_search_run *self, tal_alphabet alphabet)
{
    tal_search_params *params = &self->params;
    *params = (tal_search_params){
        .isa = tal_run_isa(self->run),
        .mode = (tal_mode)tal_run_choice(self->run, "align"),
        .trace_bytes = TRACE_BYTES,
    };
    int strand = tal_run_choice(self->run, "strand");
    params->has_plus = alphabet == TAL_PROTEIN || strand != 2;
    params->has_minus = alphabet == TAL_NUCLEOTIDE && strand != 1;
    if (alphabet == TAL_PROTEIN && tal_run_is_given(self->run, "strand"))
        return tal_fail(TAL_ERR_USAGE, "--strand is for nucleotides; these are proteins");
    tal_status status = choose_scoring(self, alphabet);
    if (status == TAL_OK)
        status = choose_cuts(self);
    return status;
}

tal_status tal_search_run_choose_rest(tal_search_run *self, tal_alphabet alphabet)
{
    tal_status status = choose_filter(self);
    if (status == TAL_OK)
        status = choose_mask(self, alphabet);
    if (status == TAL_OK)
        status = choose_composition(self, alphabet);
    if (status == TAL_OK)
        status = choose_null_model(self, alphabet);
    return status;
}
