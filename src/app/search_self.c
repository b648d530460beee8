/* Whether a search is of a set against itself, and each pair needs scoring only once; see
 * search_run.h. */
#include "app/search_run.h"

#include "base/log.h"

#include <sys/stat.h>

/* NULL when scores do not depend on which sequence is the query, else why not. */
static const char *find_asymmetry(const tal_search_run *self)
{
    const tal_search_params *params = &self->params;
    if (params->is_filtered)
        return "filtered searches look at every second position of the reference only";
    if (params->mode != TAL_LOCAL)
        return "the alignment is not local";
    if (params->composition == TAL_COMPOSITION_BIAS)
        return "--composition bias changes the query's scores";
    if (self->query_mask != self->reference_mask)
        return "the two sides are not masked alike";
    if (!tal_matrix_is_symmetric(params->matrix, params->has_minus))
        return "the matrix is not symmetric";
    return NULL;
}

const char *tal_search_run_why_twice(const tal_search_run *self)
{
    if (tal_run_choice(self->run, "symmetry") == 1)
        return "--symmetry off";
    if (tal_search_run_memory_limit(self) > 0)
        return "--memory: what is found for later queries is not in its plan";
    if (self->is_begun_twice)
        return "the unfinished work was begun so";
    if (self->params.expansion != NULL)
        return "--expand: the references are representatives";
    if (self->device != NULL)
        return "a device computes every pair";
    return find_asymmetry(self);
}

bool tal_search_run_is_same(const tal_set_info *queries, const tal_set_info *references)
{
    if (queries->file_count != references->file_count)
        return false;
    for (size_t i = 0; i < queries->file_count; i++) {
        const tal_file_info *query = &queries->files[i];
        const tal_file_info *reference = &references->files[i];
        if (query->hash != reference->hash || query->sequence_count != reference->sequence_count ||
            query->residue_count != reference->residue_count)
            return false;
    }
    return true;
}

/* What the names of files tell. */
typedef enum guess { GUESS_DIFFERENT = 0, GUESS_MAYBE, GUESS_SAME } guess;

/* Files of equal size may be the same, one file under two names is. Rank 0 looks. */
static guess guess_by_name(const tal_search_run *self)
{
    uint64_t result = GUESS_SAME;
    size_t count =
        self->query_path_count == self->reference_path_count ? self->query_path_count : 0;
    if (count == 0)
        result = GUESS_DIFFERENT;
    for (size_t i = 0; i < count && tal_comm_rank(self->comm) == 0; i++) {
        struct stat query;
        struct stat reference;
        guess file = GUESS_DIFFERENT;
        if (stat(self->query_paths[i], &query) == 0 &&
            stat(self->reference_paths[i], &reference) == 0 && S_ISREG(query.st_mode) &&
            S_ISREG(reference.st_mode) && query.st_size == reference.st_size)
            file = query.st_dev == reference.st_dev && query.st_ino == reference.st_ino
                       ? GUESS_SAME
                       : GUESS_MAYBE;
        result = file < result ? file : result;
    }
    tal_comm_broadcast(self->comm, &result, sizeof(result), 0);
    return (guess)result;
}

/* Compare fingerprints by reading the queries once more. Collective; agreed status. */
static tal_status compare_fingerprints(tal_search_run *self, bool *out_is_same)
{
    tal_load_params load = tal_search_run_load(self, true);
    tal_stream *stream = NULL;
    tal_counted_set counted;
    tal_status status = tal_stream_open(self->comm, &load, BLOCK_RESIDUES, BLOCK_QUERIES, &stream);
    if (status == TAL_OK)
        status = tal_memory_count(stream, &counted);
    if (status == TAL_OK)
        *out_is_same = tal_search_run_is_same(tal_stream_info(stream), &self->reference_info);
    tal_stream_close(stream);
    return status;
}

/* What earlier blocks left for these queries. */
static tal_status take(void *context, const tal_mirror *mirrors, size_t count)
{
    return tal_search_add_mirrors(context, mirrors, count);
}

static tal_status read_mirrors(void *context, tal_search *search, tal_gid query_begin,
                               tal_gid query_end)
{
    const tal_search_run *self = context;
    return tal_job_read_mirrors(self->job, self->block_count, query_begin, query_end, take, search);
}

tal_status tal_search_run_find_self(tal_search_run *self)
{
    guess names = guess_by_name(self);
    bool is_same = names == GUESS_SAME;
    uint64_t is_twice = tal_search_run_why_twice(self) != NULL ? 1 : 0;
    tal_comm_max_u64(self->comm, &is_twice, 1); /* Devices may differ. */
    if (names == GUESS_DIFFERENT)
        return TAL_OK;
    if (names == GUESS_MAYBE && is_twice == 0) {
        tal_status status = compare_fingerprints(self, &is_same);
        if (status != TAL_OK)
            return status;
    }
    if (!is_same)
        return TAL_OK;
    const char *why = tal_search_run_why_twice(self);
    why = why == NULL ? "a device computes every pair" : why; /* Of another rank. */
    self->params.is_mirrored = is_twice == 0;
    self->params.read_mirrors = read_mirrors;
    self->params.mirror_context = self;
    tal_log(TAL_LOG_INFO, "queries and references are the same: each pair is scored %s%s",
            is_twice == 0 ? "once" : "from both sides: ", is_twice == 0 ? "" : why);
    return TAL_OK;
}
