/* A partition of sequence files on each rank; see load.h.
 *
 * Plain files first, then the others. Each record is noted with its ordinal in its file; gids
 * follow once the records of all files are counted.
 */
#include "seq/load.h"

#include "base/alloc.h"
#include "seq/load_internal.h"

#include <string.h>
#include <sys/stat.h>

tal_status tal_loader_add_segment(tal_loader *loader, tal_segment segment)
{
    return tal_buffer_append(&loader->segments, &segment, sizeof(segment));
}

static tal_status loader_init(tal_loader *loader)
{
    loader->shares = tal_alloc_zero(loader->params->path_count * sizeof(*loader->shares));
    if (loader->shares == NULL)
        return TAL_ERR_MEMORY;
    return tal_seqset_create(loader->plan.alphabet, &loader->set);
}

static void loader_deinit(tal_loader *loader)
{
    tal_buffer_deinit(&loader->segments);
    tal_free(loader->shares);
    tal_seqset_destroy(loader->set);
    tal_load_plan_deinit(&loader->plan);
}

/* Sum what the ranks read into the info, the same on all of them. Collective. */
static void gather_info(tal_loader *loader, tal_set_info *info)
{
    size_t path_count = loader->params->path_count;
    tal_comm_sum_u64(loader->comm, (uint64_t *)loader->shares, 4 * path_count);
    info->alphabet = loader->plan.alphabet;
    for (size_t i = 0; i < path_count; i++) {
        const tal_file_share *share = &loader->shares[i];
        info->files[i].bytes = share->bytes;
        info->files[i].sequence_count = share->sequence_count;
        info->files[i].residue_count = share->residue_count;
        info->files[i].hash = share->hash;
        info->sequence_count += share->sequence_count;
        info->residue_count += share->residue_count;
    }
    for (tal_lid lid = 0; lid < tal_seqset_count(loader->set); lid++) {
        uint64_t len = (uint64_t)tal_seqset_len(loader->set, lid);
        info->len_max = len > info->len_max ? len : info->len_max;
    }
    tal_comm_max_u64(loader->comm, &info->len_max, 1);
}

/* A file without records is most likely a mistake. The same on every rank. */
static tal_status check_files(const tal_set_info *info)
{
    for (size_t i = 0; i < info->file_count; i++)
        if (info->files[i].sequence_count == 0)
            return tal_fail(TAL_ERR_DATA, "cannot read '%s': it is empty: no sequences",
                            tal_source_name(info->files[i].path));
    return TAL_OK;
}

static tal_status number_records(tal_loader *loader, const tal_set_info *info)
{
    tal_gid *first_gid = tal_alloc_array(info->file_count, sizeof(*first_gid));
    if (first_gid == NULL)
        return TAL_ERR_MEMORY;
    tal_gid next = 0;
    for (size_t i = 0; i < info->file_count; i++) {
        first_gid[i] = next;
        next += info->files[i].sequence_count;
    }
    const tal_segment *segments = (const tal_segment *)(const void *)loader->segments.data;
    size_t segment_count = loader->segments.bytes / sizeof(*segments);
    for (size_t i = 0; i < segment_count; i++) {
        tal_lid end = i + 1 < segment_count ? segments[i + 1].begin : tal_seqset_count(loader->set);
        tal_gid gid = first_gid[segments[i].file] + segments[i].ordinal;
        for (tal_lid lid = segments[i].begin; lid < end; lid++)
            tal_seqset_set_gid(loader->set, lid, gid++);
    }
    tal_free(first_gid);
    return TAL_OK;
}

tal_status tal_load_partition(tal_comm *comm, const tal_load_params *params, tal_seqset **out_set,
                              tal_set_info *out_info)
{
    tal_loader loader = {.comm = comm, .params = params};
    tal_set_info info = {0};
    tal_status status = tal_load_plan_init(&loader.plan, comm, params, false);
    if (status != TAL_OK)
        return status;
    status = loader_init(&loader);
    if (status == TAL_OK)
        status = tal_set_info_init(&info, params);
    status = tal_comm_agree(comm, status);
    if (status == TAL_OK)
        status = tal_loader_read_ranges(&loader);
    if (status == TAL_OK)
        status = tal_loader_read_chunks(&loader);
    if (status != TAL_OK)
        goto done;

    gather_info(&loader, &info);
    status = check_files(&info);
    if (status == TAL_OK)
        status = number_records(&loader, &info);
    status = tal_comm_agree(comm, status);
    if (status != TAL_OK)
        goto done;
    tal_seqset_trim(loader.set);
    *out_set = loader.set;
    loader.set = NULL; /* Now the caller's. */
    *out_info = info;
    info = (tal_set_info){0};
done:
    tal_set_info_deinit(&info);
    loader_deinit(&loader);
    return status;
}

bool tal_load_is_repeatable(tal_comm *comm, const tal_load_params *params)
{
    uint64_t is_pipe = 0;
    for (size_t i = 0; i < params->path_count && tal_comm_rank(comm) == 0; i++) {
        struct stat info;
        bool is_file = stat(params->paths[i], &info) == 0 && S_ISREG(info.st_mode);
        is_pipe |= strcmp(params->paths[i], "-") == 0 || !is_file;
    }
    tal_comm_max_u64(comm, &is_pipe, 1);
    return is_pipe == 0;
}
