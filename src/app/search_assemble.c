/* The result file from the finished blocks of a search; see search_run.h. */
#include "app/search_run.h"

#include "base/alloc.h"
#include "base/log.h"

#include <inttypes.h>
#include <string.h>

/* The references that the result names: those of this rank, or, where they are on disk, only those
 * that were hit, without residues. */
typedef struct named {
    bool *is_hit;
    tal_seqset *set;            /* NULL: the search's own */
    tal_buffer lens;            /* int32_t, of `set` */
    tal_buffer representatives; /* tal_gid, of `set`; expanded only */
} named;

static void named_deinit(named *names)
{
    tal_buffer_deinit(&names->representatives);
    tal_buffer_deinit(&names->lens);
    tal_seqset_destroy(names->set);
    tal_free(names->is_hit);
}

/* Those of a tile that were hit. is_hit: of the gids of the tile, from its first. */
static tal_status name_tile(tal_search_run *self, size_t idx, const bool *is_hit, tal_seqset *tile,
                            named *names)
{
    int rank = tal_comm_rank(self->comm);
    const tal_spill_tile *place = tal_spill_tile_get(self->spill, rank, idx);
    if (memchr(is_hit, true, place->count) == NULL)
        return TAL_OK;
    tal_status status = tal_spill_read(self->spill, rank, idx, tile);
    for (tal_lid lid = 0; lid < place->count && status == TAL_OK; lid++) {
        tal_gid gid = tal_seqset_gid(tile, lid);
        if (!is_hit[gid - place->gid_begin])
            continue;
        const char *header = tal_seqset_header(tile, lid);
        int32_t len = tal_seqset_len(tile, lid);
        status = tal_seqset_append(names->set, gid, NULL, 0, header, strlen(header));
        if (status == TAL_OK)
            status = tal_buffer_append(&names->lens, &len, sizeof(len));
    }
    return status;
}

/* The same for all tiles of this rank, whose gids follow one another. */
static tal_status name_tiles(tal_search_run *self, named *names)
{
    tal_seqset *tile = NULL;
    tal_alphabet alphabet = self->reference_info.alphabet;
    tal_status status = tal_seqset_create(alphabet, &names->set);
    if (status == TAL_OK)
        status = tal_seqset_create(alphabet, &tile);
    const bool *is_hit = names->is_hit;
    int rank = tal_comm_rank(self->comm);
    for (size_t i = 0; i < tal_spill_count(self->spill, rank) && status == TAL_OK; i++) {
        status = name_tile(self, i, is_hit, tile, names);
        is_hit += tal_spill_tile_get(self->spill, rank, i)->count;
    }
    tal_seqset_destroy(tile);
    if (status == TAL_OK)
        memset(names->is_hit, true, tal_seqset_count(names->set));
    return status;
}

/* Of a reduced set: the records that were hit, and their representatives. Collective; agreed
 * status.
 */
static tal_status find_expanded(tal_search_run *self, named *names)
{
    tal_gid begin, end;
    tal_families_text_share(self->families, &begin, &end);
    const tal_job_references references = {.gid_begin = begin, .count = (tal_lid)(end - begin)};
    bool *is_wanted = tal_alloc_zero((size_t)(end - begin) + 1);
    tal_status status = is_wanted == NULL ? TAL_ERR_MEMORY : TAL_OK;
    if (end - begin > UINT32_MAX)
        status = tal_fail(TAL_ERR_DATA, "more than %u sequences on one rank; use more ranks",
                          UINT32_MAX);
    status = tal_comm_agree(self->comm, status);
    if (status == TAL_OK)
        status = tal_job_mark_hits(self->job, &references, self->params.sequence_count, is_wanted);
    tal_named_records records = {0};
    if (status == TAL_OK)
        status = tal_families_name(self->families, is_wanted, &records);
    tal_free(is_wanted);
    if (status != TAL_OK)
        return status;
    names->set = records.set;
    names->lens = records.lens;
    names->representatives = records.representatives;
    names->is_hit = tal_alloc_zero((size_t)tal_seqset_count(names->set) + 1);
    if (names->is_hit != NULL)
        memset(names->is_hit, true, tal_seqset_count(names->set));
    return tal_comm_agree(self->comm, names->is_hit == NULL ? TAL_ERR_MEMORY : TAL_OK);
}

/* Collective; agreed status. */
static tal_status find_named(tal_search_run *self, named *names)
{
    int rank = tal_comm_rank(self->comm);
    bool is_on_disk = self->spill != NULL;
    tal_job_references references = {.set = self->references};
    tal_lid count = tal_seqset_count(self->references);
    if (is_on_disk) {
        count = tal_spill_reference_count(self->spill, rank);
        references = (tal_job_references){.count = count};
        if (count > 0)
            references.gid_begin = tal_spill_tile_get(self->spill, rank, 0)->gid_begin;
    }
    names->is_hit = tal_alloc_zero(((size_t)count + 1) * sizeof(*names->is_hit));
    tal_status status = names->is_hit == NULL ? TAL_ERR_MEMORY : TAL_OK;
    status = tal_comm_agree(self->comm, status);
    if (status == TAL_OK)
        status =
            tal_job_mark_hits(self->job, &references, self->params.sequence_count, names->is_hit);
    if (status == TAL_OK && is_on_disk)
        status = tal_comm_agree(self->comm, name_tiles(self, names));
    return status;
}

/* The finished blocks into the result file, in query order. */
static tal_status append_blocks(tal_search_run *self, tal_result_writer *writer)
{
    for (uint64_t index = 0; index < self->block_count; index++) {
        const tal_seqset *block;
        tal_block_hits hits;
        tal_status status = tal_job_read(self->job, index, &block, &hits);
        tal_wait_for what = {TAL_WAIT_RANKS, "append to the result", NULL};
        tal_wait_mark mark = tal_wait_begin(&what);
        if (status == TAL_OK)
            status = tal_result_append(writer, block, &hits);
        tal_wait_end(mark);
        if (status != TAL_OK)
            return status;
    }
    return TAL_OK;
}

static void print_summary(const tal_result_attribute *list, size_t count, const char *path)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i].type == TAL_ATTRIBUTE_TEXT)
            tal_log(TAL_LOG_INFO, "  %-20s %s", list[i].name, list[i].text);
        else if (list[i].type == TAL_ATTRIBUTE_U64)
            tal_log(TAL_LOG_INFO, "  %-20s %" PRIu64, list[i].name, list[i].u64);
        else
            tal_log(TAL_LOG_INFO, "  %-20s %.2f", list[i].name, list[i].f64);
    }
    tal_log(TAL_LOG_INFO, "result: %s", path);
}

/* Cells scored in this run, over all ranks: what its time is to be compared with. */
static uint64_t count_run_cells(const tal_search_run *self)
{
    uint64_t counts[TAL_COUNT_COUNT];
    tal_search_counts(self->search, counts);
    tal_comm_accumulate_u64(self->comm, counts, TAL_COUNT_COUNT);
    tal_comm_broadcast(self->comm, counts, sizeof(counts), 0);
    return counts[TAL_COUNT_CELLS] - counts[TAL_COUNT_MIRRORED_CELLS];
}

/* Write what is known only now and give the file its name; takes the writer. */
static tal_status close_result(tal_search_run *self, tal_result_writer *writer, const named *names)
{
    uint64_t counts[TAL_COUNT_COUNT];
    tal_job_counts(self->job, counts, TAL_COUNT_COUNT);
    /* Before the last wait for all ranks: so no rank's times are longer than `seconds`. */
    const tal_traffic_sums timed = tal_traffic_sum(self->comm);
    uint64_t run_cells = count_run_cells(self);
    double seconds = tal_search_run_seconds(self->start_ns);
    tal_comm_broadcast(self->comm, &seconds, sizeof(seconds), 0);

    tal_result_attribute parameters[ATTRIBUTE_LIMIT];
    tal_result_attribute summary[ATTRIBUTE_LIMIT];
    tal_result_attribute rank_numbers[ATTRIBUTE_LIMIT];
    size_t summary_count = tal_search_run_summary(self, counts, run_cells, seconds, summary);
    tal_result_closing closing = {
        .references = names->set != NULL ? names->set : self->references,
        .is_hit = names->is_hit,
        .lens = names->set != NULL ? (const int32_t *)(const void *)names->lens.data : NULL,
        .representatives = self->container == NULL
                               ? NULL
                               : (const tal_gid *)(const void *)names->representatives.data,
        .has_representatives = self->container != NULL,
        .query_info = tal_stream_info(self->stream),
        .reference_info = &self->reference_info,
        .parameters = parameters,
        .parameter_count = tal_search_run_parameters(self, parameters),
        .summary = summary,
        .summary_count = summary_count,
        .histogram = counts + TAL_COUNT_HISTOGRAM,
        .histogram_count = TAL_HISTOGRAM_BINS,
        .rank_numbers = rank_numbers,
        .rank_number_count = tal_search_run_rank_numbers(self, &timed, rank_numbers),
    };
    tal_status status = tal_result_finish(writer, &closing);
    if (status == TAL_OK) {
        print_summary(summary, summary_count, tal_run_text(self->run, "output"));
        tal_diagnosis_show(&self->diagnosis);
        if (tal_run_flag(self->run, "stats"))
            tal_search_run_show_tiles(self);
    }
    return status;
}

tal_status tal_search_run_assemble(tal_search_run *self)
{
    tal_io_stretch io = tal_io_begin(self);
    tal_result_writer *writer = NULL;
    named names = {0};
    tal_status status =
        self->container != NULL ? find_expanded(self, &names) : find_named(self, &names);
    if (status == TAL_OK)
        status = tal_result_create(self->comm, tal_run_text(self->run, "output"),
                                   tal_job_folder(self->job), tal_run_flag(self->run, "force"),
                                   self->reference_info.alphabet, &writer);
    if (status == TAL_OK)
        status = append_blocks(self, writer);
    tal_io_end(self, &io);
    if (status == TAL_OK) {
        status = close_result(self, writer, &names);
        writer = NULL; /* Taken. */
    }
    tal_result_discard(writer);
    named_deinit(&names);
    return status;
}
