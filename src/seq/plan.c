/* How the input files of one load are read; see plan.h. */
#include "seq/plan.h"

#include "base/alloc.h"
#include "base/check.h"
#include "seq/detect.h"

#include <string.h>

static tal_status check_paths(const tal_load_params *params)
{
    size_t standard_count = 0;
    for (size_t i = 0; i < params->path_count; i++)
        standard_count += strcmp(params->paths[i], "-") == 0;
    if (standard_count > 1)
        return tal_fail(TAL_ERR_USAGE, "%s: '-' (standard input) can be named only once",
                        params->role);
    return TAL_OK;
}

/* Rank 0 alone: everything but telling the others. */
static tal_status look(tal_load_plan *plan, const tal_load_params *params, bool is_first_kept)
{
    tal_status status = check_paths(params);
    for (size_t i = 0; i < params->path_count && status == TAL_OK; i++)
        status = tal_source_look(params->paths[i], &plan->probes[i]);
    if (status != TAL_OK)
        return status;
    plan->is_alphabet_guessed = params->alphabet == TAL_ALPHABET_DETECT;
    plan->alphabet =
        params->alphabet == TAL_ALPHABET_FORCE_NUCLEOTIDE ? TAL_NUCLEOTIDE : TAL_PROTEIN;
    if (!plan->is_alphabet_guessed)
        return TAL_OK;

    const uint8_t *head;
    size_t bytes;
    tal_source *first = NULL;
    status = tal_source_open(params->paths[0], -1, &first);
    if (status == TAL_OK)
        status = tal_source_peek(first, TAL_DETECT_BYTES, &head, &bytes);
    if (status != TAL_OK)
        goto done;
    plan->alphabet = tal_alphabet_detect(head, bytes);
    if (is_first_kept || plan->probes[0].kind == TAL_SOURCE_PIPE) {
        plan->first = first;
        first = NULL;
    }
done:
    tal_source_close(first);
    return status;
}

tal_status tal_load_plan_init(tal_load_plan *plan, tal_comm *comm, const tal_load_params *params,
                              bool is_first_kept)
{
    TAL_ASSERT(params->path_count >= 1);
    TAL_ASSERT(params->open_file_limit >= 1);
    *plan = (tal_load_plan){.path_count = params->path_count};
    plan->probes = tal_alloc_array(params->path_count, sizeof(*plan->probes));
    tal_status status = plan->probes == NULL ? TAL_ERR_MEMORY : TAL_OK;
    if (status == TAL_OK && tal_comm_rank(comm) == 0)
        status = look(plan, params, is_first_kept);
    status = tal_comm_agree(comm, status);
    if (status != TAL_OK) {
        tal_load_plan_deinit(plan);
        return status;
    }
    struct {
        tal_alphabet alphabet;
        bool is_guessed;
    } found = {plan->alphabet, plan->is_alphabet_guessed};
    tal_comm_broadcast(comm, &found, sizeof(found), 0);
    plan->alphabet = found.alphabet;
    plan->is_alphabet_guessed = found.is_guessed;
    tal_comm_broadcast(comm, plan->probes, plan->path_count * sizeof(*plan->probes), 0);
    return TAL_OK;
}

void tal_load_plan_deinit(tal_load_plan *plan)
{
    tal_source_close(plan->first);
    tal_free(plan->probes);
    *plan = (tal_load_plan){0};
}

uint64_t tal_load_plan_cut(uint64_t total, uint64_t part, uint64_t part_count)
{
    uint64_t rest = total % part_count;
    return total / part_count * part + (part < rest ? part : rest);
}

void tal_load_plan_assign_slots(const tal_source_probe *probes, size_t path_count,
                                size_t slot_count, size_t *out_slots, uint64_t *slot_bytes)
{
    memset(slot_bytes, 0, slot_count * sizeof(*slot_bytes));
    for (size_t i = 0; i < path_count; i++) {
        size_t best = 0;
        out_slots[i] = slot_count;
        if (probes[i].kind == TAL_SOURCE_RANGES)
            continue;
        for (size_t slot = 1; slot < slot_count && probes[i].kind != TAL_SOURCE_PIPE; slot++)
            if (slot_bytes[slot] < slot_bytes[best])
                best = slot;
        out_slots[i] = best;
        slot_bytes[best] += probes[i].bytes + 1;
    }
}

int tal_load_plan_slot_rank(size_t slot, size_t slot_count, int rank_count)
{
    size_t ranks = (size_t)rank_count;
    return (int)(slot_count < ranks ? slot * ranks / slot_count : slot % ranks);
}

void tal_set_info_deinit(tal_set_info *info)
{
    for (size_t i = 0; info->files != NULL && i < info->file_count; i++)
        tal_free(info->files[i].path);
    tal_free(info->files);
    *info = (tal_set_info){0};
}

tal_status tal_set_info_init(tal_set_info *info, const tal_load_params *params)
{
    *info = (tal_set_info){.file_count = params->path_count};
    info->files = tal_alloc_zero(params->path_count * sizeof(*info->files));
    if (info->files == NULL)
        return TAL_ERR_MEMORY;
    for (size_t i = 0; i < params->path_count; i++) {
        size_t bytes = strlen(params->paths[i]) + 1;
        info->files[i].path = tal_alloc(bytes);
        if (info->files[i].path == NULL) {
            tal_set_info_deinit(info);
            return TAL_ERR_MEMORY;
        }
        memcpy(info->files[i].path, params->paths[i], bytes);
    }
    return TAL_OK;
}
