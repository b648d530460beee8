/* E-values of pairs: adjusted for composition and for what reversed references score.
 *
 * All of both sequences counts but what is masked, so that a pair's E-value is known before its
 * alignment, and the best of each query are chosen among what is significant.
 *
 * Reversed-sequence null model (Karplus, Barrett and Hughey, Bioinformatics 14:846, 1998): nothing
 * descends from a reversed protein, so that what a query scores against the reversed reference it
 * scores for what both are made of: composition, helices, repeats in step. For nearly all pairs
 * that is chance. What it is above the score that chance gives to one pair in
 * 1/TAL_REVERSED_EVALUE is taken off the pair's scaled score; nothing is added where it is below.
 */
#include "search/search_internal.h"

#include <math.h>

/* Two sequences, the query and the reference of the E-value, which may have changed places. */
typedef struct pair {
    tal_lid query, lid; /* in the block, among the references in use */
    const tal_composition *query_composition, *ref_composition;
    int32_t query_len, ref_len;
} pair;

static tal_composition composition_of(const tal_search *search, tal_lid lid)
{
    if (search->params.composition != TAL_COMPOSITION_ADJUST)
        return (tal_composition){{0}};
    return tal_composition_of(tal_seqset_residues(search->references, lid),
                              (size_t)tal_seqset_len(search->references, lid));
}

/* composition: of the reference. */
static pair pair_of(const tal_search *search, tal_lid query, tal_lid lid,
                    const tal_composition *composition)
{
    return (pair){
        .query = query,
        .lid = lid,
        .query_composition = &search->views[query].composition,
        .ref_composition = composition,
        .query_len = tal_seqset_len(search->queries, query),
        .ref_len = tal_seqset_len(search->references, lid),
    };
}

static pair mirrored(const pair *of)
{
    return (pair){of->query,   of->lid,      of->ref_composition, of->query_composition,
                  of->ref_len, of->query_len};
}

/* A score with the pair's lambda in the unit of the average's. */
static double scale(const tal_search *search, const pair *of, int32_t score)
{
    if (search->params.composition != TAL_COMPOSITION_ADJUST)
        return score;
    int32_t ratio =
        tal_scaling_ratio(&search->params.scaling, of->query_composition, of->ref_composition);
    return (double)score * ratio / TAL_SCALING_UNIT;
}

/* The score against the reversed reference, the same whichever of the two is reversed; or, where it
 * is less than `least`, some smaller one. */
static tal_status score_reversed(const tal_search *search, const tal_search_scratch *scratch,
                                 const pair *of, int32_t least, int32_t *out_score)
{
    const int32_t len = tal_seqset_len(search->references, of->lid);
    const uint8_t *residues = tal_seqset_residues(search->references, of->lid);
    tal_buffer_reset(scratch->letters);
    tal_status status = tal_buffer_reserve(scratch->letters, (size_t)len);
    if (status != TAL_OK)
        return status;
    for (int32_t i = 0; i < len; i++)
        scratch->letters->data[i] = residues[len - 1 - i];
    tal_ladder_peak peak;
    status = tal_ladder_find_peak(
        &search->ladder, scratch->ladder, search->views[of->query].profile[0],
        tal_seqset_len(search->queries, of->query), scratch->letters->data, len, least, &peak);
    if (status == TAL_OK)
        *out_score = peak.score;
    return status;
}

/* Take off *scaled what the reversed reference has beyond chance. */
static tal_status take_off_reversed(const tal_search *search, const tal_search_scratch *scratch,
                                    const pair *of, double *scaled)
{
    const tal_search_space space = {of->query_len, (uint64_t)of->ref_len, 1};
    const int32_t chance =
        tal_stats_score_cut(&search->params.stats, &space, TAL_REVERSED_EVALUE, of->ref_len, 1);
    int32_t score;
    tal_status status = score_reversed(search, scratch, of, chance, &score);
    if (status != TAL_OK)
        return status;
    const double reversed = scale(search, of, score); /* At most the score. */
    if (reversed > chance)
        *scaled -= reversed - chance;
    *scaled = *scaled > 0 ? *scaled : 0;
    return TAL_OK;
}

static bool passes(const tal_search *search, const pair *of, double scaled)
{
    tal_search_space space = tal_search_space_of(search, of->query);
    space.query_len = of->query_len;
    return tal_stats_evalue_scaled(&search->params.stats, &space, scaled, of->ref_len) <=
           search->params.evalue;
}

static tal_status find_significance(const tal_search *search, const tal_search_scratch *scratch,
                                    const pair *of, int32_t score, bool *out_is_significant)
{
    double scaled = scale(search, of, score);
    *out_is_significant = passes(search, of, scaled);
    if (!*out_is_significant || !search->params.has_reversed_null || search->is_relaxed)
        return TAL_OK;
    tal_status status = take_off_reversed(search, scratch, of, &scaled);
    *out_is_significant = status == TAL_OK && passes(search, of, scaled);
    return status;
}

/* Whether all pairs are significant that pass the cuts of scores. */
static bool is_cut_by_score(const tal_search_params *params)
{
    return !(params->evalue < INFINITY) ||
           (params->composition != TAL_COMPOSITION_ADJUST && !params->has_reversed_null);
}

tal_status tal_search_scale(const tal_search *search, const tal_search_scratch *scratch,
                            tal_lid query, tal_lid lid, int32_t score, double *out_scaled)
{
    const tal_composition composition = composition_of(search, lid);
    const pair of = pair_of(search, query, lid, &composition);
    *out_scaled = scale(search, &of, score);
    return search->params.has_reversed_null ? take_off_reversed(search, scratch, &of, out_scaled)
                                            : TAL_OK;
}

tal_status tal_search_find_significance(const tal_search *search, const tal_search_scratch *scratch,
                                        tal_lid query, tal_lid lid, int32_t score,
                                        bool *out_is_significant)
{
    *out_is_significant = true;
    if (is_cut_by_score(&search->params))
        return TAL_OK;
    const tal_composition composition = composition_of(search, lid);
    const pair of = pair_of(search, query, lid, &composition);
    return find_significance(search, scratch, &of, score, out_is_significant);
}

tal_status tal_search_find_mirror_significance(const tal_search *search,
                                               const tal_search_scratch *scratch, tal_lid query,
                                               tal_lid lid, int32_t score, bool *out_is_significant)
{
    *out_is_significant = true;
    if (is_cut_by_score(&search->params))
        return TAL_OK;
    const tal_composition composition = composition_of(search, lid);
    const pair of = pair_of(search, query, lid, &composition);
    const pair mirror = mirrored(&of);
    return find_significance(search, scratch, &mirror, score, out_is_significant);
}
