/* E-values of pairs: adjusted for composition where that is asked for.
 *
 * All of both sequences counts but what is masked, so that a pair's E-value is known before its
 * alignment, and the best of each query are chosen among what is significant.
 */
#include "search/search_internal.h"

#include <math.h>

static double scale(const tal_search *search, const tal_composition *query,
                    const tal_composition *ref, int32_t score)
{
    int32_t ratio = tal_scaling_ratio(&search->params.scaling, query, ref);
    return (double)score * ratio / TAL_SCALING_UNIT;
}

static tal_composition composition_of(const tal_search *search, tal_lid lid)
{
    return tal_composition_of(tal_seqset_residues(search->references, lid),
                              (size_t)tal_seqset_len(search->references, lid));
}

double tal_search_scaled_score(const tal_search *search, tal_lid query, tal_lid lid, int32_t score)
{
    if (search->params.composition != TAL_COMPOSITION_ADJUST)
        return score;
    tal_composition ref = composition_of(search, lid);
    return scale(search, &search->views[query].composition, &ref, score);
}

bool tal_search_is_significant(const tal_search *search, tal_lid query, tal_lid lid, int32_t score)
{
    const tal_search_params *params = &search->params;
    if (params->composition != TAL_COMPOSITION_ADJUST || !(params->evalue < INFINITY))
        return true;
    tal_search_space space = tal_search_space_of(search, query);
    return tal_stats_evalue_scaled(&params->stats, &space,
                                   tal_search_scaled_score(search, query, lid, score),
                                   tal_seqset_len(search->references, lid)) <= params->evalue;
}

bool tal_search_is_mirror_significant(const tal_search *search, tal_lid query, tal_lid lid,
                                      int32_t score)
{
    const tal_search_params *params = &search->params;
    if (params->composition != TAL_COMPOSITION_ADJUST || !(params->evalue < INFINITY))
        return true;
    tal_search_space space = tal_search_space_of(search, query);
    space.query_len = tal_seqset_len(search->references, lid);
    tal_composition composition = composition_of(search, lid);
    double scaled = scale(search, &composition, &search->views[query].composition, score);
    return tal_stats_evalue_scaled(&params->stats, &space, scaled,
                                   tal_seqset_len(search->queries, query)) <= params->evalue;
}
