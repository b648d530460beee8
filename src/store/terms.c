/* Parameters of a reduced set; see terms.h. */
#include "store/terms.h"

#include "base/check.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_BYTES = 64 };

/* In the order of tal_coverage_mode and of tal_reduce_order. */
static const char *const modes[] = {"both", "member", "representative"};
static const char *const orders[] = {"cover", "length", "set-cover"};

static tal_result_attribute text_of(const char *name, const char *text)
{
    return (tal_result_attribute){.name = name, .type = TAL_ATTRIBUTE_TEXT, .text = text};
}

static tal_result_attribute number_of(const char *name, uint64_t number)
{
    return (tal_result_attribute){.name = name, .type = TAL_ATTRIBUTE_U64, .u64 = number};
}

size_t tal_terms_list(const tal_reduce_params *params,
                      tal_result_attribute out_attributes[TAL_TERM_COUNT])
{
    size_t count = 0;
    out_attributes[count++] = number_of("identity", (uint64_t)params->identity);
    out_attributes[count++] = number_of("coverage", (uint64_t)params->coverage);
    out_attributes[count++] = text_of("coverage_mode", modes[params->coverage_mode]);
    out_attributes[count++] = number_of("min_length", (uint64_t)params->len_min);
    out_attributes[count++] = text_of("order", orders[params->order]);
    out_attributes[count++] = text_of("matrix", params->matrix->name);
    out_attributes[count++] = number_of("gap_open", (uint64_t)params->gaps.open);
    out_attributes[count++] = number_of("gap_extend", (uint64_t)params->gaps.extend);
    if (!isinf(params->evalue)) {
        out_attributes[count++] = (tal_result_attribute){
            .name = "evalue", .type = TAL_ATTRIBUTE_F64, .f64 = params->evalue};
        out_attributes[count++] = number_of("evalue_residues", params->residue_count);
        out_attributes[count++] = number_of("evalue_sequences", params->sequence_count);
    }
    TAL_ASSERT(count <= TAL_TERM_COUNT);
    return count;
}

static tal_status damaged(const tal_container *container, const char *name)
{
    return tal_fail(TAL_ERR_DATA,
                    "cannot read '%s': the file is damaged: '/parameters' has no valid '%s'",
                    tal_container_path(container), name);
}

static bool find_text(const tal_container *container, const char *name, char text[TEXT_BYTES])
{
    return tal_container_find_attribute(container, "/parameters", name, text, TEXT_BYTES);
}

static tal_status read_number(const tal_container *container, const char *name, uint64_t max,
                              uint64_t *out_value)
{
    char text[TEXT_BYTES];
    char *end = text;
    errno = 0;
    if (find_text(container, name, text))
        *out_value = strtoull(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || *out_value > max)
        return damaged(container, name);
    return TAL_OK;
}

static tal_status read_int(const tal_container *container, const char *name, int32_t max,
                           int32_t *out_value)
{
    uint64_t value = 0;
    tal_status status = read_number(container, name, (uint64_t)max, &value);
    *out_value = (int32_t)value;
    return status;
}

static tal_status read_choice(const tal_container *container, const char *name,
                              const char *const *choices, size_t count, size_t *out_choice)
{
    char text[TEXT_BYTES] = "";
    (void)find_text(container, name, text); /* Missing is no choice. */
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text, choices[i]) == 0) {
            *out_choice = i;
            return TAL_OK;
        }
    }
    return damaged(container, name);
}

static tal_status read_gaps(const tal_container *container, tal_gaps *out_gaps)
{
    int32_t open = 0, extend = 0;
    tal_status status = read_int(container, "gap_open", TAL_GAP_MAX, &open);
    if (status == TAL_OK)
        status = read_int(container, "gap_extend", TAL_GAP_MAX, &extend);
    *out_gaps = (tal_gaps){open, extend};
    return status == TAL_OK && tal_gaps_check(out_gaps) != TAL_OK ? damaged(container, "gap_extend")
                                                                  : status;
}

static tal_status read_evalue(const tal_container *container, tal_reduce_params *params)
{
    char text[TEXT_BYTES];
    params->evalue = INFINITY;
    if (!find_text(container, "evalue", text))
        return TAL_OK;
    params->evalue = strtod(text, NULL);
    if (!(params->evalue >= 0))
        return damaged(container, "evalue");
    tal_status status =
        read_number(container, "evalue_residues", INT64_MAX, &params->residue_count);
    if (status == TAL_OK)
        status = read_number(container, "evalue_sequences", INT64_MAX, &params->sequence_count);
    return status == TAL_OK ? tal_stats_find(params->matrix, params->gaps, &params->stats) : status;
}

tal_status tal_terms_read(const tal_container *container, tal_reduce_params *out_params)
{
    tal_reduce_params params = {.matrix = tal_container_matrix(container)};
    size_t mode = 0, order = 0;
    tal_status status = read_int(container, "identity", TAL_REDUCE_SHARE_ONE, &params.identity);
    if (status == TAL_OK)
        status = read_int(container, "coverage", TAL_REDUCE_SHARE_ONE, &params.coverage);
    if (status == TAL_OK)
        status = read_choice(container, "coverage_mode", modes, 3, &mode);
    if (status == TAL_OK)
        status = read_int(container, "min_length", INT32_MAX, &params.len_min);
    if (status == TAL_OK)
        status = read_choice(container, "order", orders, 3, &order);
    if (status == TAL_OK)
        status = read_gaps(container, &params.gaps);
    if (status == TAL_OK)
        status = read_evalue(container, &params);
    params.coverage_mode = (tal_coverage_mode)mode;
    params.order = (tal_reduce_order)order;
    if (status == TAL_OK)
        *out_params = params;
    return status;
}
