/* talaria search --expand: references out of a reduced set; see search_run.h. */
#include "app/search_run.h"

#include "base/log.h"
#include "seq/plan.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whether a file begins as HDF5 files do. What cannot be read is told by who loads it. */
static bool is_hdf5(const char *path)
{
    static const uint8_t signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
    uint8_t start[sizeof(signature)];
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode))
        return false;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return false;
    bool is_alike = pread(descriptor, start, sizeof(start), 0) == (ssize_t)sizeof(start) &&
                    memcmp(start, signature, sizeof(start)) == 0;
    (void)close(descriptor); /* Opened for reading. */
    return is_alike;
}

static tal_status check_options(const tal_search_run *self)
{
    const char *path = self->reference_paths[0];
    if (!tal_run_flag(self->run, "expand")) {
        if (tal_run_is_given(self->run, "expand-share"))
            return tal_fail(TAL_ERR_USAGE, "--expand-share is for expanded searches; add --expand");
        for (size_t i = 0; i < self->reference_path_count; i++)
            if (is_hdf5(self->reference_paths[i]))
                return tal_fail(TAL_ERR_USAGE,
                                "'%s' is an HDF5 file: to search all that a reduced set stands for "
                                "add --expand; to search its representatives only, write them by "
                                "'talaria reconstruct %s --representatives -o FILE'",
                                self->reference_paths[i], self->reference_paths[i]);
        return TAL_OK;
    }
    if (self->reference_path_count > 1)
        return tal_fail(TAL_ERR_USAGE,
                        "--expand searches one reduced set; %zu references are named",
                        self->reference_path_count);
    if (self->params.is_filtered)
        return tal_fail(TAL_ERR_USAGE, "--expand is for --mode exact: representatives and members "
                                       "are few, and all of them are scored in full");
    if (self->params.mode != TAL_LOCAL)
        return tal_fail(TAL_ERR_USAGE, "--expand is for local alignments: the cut for "
                                       "representatives is a share of a local score");
    if (!is_hdf5(path) && strcmp(path, "-") != 0 && access(path, R_OK) == 0)
        return tal_fail(TAL_ERR_DATA,
                        "'%s' is no reduced set; --expand needs the output of 'talaria reduce -o'",
                        path);
    return TAL_OK;
}

tal_status tal_search_run_open_reduced(tal_search_run *self)
{
    tal_status status = check_options(self);
    if (status == TAL_OK && tal_run_flag(self->run, "expand"))
        status = tal_container_open(self->reference_paths[0], &self->container);
    return tal_comm_agree(self->comm, status);
}

tal_set_info tal_search_run_representative_info(const tal_search_run *self)
{
    const tal_container *container = self->container;
    tal_set_info info = {
        .alphabet = tal_container_alphabet(container),
        .sequence_count = tal_container_count(container, TAL_BLOCKS_REPRESENTATIVES),
        .residue_count = tal_container_amount(container, TAL_BLOCKS_REPRESENTATIVES),
    };
    /* A sequence has no more residues than its block has besides those that are one residue. */
    for (int kind = 0; kind < TAL_BLOCK_KIND_COUNT; kind++) {
        if (kind == TAL_BLOCKS_TEXT)
            continue;
        const size_t count = tal_container_block_count(container, (tal_block_kind)kind);
        for (size_t i = 0; i < count; i++) {
            const tal_block block = tal_container_block(container, (tal_block_kind)kind, i);
            info.len_max = block.amount > info.len_max ? block.amount : info.len_max;
        }
    }
    info.len_max = info.len_max < INT32_MAX ? info.len_max : INT32_MAX;
    return info;
}

tal_set_info tal_search_run_reduced_info(const tal_search_run *self)
{
    tal_set_info info = tal_search_run_representative_info(self);
    info.sequence_count += tal_container_count(self->container, TAL_BLOCKS_MEMBERS);
    info.residue_count += tal_container_amount(self->container, TAL_BLOCKS_MEMBERS);
    return info;
}

/* The info of the whole input, as one file: the reduced set, with a fingerprint of what it stands
 * for. */
static tal_status fill_info(tal_search_run *self)
{
    const tal_load_params load = tal_search_run_load(self, false);
    tal_set_info info;
    tal_status status = tal_set_info_init(&info, &load);
    if (status != TAL_OK)
        return status;
    const tal_set_info known = tal_search_run_reduced_info(self);
    info.alphabet = known.alphabet;
    info.sequence_count = known.sequence_count;
    info.residue_count = known.residue_count;
    info.len_max = known.len_max;
    tal_file_info *file = &info.files[0];
    struct stat stored;
    file->bytes = stat(file->path, &stored) == 0 ? (uint64_t)stored.st_size : 0;
    file->sequence_count = known.sequence_count;
    file->residue_count = known.residue_count;
    for (size_t i = 0; i < tal_container_input_count(self->container); i++)
        file->hash = file->hash * 31 + tal_container_get_input(self->container, i).hash.low;
    self->reference_info = info;
    return TAL_OK;
}

static uint64_t find_members(const void *context, tal_gid representative, uint64_t *out_first)
{
    const tal_search_run *self = context;
    return tal_families_find(self->families, representative, out_first);
}

static tal_status fetch_members(void *context, const uint64_t *members, size_t count,
                                size_t *out_taken, tal_seqset *set)
{
    tal_search_run *self = context;
    const tal_member_list list = {
        .members = members, .count = count, .residue_limit = self->fetch_residues};
    tal_status status = tal_families_fetch(self->families, &list, out_taken, set);
    if (status != TAL_OK)
        return status;
    return tal_comm_agree(self->comm,
                          tal_mask_set(self->team, self->reference_mask, self->params.isa, set));
}

tal_status tal_search_run_load_reduced(tal_search_run *self)
{
    const tal_set_info representatives = tal_search_run_representative_info(self);
    tal_status status = fill_info(self);
    if (status == TAL_OK)
        status = tal_seqset_create(representatives.alphabet, &self->references);
    status = tal_comm_agree(self->comm, status);
    if (status == TAL_OK)
        status = tal_families_create(self->comm, self->team, self->container, &self->families);
    if (status == TAL_OK)
        status = tal_families_load(self->families, self->fetch_residues, self->references);
    if (status != TAL_OK)
        return status;
    self->expansion = (tal_expansion){
        .share = tal_run_real(self->run, "expand-share"),
        .find = find_members,
        .fetch = fetch_members,
        .context = self,
    };
    self->params.expansion = &self->expansion;
    tal_log(TAL_LOG_INFO,
            "representatives: %" PRIu64 " sequences, %" PRIu64
            " residues, %.1f %% of all; clusters are expanded from %.3g of the score asked for",
            representatives.sequence_count, representatives.residue_count,
            100.0 * (double)representatives.residue_count /
                (double)(self->reference_info.residue_count > 0 ? self->reference_info.residue_count
                                                                : 1),
            self->expansion.share);
    return TAL_OK;
}
