/* Clusters as text; see cluster_format.h. */
#include "app/cluster_format.h"

#include <inttypes.h>

/* Identical columns in percent. */
static double identity(const tal_cluster_row *row)
{
    return row->certificate.column_count == 0
               ? 100.0
               : 100.0 * row->certificate.identity_count / row->certificate.column_count;
}

tal_status tal_cluster_format_table(const tal_cluster_row *row, tal_alphabet alphabet,
                                    tal_buffer *text)
{
    (void)alphabet; /* the same for all */
    tal_status status = tal_buffer_append_text(text, row->representative_id);
    if (status == TAL_OK)
        status = tal_buffer_append(text, "\t", 1);
    if (status == TAL_OK)
        status = tal_buffer_append_text(text, row->id);
    return status == TAL_OK ? tal_buffer_append(text, "\n", 1) : status;
}

tal_status tal_cluster_format_clstr(const tal_cluster_row *row, tal_alphabet alphabet,
                                    tal_buffer *text)
{
    const bool is_protein = alphabet == TAL_PROTEIN;
    const char *strand = is_protein ? "" : row->is_reverse ? "-/" : "+/";
    tal_status status = TAL_OK;
    if (row->number == 0)
        status = tal_buffer_printf(text, ">Cluster %" PRIu64 "\n", row->cluster);
    if (status == TAL_OK)
        status = tal_buffer_printf(text, "%" PRIu64 "\t%d%s, >%s... ", row->number, row->len,
                                   is_protein ? "aa" : "nt", row->id);
    if (status != TAL_OK)
        return status;
    return row->number == 0 ? tal_buffer_append_text(text, "*\n")
                            : tal_buffer_printf(text, "at %s%.2f%%\n", strand, identity(row));
}

tal_status tal_cluster_format_uc(const tal_cluster_row *row, tal_alphabet alphabet,
                                 tal_buffer *text)
{
    const char *strand = alphabet == TAL_PROTEIN ? "." : row->is_reverse ? "-" : "+";
    tal_status status;
    if (row->number == 0)
        status = tal_buffer_printf(text, "S\t%" PRIu64 "\t%d\t*\t*\t*\t*\t*\t%s\t*\n", row->cluster,
                                   row->len, row->id);
    else
        status =
            tal_buffer_printf(text, "H\t%" PRIu64 "\t%d\t%.1f\t%s\t0\t0\t*\t%s\t%s\n", row->cluster,
                              row->len, identity(row), strand, row->id, row->representative_id);
    if (status == TAL_OK && row->number + 1 == row->cluster_size)
        status = tal_buffer_printf(text, "C\t%" PRIu64 "\t%" PRIu64 "\t*\t*\t*\t*\t*\t%s\t*\n",
                                   row->cluster, row->cluster_size, row->representative_id);
    return status;
}
