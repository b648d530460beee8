/* Keeping to --memory: the plan of a search, and references on disk; see search_run.h. */
#include "app/search_run.h"

#include "app/memory_plan.h"
#include "base/log.h"
#include "seq/plan.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* What MPI and HDF5 take later than now. */
#define LATER_BYTES (UINT64_C(24) << 20)
/* Of the limit, tracing may have one part in so many; but no less than this for a thread. */
enum { TRACE_SHARE = 8, TRACE_BYTES_MIN = 4 << 20 };

uint64_t tal_search_run_memory_limit(const tal_search_run *self)
{
    return tal_run_is_given(self->run, "memory") ? (uint64_t)tal_run_int(self->run, "memory") : 0;
}

tal_status tal_search_run_open_job(tal_search_run *self)
{
    const char *output = tal_run_text(self->run, "output");
    tal_status status = tal_result_check_path(self->comm, output, tal_run_flag(self->run, "force"));
    if (status == TAL_OK)
        status = tal_job_open(self->comm, output, &self->job);
    if (status != TAL_OK)
        return status;
    char value[64];
    if (tal_job_find_parameter(self->job, TAL_GRID_QUERIES, value, sizeof(value))) {
        unsigned long long count = strtoull(value, NULL, 10);
        self->grid_queries = count <= BLOCK_QUERIES ? (tal_lid)count : 0; /* 0: then refused. */
    }
    self->is_begun_twice =
        tal_job_find_parameter(self->job, TAL_GRID_PAIRS, value, sizeof(value)) &&
        strcmp(value, TAL_GRID_PAIRS_TWICE) == 0;
    return TAL_OK;
}

tal_lid tal_search_run_block_queries(const tal_search_run *self)
{
    if (self->grid_queries > 0)
        return self->grid_queries;
    uint64_t limit = tal_search_run_memory_limit(self);
    if (limit == 0)
        return BLOCK_QUERIES;
    uint64_t hits = (uint64_t)tal_run_int(self->run, "max-hits");
    return (tal_lid)tal_memory_block_queries(limit, hits, BLOCK_QUERIES);
}

tal_memory_needs tal_search_run_needs(const tal_search_run *self)
{
    return (tal_memory_needs){
        .block_queries = tal_search_run_block_queries(self),
        .block_residues = BLOCK_RESIDUES,
        .is_grid_fixed = self->grid_queries > 0,
        .hit_limit = self->params.hit_limit,
        .trace_bytes = self->params.trace_bytes,
        .strand_count = self->params.has_plus && self->params.has_minus ? 2 : 1,
        .thread_count = tal_team_size(self->team),
    };
}

void tal_search_run_limit_trace(tal_search_run *self)
{
    uint64_t limit = tal_search_run_memory_limit(self);
    uint64_t share = limit / TRACE_SHARE / (uint64_t)tal_team_size(self->team);
    share = share < TRACE_BYTES_MIN ? TRACE_BYTES_MIN : share;
    if (limit > 0 && share < self->params.trace_bytes)
        self->params.trace_bytes = (size_t)share;
}

/* Count a set by reading it. Collective; agreed status. */
static tal_status count_set(tal_search_run *self, bool is_query, tal_counted_set *counted,
                            tal_set_info *out_info)
{
    tal_load_params load = tal_search_run_load(self, is_query);
    tal_stream *stream = NULL;
    tal_status status = tal_stream_open(self->comm, &load, BLOCK_RESIDUES, BLOCK_QUERIES, &stream);
    if (status == TAL_OK)
        status = tal_memory_count(stream, counted);
    if (status == TAL_OK) {
        *out_info = *tal_stream_info(stream);
        out_info->files = NULL; /* The stream's. */
        out_info->file_count = 0;
    }
    tal_stream_close(stream);
    return status;
}

/* What the inputs need; pipes are taken as one block of queries, and as references that do not fit.
 * Collective; agreed status. */
static tal_status count_inputs(tal_search_run *self, tal_memory_needs *needs)
{
    tal_load_params queries = tal_search_run_load(self, true);
    tal_load_params references = tal_search_run_load(self, false);
    tal_counted_set counted = {0};
    tal_set_info info = {.sequence_count = needs->block_queries,
                         .residue_count = BLOCK_RESIDUES,
                         .len_max = BLOCK_RESIDUES};
    tal_status status = TAL_OK;
    if (tal_load_is_repeatable(self->comm, &queries))
        status = count_set(self, true, &counted, &info);
    needs->query_count = info.sequence_count;
    needs->query_residues = info.residue_count;
    needs->query_len_max = info.len_max;
    needs->query_header_bytes = counted.header_bytes;
    if (status != TAL_OK)
        return status;
    if (self->container != NULL) {
        info = tal_search_run_representative_info(self);
        needs->record_count = tal_search_run_reduced_info(self).sequence_count;
        needs->reference_count = info.sequence_count;
        needs->reference_residues = info.residue_count;
        needs->reference_len_max = info.len_max;
        return TAL_OK;
    }
    if (!tal_load_is_repeatable(self->comm, &references)) {
        needs->reference_count = UINT32_MAX;
        needs->reference_residues = UINT64_C(1) << 40;
        needs->reference_len_max = BLOCK_RESIDUES;
        return TAL_OK;
    }
    status = count_set(self, false, &counted, &info);
    needs->reference_count = info.sequence_count;
    needs->reference_residues = info.residue_count;
    needs->reference_len_max = info.len_max;
    needs->reference_header_bytes = counted.header_bytes;
    return status;
}

tal_status tal_search_run_fit(tal_search_run *self)
{
    const uint64_t rank_count = (uint64_t)tal_comm_size(self->comm);
    const uint64_t limit = tal_search_run_memory_limit(self);
    tal_memory_needs needs = tal_search_run_needs(self);
    tal_memory_plan plan;
    if (limit == 0)
        return tal_memory_plan_fit_reduced(&needs, rank_count, 0, &plan, &self->fetch_residues);
    tal_status status = count_inputs(self, &needs);
    if (status != TAL_OK)
        return status;
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        needs.base_bytes = (uint64_t)usage.ru_maxrss * 1024 + LATER_BYTES;
    tal_comm_max_u64(self->comm, &needs.base_bytes, 1);
    if (self->container != NULL)
        return tal_comm_agree(
            self->comm,
            tal_memory_plan_fit_reduced(&needs, rank_count, limit, &plan, &self->fetch_residues));
    status = tal_memory_plan_fit(&needs, rank_count, limit, &plan);
    if (status == TAL_OK)
        self->tile_residues = plan.tile_residues;
    return tal_comm_agree(self->comm, status);
}

static tal_status mask_tile(void *context, tal_seqset *set)
{
    tal_search_run *self = context;
    return tal_mask_set(self->team, self->reference_mask, self->params.isa, set);
}

/* What the stream knows, to outlive it. */
static tal_status copy_info(const tal_set_info *from, const tal_load_params *load,
                            tal_set_info *out_info)
{
    tal_set_info info;
    tal_status status = tal_set_info_init(&info, load);
    if (status != TAL_OK)
        return status;
    info.alphabet = from->alphabet;
    info.sequence_count = from->sequence_count;
    info.residue_count = from->residue_count;
    info.len_max = from->len_max;
    for (size_t i = 0; i < from->file_count; i++) {
        char *path = info.files[i].path;
        info.files[i] = from->files[i];
        info.files[i].path = path;
    }
    *out_info = info;
    return TAL_OK;
}

tal_status tal_search_run_spill(tal_search_run *self)
{
    char path[PATH_MAX];
    tal_load_params load = tal_search_run_load(self, false);
    tal_stream *stream = NULL;
    (void)snprintf(path, sizeof(path), "%.*s/references", PATH_MAX - 64, tal_job_folder(self->job));
    tal_lid record_max =
        (tal_lid)(self->tile_residues < UINT32_MAX / 2 ? self->tile_residues : UINT32_MAX / 2);
    tal_status status =
        tal_stream_open(self->comm, &load, self->tile_residues, record_max, &stream);
    if (status == TAL_OK)
        status = tal_spill_create(self->comm, path, stream, mask_tile, self, &self->spill);
    if (status == TAL_OK) {
        status = tal_seqset_create(tal_stream_alphabet(stream), &self->references);
        if (status == TAL_OK)
            status = copy_info(tal_stream_info(stream), &load, &self->reference_info);
        status = tal_comm_agree(self->comm, status);
    }
    tal_stream_close(stream);
    if (status == TAL_OK)
        tal_log(TAL_LOG_INFO,
                "references do not fit in --memory: %zu tiles of rank 0 on disk, read for each "
                "block of up to %u queries",
                tal_spill_count(self->spill, 0), tal_search_run_block_queries(self));
    self->params.spill = self->spill;
    return status;
}
