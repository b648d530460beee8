/* Exact search of query blocks: life and phases; see search.h. */
#include "search/search_internal.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/clock.h"
#include "score/bias.h"
#include "score/profile.h"

#include <stdlib.h>
#include <string.h>

static void worker_deinit(tal_search_worker *worker)
{
    tal_free(worker->histogram);
    tal_buffer_deinit(&worker->mirrored);
    tal_buffer_deinit(&worker->traced);
    tal_buffer_deinit(&worker->letters);
    tal_tracer_destroy(worker->tracer);
    tal_ladder_scratch_deinit(&worker->ladder);
    tal_batch_deinit(&worker->gathered);
    tal_batch_deinit(&worker->batch);
}

void tal_search_destroy(tal_search *search)
{
    if (search == NULL)
        return;
    tal_hit_rows_deinit(&search->rows);
    tal_buffer_deinit(&search->received);
    tal_buffer_deinit(&search->moved);
    tal_free(search->query_hits);
    tal_free(search->filter_cuts);
    tal_free(search->codes);
    tal_free(search->profiles);
    tal_free(search->views);
    tal_device_pass_destroy(search->device_pass);
    tal_mirrors_destroy(search->mirrors);
    tal_pending_destroy(search->pending);
    if (search->expander == NULL)
        tal_candidates_destroy(search->candidates);
    tal_expander_destroy(search->expander);
    tal_accum_destroy(search->accum);
    for (int i = 0; search->workers != NULL && i < tal_team_size(search->team); i++)
        worker_deinit(&search->workers[i]);
    free(search->workers);
    tal_tiles_destroy(search->tiles);
    tal_free(search->own_order);
    tal_free(search);
}

static tal_status create_workers(tal_search *search)
{
    int count = tal_team_size(search->team);
    size_t bytes = (size_t)count * sizeof(*search->workers);
    search->workers = aligned_alloc(TAL_LINE_BYTES, bytes);
    if (search->workers == NULL)
        return tal_fail(TAL_ERR_MEMORY, "out of memory: cannot get %d workers", count);
    memset(search->workers, 0, bytes);
    for (int i = 0; i < count; i++) {
        tal_search_worker *worker = &search->workers[i];
        tal_status status = tal_tracer_create(search->params.trace_bytes, &worker->tracer);
        if (status != TAL_OK)
            return status;
        tal_tracer_use_kernels(worker->tracer, &search->ladder.table);
        worker->histogram = tal_alloc_zero(TAL_HISTOGRAM_BINS * sizeof(*worker->histogram));
        if (worker->histogram == NULL)
            return TAL_ERR_MEMORY;
    }
    return TAL_OK;
}

void tal_search_use(tal_search *search, const tal_tile_view *view)
{
    bool is_own = view == NULL;
    search->references = is_own ? search->own_references : view->set;
    search->order = is_own ? search->own_order : view->order;
    search->order_count = is_own ? search->own_order_count : view->order_count;
    search->pair_count = is_own ? search->own_pair_count : view->pair_count;
    search->holder = is_own ? (uint32_t)tal_comm_rank(search->comm) : view->holder;
    search->holder_lids = is_own ? NULL : view->lids;
    /* Batches are told apart by their place in the order. */
    for (int i = 0; i < tal_team_size(search->team); i++)
        search->workers[i].has_batch = false;
}

/* This rank's references in order and in tiles. Collective; not agreed. */
static tal_status plan_references(tal_search *search)
{
    const tal_search_params *params = &search->params;
    tal_ladder_rates rates = tal_ladder_rates_of(&search->ladder);
    tal_status status =
        tal_plan_order(search->own_references, &search->own_order, &search->own_order_count);
    if (params->has_sharing)
        status = tal_comm_agree(search->comm, status);
    if (status != TAL_OK)
        return status;
    /* Gapless kernels know whole batches only; filter.c takes long references out afterwards. */
    if (!params->is_filtered)
        search->own_pair_count = tal_plan_pair_count(search->own_references, search->own_order,
                                                     search->own_order_count, rates);
    tal_tiles_params tiles = {
        .set = search->own_references,
        .order = search->own_order,
        .order_count = search->own_order_count,
        .pair_count = search->own_pair_count,
        .rates = rates,
        .has_pairs = !params->is_filtered,
        .spill = params->spill,
        .run_begin = params->run_begin,
        .is_shared = params->has_sharing,
        .is_whole = params->device != NULL,
        .is_other_first = params->is_other_first,
        .is_recut = params->is_mirrored,
    };
    return tal_tiles_create(search->comm, &tiles, &search->tiles);
}

tal_status tal_search_create(tal_comm *comm, tal_team *team, const tal_search_params *params,
                             const tal_seqset *references, tal_search **out_search)
{
    TAL_ASSERT(params->has_plus || params->has_minus);
    TAL_ASSERT(!params->is_filtered || params->mode == TAL_LOCAL);
    TAL_ASSERT(!params->has_reversed_null || (params->stats.is_known && params->mode == TAL_LOCAL));
    TAL_ASSERT(!params->is_mirrored || (!params->is_filtered && params->mode == TAL_LOCAL));
    TAL_ASSERT(!params->is_mirrored || (params->spill == NULL && params->device == NULL));
    tal_search *search = tal_alloc_zero(sizeof(*search));
    if (search == NULL)
        return TAL_ERR_MEMORY;
    search->comm = comm;
    search->team = team;
    search->params = *params;
    search->own_references = references;
    search->ladder = (tal_ladder){
        .mode = params->mode,
        .gaps = params->gaps,
        .score_max = params->matrix->score_max,
        .score_min = params->matrix->score_min,
    };
    if (params->composition == TAL_COMPOSITION_BIAS) {
        search->ladder.score_max += TAL_BIAS_MAX;
        search->ladder.score_min -= TAL_BIAS_MAX;
    }
    tal_kernel_table_init(&search->ladder.table, params->isa);
    tal_status status = create_workers(search);
    /* What is collective comes before what a rank may leave out. */
    if (params->has_sharing)
        status = tal_comm_agree(comm, status);
    if (status == TAL_OK)
        status = plan_references(search);
    if (status == TAL_OK && params->is_mirrored)
        status = tal_mirrors_create(search, &search->mirrors);
    if (status != TAL_OK)
        goto done;
    tal_search_use(search, NULL);
    status = tal_accum_create(tal_team_size(team), TAL_COUNT_COUNT, &search->accum);
    if (status != TAL_OK)
        goto done;
    if (params->expansion != NULL)
        status = tal_expander_create(search, &search->expander);
    else
        status = tal_candidates_create(params->hit_limit, &search->candidates);
    if (status == TAL_OK && (params->is_filtered || params->expansion != NULL))
        status = tal_pending_create(&search->pending);
    if (status != TAL_OK)
        goto done;
    status = tal_device_pass_create(search, &search->device_pass);
    if (status != TAL_OK)
        goto done;
    *out_search = search;
    search = NULL; /* Now the caller's. */
done:
    tal_search_destroy(search);
    return status;
}

void tal_search_counts(const tal_search *search, uint64_t *out_values)
{
    tal_accum_sum(search->accum, out_values);
}

tal_tiles_counts tal_search_tiles(const tal_search *search)
{
    return tal_tiles_counts_get(search->tiles);
}

tal_search_times tal_search_times_get(const tal_search *search)
{
    return search->times;
}

/* Room for the block's views, profiles and counts. */
static tal_status reserve_block(tal_search *search)
{
    tal_lid query_count = tal_seqset_count(search->queries);
    if (query_count > search->view_capacity) {
        tal_free(search->views);
        tal_free(search->query_hits);
        tal_free(search->filter_cuts);
        search->view_capacity = 0;
        search->views = tal_alloc_array(query_count, sizeof(*search->views));
        search->query_hits = tal_alloc_array((size_t)query_count + 1, sizeof(*search->query_hits));
        search->filter_cuts = tal_alloc_array(query_count, sizeof(*search->filter_cuts));
        if (search->views == NULL || search->query_hits == NULL || search->filter_cuts == NULL)
            return TAL_ERR_MEMORY;
        search->view_capacity = query_count;
    }
    /* Two rows make a 64-byte line: every profile begins on one. */
    size_t strand_rows = (size_t)tal_seqset_residue_count(search->queries) + query_count;
    size_t rows = strand_rows * (search->params.has_plus && search->params.has_minus ? 2 : 1);
    if (rows > search->profile_capacity) {
        tal_free(search->profiles);
        tal_free(search->codes);
        search->profile_capacity = 0;
        search->profiles = tal_alloc_vector(rows * TAL_PROFILE_STRIDE);
        search->codes = tal_alloc(3 * strand_rows);
        if (search->profiles == NULL || search->codes == NULL)
            return TAL_ERR_MEMORY;
        search->profile_capacity = rows;
    }
    return TAL_OK;
}

static tal_status check_lengths(const tal_search *search)
{
    int32_t longest = 0;
    tal_lid which = 0;
    for (tal_lid query = 0; query < tal_seqset_count(search->queries); query++)
        if (tal_seqset_len(search->queries, query) > longest) {
            longest = tal_seqset_len(search->queries, query);
            which = query;
        }
    if (longest == 0 || tal_ladder_fits(&search->ladder, longest, (int64_t)search->params.len_max))
        return TAL_OK;
    const char *header = tal_seqset_header(search->queries, which);
    return tal_fail(TAL_ERR_DATA,
                    "query '%.*s' of %d residues and references of up to %llu residues can pass "
                    "the largest score, 2^30; use smaller scores or cut the sequences",
                    (int)tal_header_id_bytes(header), header, longest,
                    (unsigned long long)search->params.len_max);
}

/* The codes and profiles of a query; returns where its rows end. `codes` has room for three. */
static size_t prepare_query(tal_search *search, tal_lid query, size_t row, uint8_t *codes)
{
    const tal_search_params *params = &search->params;
    const tal_seqset *set = search->queries;
    size_t len = (size_t)tal_seqset_len(set, query);
    const uint8_t *scored = tal_seqset_residues(set, query);
    uint8_t *reverse_scored = codes + 2 * len;
    tal_query_view *view = &search->views[query];
    *view = (tal_query_view){.codes = {codes, NULL}};
    if (params->composition == TAL_COMPOSITION_ADJUST)
        view->composition = tal_composition_of(scored, len);
    (void)tal_seqset_copy_letters(set, query, 0, (int32_t)len, codes); /* Masked or not. */
    if (params->has_minus) {
        tal_nucleotide_reverse_complement(codes, len, codes + len);
        tal_nucleotide_reverse_complement(scored, len, reverse_scored);
        view->codes[1] = codes + len;
    }
    for (int strand = 0; strand < 2; strand++) {
        if (!(strand == 0 ? params->has_plus : params->has_minus))
            continue;
        int8_t *profile = search->profiles + row * TAL_PROFILE_STRIDE;
        tal_profile_build(params->matrix, strand == 0 ? scored : reverse_scored, len, profile);
        if (params->composition == TAL_COMPOSITION_BIAS) {
            int8_t *bias = (int8_t *)(codes + len); /* Of proteins: no other strand. */
            tal_bias_find(params->matrix, scored, len, bias);
            tal_bias_apply(bias, len, profile);
        }
        view->profile[strand] = profile;
        row += (len + 1) / 2 * 2;
    }
    return row;
}

tal_status tal_search_prepare(tal_search *search)
{
    tal_status status = check_lengths(search);
    if (status == TAL_OK)
        status = reserve_block(search);
    if (status != TAL_OK)
        return status;
    size_t row = 0;
    size_t code_at = 0;
    for (tal_lid query = 0; query < tal_seqset_count(search->queries); query++) {
        row = prepare_query(search, query, row, search->codes + code_at);
        code_at += 3 * (size_t)tal_seqset_len(search->queries, query);
    }
    if (search->expander != NULL)
        tal_expand_begin(search);
    status = tal_candidates_reset(search->candidates, tal_seqset_count(search->queries));
    if (status == TAL_OK && search->params.is_filtered)
        status = tal_filter_begin(search);
    return status;
}

static double seconds_since(uint64_t start_ns)
{
    return (double)(tal_clock_ns() - start_ns) * 1e-9;
}

tal_status tal_search_block(tal_search *search, const tal_seqset *queries, tal_block_hits *out_hits)
{
    search->queries = queries;
    uint64_t start = tal_clock_ns();
    tal_status status = tal_search_prepare(search);
    if (search->mirrors != NULL)
        status = tal_mirrors_begin(search, status);
    if (status == TAL_OK)
        status = tal_search_score(search);
    search->times.score += seconds_since(start);

    start = tal_clock_ns();
    status = tal_comm_agree(search->comm, status);
    search->times.wait += seconds_since(start);
    tal_tiles_reset(search->tiles);
    if (status != TAL_OK)
        return status;
    if (search->expander != NULL)
        status = tal_expand_score(search);
    if (status != TAL_OK)
        return status;
    start = tal_clock_ns();
    status = tal_search_select(search);
    search->times.exchange += seconds_since(start);
    if (status != TAL_OK)
        return status;
    start = tal_clock_ns();
    status = tal_search_trace(search);
    if (search->expander != NULL) {
        status = tal_comm_agree(search->comm, status);
        if (status == TAL_OK)
            status = tal_expand_trace(search);
    }
    search->times.trace += seconds_since(start);

    start = tal_clock_ns();
    status = tal_comm_agree(search->comm, status);
    search->times.wait += seconds_since(start);
    if (status != TAL_OK)
        return status;
    start = tal_clock_ns();
    status = tal_search_gather(search, out_hits);
    if (status == TAL_OK && search->mirrors != NULL)
        status = tal_mirrors_end(search);
    search->times.exchange += seconds_since(start);
    return status;
}
