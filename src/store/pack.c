/* A reduced set's file from a loaded input; see pack.h. */
#include "store/pack.h"

#include "base/alloc.h"
#include "base/check.h"
#include "seq/source.h"
#include "store/pack_internal.h"

#include <string.h>

tal_status tal_pack_check_input(const char *path)
{
    tal_source_probe probe = {.kind = TAL_SOURCE_PIPE};
    tal_status status = strcmp(path, "-") == 0 ? TAL_OK : tal_source_look(path, &probe);
    if (status == TAL_OK && probe.kind == TAL_SOURCE_PIPE)
        return tal_fail(TAL_ERR_USAGE,
                        "cannot keep '%s' in a reduced set: it is read twice; save it to a file "
                        "first",
                        tal_source_name(path));
    return status;
}

tal_status tal_pack_join_info(const tal_container *base, tal_set_info *info)
{
    const size_t kept = tal_container_input_count(base);
    tal_set_info joined = *info;
    joined.file_count = kept + info->file_count;
    joined.sequence_count += tal_container_count(base, TAL_BLOCKS_TEXT);
    joined.residue_count += tal_container_amount(base, TAL_BLOCKS_REPRESENTATIVES) +
                            tal_container_amount(base, TAL_BLOCKS_MEMBERS);
    joined.files = tal_alloc_zero(joined.file_count * sizeof(*joined.files));
    if (joined.files == NULL)
        return TAL_ERR_MEMORY;
    for (size_t i = 0; i < kept; i++) {
        const tal_container_input input = tal_container_get_input(base, i);
        joined.files[i] = (tal_file_info){.path = tal_alloc(strlen(input.path) + 1),
                                          .bytes = input.bytes,
                                          .sequence_count = input.records};
        if (joined.files[i].path == NULL) {
            tal_set_info_deinit(&joined);
            return TAL_ERR_MEMORY;
        }
        memcpy(joined.files[i].path, input.path, strlen(input.path) + 1);
    }
    memcpy(joined.files + kept, info->files, info->file_count * sizeof(*info->files));
    tal_free(info->files);
    *info = joined;
    return TAL_OK;
}

static tal_status finish(tal_comm *comm, const tal_pack_params *params, const tal_pack_order *order,
                         const tal_buffer *dictionary, const uint64_t *file_bytes,
                         tal_container_writer *writer, tal_pack_summary *summary)
{
    tal_buffer packed = {0};
    tal_status status = TAL_OK;
    if (tal_comm_rank(comm) == 0)
        status = tal_text_pack(dictionary->data, dictionary->bytes, &packed);
    for (size_t i = 0; i < params->info->file_count; i++)
        summary->text_bytes += file_bytes[i];
    status = tal_comm_agree(comm, status);
    enum { OWN_COUNT = 5 };
    tal_result_attribute attributes[OWN_COUNT + TAL_PACK_RESULT_MAX] = {
        {.name = "records", .type = TAL_ATTRIBUTE_U64, .u64 = order->record_count},
        {.name = "representatives", .type = TAL_ATTRIBUTE_U64, .u64 = order->cluster_count},
        {.name = "residues",
         .type = TAL_ATTRIBUTE_U64,
         .u64 = order->residue_totals[0] + order->residue_totals[1]},
        {.name = "representative_residues",
         .type = TAL_ATTRIBUTE_U64,
         .u64 = order->residue_totals[0]},
        {.name = "text_bytes", .type = TAL_ATTRIBUTE_U64, .u64 = summary->text_bytes},
    };
    TAL_ASSERT(params->result_count <= TAL_PACK_RESULT_MAX);
    for (size_t i = 0; i < params->result_count; i++)
        attributes[OWN_COUNT + i] = params->results[i];
    const tal_container_closing closing = {
        .path = params->path,
        .folder = params->folder,
        .is_forced = params->is_forced,
        .alphabet = params->info->alphabet,
        .matrix = params->matrix,
        .info = params->info,
        .file_bytes = file_bytes,
        .dictionary = &packed,
        .parameters = params->parameters,
        .parameter_count = params->parameter_count,
        .summary = attributes,
        .summary_count = OWN_COUNT + params->result_count,
    };
    if (status == TAL_OK)
        status = tal_container_finish(writer, &closing, &summary->bytes);
    tal_buffer_deinit(&packed);
    return status;
}

/* Text that was packed against a dictionary keeps it. Collective; agreed status. */
static tal_status make_dictionary(tal_comm *comm, const tal_pack_params *params,
                                  const tal_pack_order *order, tal_buffer *out_dictionary)
{
    if (params->base == NULL)
        return tal_pack_dictionary(comm, params, order, out_dictionary);
    const tal_buffer *kept = tal_container_dictionary(params->base);
    return tal_comm_agree(comm, tal_buffer_append(out_dictionary, kept->data, kept->bytes));
}

tal_status tal_pack(tal_comm *comm, tal_team *team, const tal_pack_params *params,
                    tal_pack_summary *out_summary)
{
    tal_container_writer *writer = NULL;
    tal_pack_order order = {0};
    tal_buffer dictionary = {0};
    tal_pack_summary summary = {0};
    uint64_t *file_bytes = tal_alloc_array(params->info->file_count, sizeof(*file_bytes));
    tal_status status = file_bytes == NULL ? TAL_ERR_MEMORY : TAL_OK;
    if (status == TAL_OK)
        status = tal_container_writer_create(comm, &writer);
    status = tal_comm_agree(comm, status);
    if (status == TAL_OK)
        status = tal_pack_order_create(comm, params, &order);
    if (status == TAL_OK)
        status = tal_pack_residues(comm, team, params, &order, writer);
    if (status == TAL_OK)
        status = make_dictionary(comm, params, &order, &dictionary);
    if (status == TAL_OK)
        status = tal_pack_text(comm, team, params, &order, &dictionary, writer, file_bytes);
    if (status == TAL_OK)
        status = finish(comm, params, &order, &dictionary, file_bytes, writer, &summary);
    if (status == TAL_OK)
        *out_summary = summary;
    tal_buffer_deinit(&dictionary);
    tal_pack_order_deinit(&order);
    tal_container_writer_destroy(writer);
    tal_free(file_bytes);
    return status;
}
