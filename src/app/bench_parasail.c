/* libparasail as the rival; see bench_rival.h. Its vectorised kernels with a query profile, at the
 * widest vectors it has. Daily, BMC Bioinformatics 17:81 (2016). */
#include "app/bench_rival.h"

#include "base/alloc.h"

#include <parasail.h>

enum { CANDIDATES = 5 };

typedef struct candidate {
    const char *name;
    parasail_profile_t *(*make)(const char *, int, const parasail_matrix_t *);
    parasail_result_t *(*score)(const parasail_profile_t *, const char *, int, int, int);
} candidate;

#define CANDIDATE(function, width)                                                           \
    {                                                                                        \
#function "_" #width, parasail_profile_create_##width, parasail_##function##_##width \
    }
#define CANDIDATES_OF(mode)                                                            \
    {                                                                                  \
        CANDIDATE(mode##_striped_profile, sat), CANDIDATE(mode##_striped_profile, 16), \
            CANDIDATE(mode##_scan_profile, sat), CANDIDATE(mode##_scan_profile, 16),   \
            CANDIDATE(mode##_striped_profile, 32)                                      \
    }

/* Semi-global: the gaps at both ends of the reference are free. */
static const candidate candidates[TAL_MODE_COUNT][CANDIDATES] = {
    [TAL_LOCAL] = CANDIDATES_OF(sw),
    [TAL_GLOBAL] = CANDIDATES_OF(nw),
    [TAL_SEMIGLOBAL] = CANDIDATES_OF(sg_dx),
};

struct tal_bench_rival {
    const tal_bench_input *input;
    const candidate *kernel;
    parasail_profile_t *profile;
    char *query, *reference; /* letters */
};

int tal_bench_rival_count(tal_mode mode)
{
    (void)mode;
    return CANDIDATES;
}

const char *tal_bench_rival_name(tal_mode mode, int idx)
{
    return candidates[mode][idx].name;
}

static void spell(const uint8_t *codes, int32_t len, char *out_letters)
{
    const char *letters = tal_alphabet_letters(TAL_PROTEIN);
    for (int32_t i = 0; i < len; i++)
        out_letters[i] = letters[codes[i]];
}

tal_status tal_bench_rival_create(tal_mode mode, int idx, const tal_bench_input *input,
                                  tal_bench_rival **out_rival)
{
    tal_bench_rival *rival = tal_alloc_zero(sizeof(*rival));
    if (rival == NULL)
        return TAL_ERR_MEMORY;
    int32_t longest = 1;
    for (int i = 0; i < input->batch_count; i++)
        if (input->batches[i].lane_len[0] > longest)
            longest = input->batches[i].lane_len[0];
    rival->input = input;
    rival->kernel = &candidates[mode][idx];
    rival->query = tal_alloc((size_t)input->query_len);
    rival->reference = tal_alloc((size_t)longest);
    if (rival->query == NULL || rival->reference == NULL)
        goto fail;
    spell(input->query, input->query_len, rival->query);
    rival->profile =
        rival->kernel->make(rival->query, input->query_len, parasail_matrix_lookup("blosum62"));
    if (rival->profile == NULL)
        goto fail;
    *out_rival = rival;
    return TAL_OK;
fail:
    tal_bench_rival_destroy(rival);
    return TAL_ERR_MEMORY;
}

void tal_bench_rival_destroy(tal_bench_rival *rival)
{
    if (rival == NULL)
        return;
    if (rival->profile != NULL)
        parasail_profile_free(rival->profile);
    tal_free(rival->reference);
    tal_free(rival->query);
    tal_free(rival);
}

uint64_t tal_bench_rival_run(tal_bench_rival *rival, tal_lid lid)
{
    const tal_bench_input *input = rival->input;
    int32_t len = tal_seqset_len(input->set, lid);
    spell(tal_seqset_residues(input->set, lid), len, rival->reference);
    parasail_result_t *result =
        rival->kernel->score(rival->profile, rival->reference, len,
                             input->gaps.open + input->gaps.extend, input->gaps.extend);
    bool is_exact = result != NULL && !parasail_result_is_saturated(result);
    if (result != NULL)
        parasail_result_free(result);
    return is_exact ? (uint64_t)len * (uint64_t)input->query_len : 0;
}
