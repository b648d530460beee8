/* Masking of tandem repeats and simple sequence after tantan.
 *
 * M. C. Frith, "A new repeat-masking method enables specific detection of homologous sequences",
 * Nucleic Acids Research 39:e23 (2011). A hidden Markov model reads the sequence: a background
 * state, and for each offset 1..W a state in which every residue copies, with substitutions, the
 * one `offset` before it. A repeat begins with probability 0.005, its offset weighs 0.9^offset, it
 * ends with 0.05 a residue; a copy of y as x is exp(lambda S(x, y)) as likely as x by chance, S
 * being BLOSUM62 (whatever the search's matrix), or +1 and -1 with lambda = ln 3 for nucleotides. W
 * is 48 for proteins, 96 for nucleotides (whole vectors near the paper's 50 and 100), 16 when only
 * repeats of short units are asked for. Residues whose posterior probability of standing in a
 * repeat state is at least 1/2 are masked. The paper's variant with gaps inside repeats is not
 * here.
 *
 * The two passes are a kernel (kernels/repeats.h), in float and the same to the bit for every
 * instruction set; what they give is compared with the threshold here.
 */
#include "mask/mask_internal.h"

#include "kernels/table.h"
#include "score/matrix.h"

#include <string.h>

enum { OFFSETS_PROTEIN = 48, OFFSETS_NUCLEOTIDE = 96, OFFSETS_SHORT = 16 };

_Static_assert((int)TAL_REPEATS_CODES == (int)TAL_CODE_COUNT, "ratios of all codes");

static const float repeat_begin = 0.005f;
static const float repeat_end = 0.05f;
static const float offset_decay = 0.9f;
static const double mask_probability = 0.5;

/* The model and who runs it, kept from sequence to sequence. */
typedef struct model {
    tal_repeats_model repeats;
    tal_repeats_function run;
} model;

/* exp(lambda score), lambda = 0.3176 of BLOSUM62 without gaps, by products alone. */
static float protein_ratio(int score)
{
    const double step = score < 0 ? 0.72789385 : 1.37382668;
    double ratio = 1.0;
    for (int i = score < 0 ? -score : score; i > 0; i--)
        ratio *= step;
    return (float)ratio;
}

static tal_status model_init(tal_repeats_model *m, tal_mask_method method, tal_alphabet alphabet)
{
    bool is_protein = alphabet == TAL_PROTEIN;
    int offsets = method == TAL_MASK_TANTAN_SHORT ? OFFSETS_SHORT
                  : is_protein                    ? OFFSETS_PROTEIN
                                                  : OFFSETS_NUCLEOTIDE;
    memset(m, 0, sizeof(*m));
    m->offset_count = offsets;
    m->stay = 1.0f - repeat_begin;
    m->leave = repeat_end;
    float power = 1.0f;
    float sum = 0.0f;
    for (int k = 0; k < offsets; k++, power *= offset_decay) {
        m->enter[k] = power;
        sum += power;
    }
    for (int k = 0; k < offsets; k++)
        m->enter[k] *= repeat_begin / (sum * (1.0f - repeat_end));
    tal_matrix matrix = {0};
    if (is_protein) {
        tal_status status = tal_matrix_load("BLOSUM62", TAL_PROTEIN, &matrix);
        if (status != TAL_OK)
            return status;
    }
    int letters = is_protein ? TAL_PROTEIN_LETTER_COUNT : TAL_NUCLEOTIDE_LETTER_COUNT;
    for (int x = 0; x < letters; x++)
        for (int y = 0; y < letters; y++)
            m->ratio[x][y] = (1.0f - repeat_end) * (is_protein ? protein_ratio(matrix.score[x][y])
                                                    : x == y && x < 4 ? 3.0f
                                                                      : 1.0f / 3.0f);
    return TAL_OK;
}

/* The model in the scratch, made anew where it is another's. */
static tal_status find_model(tal_mask_method method, tal_isa isa, tal_alphabet alphabet,
                             tal_mask_scratch *scratch, const model **out_model)
{
    const int model_of =
        (int)method + TAL_MASK_METHOD_COUNT * ((int)alphabet + TAL_ALPHABET_COUNT * (int)isa);
    if (scratch->model_of != model_of) {
        scratch->model_of = 0;
        tal_buffer_reset(&scratch->model);
        tal_status status = tal_buffer_reserve(&scratch->model, sizeof(model));
        model *made = (model *)(void *)scratch->model.data;
        if (status == TAL_OK)
            status = model_init(&made->repeats, method, alphabet);
        if (status != TAL_OK)
            return status;
        tal_kernel_table table;
        tal_kernel_table_init(&table, isa);
        made->run = table.repeats;
        scratch->model_of = model_of;
    }
    *out_model = (const model *)(const void *)scratch->model.data;
    return TAL_OK;
}

/* Cut the scratch for a sequence; the codes are turned round. */
static tal_status prepare(const model *m, const uint8_t *codes, int32_t len,
                          tal_mask_scratch *scratch, tal_repeats_job *out_job)
{
    const size_t steps = (size_t)len / TAL_REPEATS_STEP + 1;
    tal_buffer_reset(&scratch->bytes);
    tal_buffer_reset(&scratch->numbers);
    tal_buffer_reset(&scratch->ratios);
    tal_status status = tal_buffer_reserve(&scratch->bytes, (size_t)len + TAL_REPEATS_PADS);
    if (status == TAL_OK)
        status = tal_buffer_reserve(&scratch->numbers,
                                    2 * (size_t)len * sizeof(float) + 2 * steps * sizeof(int32_t));
    if (status == TAL_OK)
        status = tal_buffer_reserve(&scratch->ratios, tal_repeats_scratch_bytes(len));
    if (status != TAL_OK)
        return status;
    uint8_t *turned = scratch->bytes.data;
    for (int32_t i = 0; i < len; i++)
        turned[i] = codes[len - 1 - i];
    memset(turned + len, TAL_CODE_PAD, TAL_REPEATS_PADS);
    float *numbers = (float *)(void *)scratch->numbers.data;
    int32_t *powers = (int32_t *)(void *)(numbers + 2 * (size_t)len);
    *out_job = (tal_repeats_job){
        .model = &m->repeats,
        .turned = turned,
        .len = len,
        .ratios = (float *)(void *)scratch->ratios.data,
        .forward = numbers,
        .backward = numbers + len,
        .forward_powers = powers,
        .backward_powers = powers + steps,
    };
    return TAL_OK;
}

/* 2^power; the range is that of what stands for something. */
static double two_to_the(int32_t power)
{
    const int32_t kept = power < -1022 ? -1022 : power > 1023 ? 1023 : power;
    const uint64_t bits = (uint64_t)(kept + 1023) << 52;
    double number;
    memcpy(&number, &bits, sizeof(number));
    return number;
}

/* Append what the passes say is repeats, given the probability of the whole. */
static tal_status append_repeats(const tal_repeats_job *job, float total, tal_buffer *masks)
{
    const int32_t len = job->len;
    const int32_t total_power = job->forward_powers[(len - 1) / TAL_REPEATS_STEP];
    const size_t first = masks->bytes;
    tal_status status = TAL_OK;
    for (int32_t i = 0; i < len && status == TAL_OK;) {
        /* As far as both powers stay. */
        const int32_t from_end = len - 1 - i;
        const int32_t power = job->forward_powers[i / TAL_REPEATS_STEP] +
                              job->backward_powers[from_end / TAL_REPEATS_STEP] - total_power;
        const int32_t to_next = TAL_REPEATS_STEP - i % TAL_REPEATS_STEP;
        const int32_t to_last = from_end % TAL_REPEATS_STEP + 1;
        const int32_t end = i + (to_next < to_last ? to_next : to_last);
        const double scale = two_to_the(power) / (double)total;
        const float *forward = job->forward;
        const float *backward = job->backward;
        int count = 0;
        for (int32_t k = i; k < end; k++)
            count += (double)forward[k] * (double)backward[k] * scale <= 1.0 - mask_probability;
        for (; count > 0 && i < end && status == TAL_OK; i++)
            if ((double)forward[i] * (double)backward[i] * scale <= 1.0 - mask_probability)
                status = tal_mask_append(masks, first, i, i + 1);
        i = end;
    }
    return status;
}

tal_status tal_mask_tantan(tal_mask_method method, tal_isa isa, tal_alphabet alphabet,
                           const uint8_t *codes, int32_t len, tal_mask_scratch *scratch,
                           tal_buffer *masks)
{
    if (len == 0)
        return TAL_OK;
    const model *m = NULL;
    tal_repeats_job job;
    tal_status status = find_model(method, isa, alphabet, scratch, &m);
    if (status == TAL_OK)
        status = prepare(m, codes, len, scratch, &job);
    if (status != TAL_OK)
        return status;
    const float total = m->run(&job);
    return append_repeats(&job, total, masks);
}
