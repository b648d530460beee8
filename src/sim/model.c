/* Substitution models; see model.h.
 *
 * Sources: Le and Gascuel, "An improved general amino acid replacement matrix", Mol. Biol. Evol.
 * 25:1307 (2008); Hasegawa, Kishino, Yano, J. Mol. Evol. 22:160 (1985). No variation of rates
 * between sites.
 */
#include "sim/model.h"

#include "base/check.h"

#include <string.h>

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

enum { PROTEIN_STATES = 20, NUCLEOTIDE_STATES = 4 };

/* LG: exchangeabilities s(i, j) = s(j, i) for j < i, row by row, letters ARNDCQEGHILKMFPSTWYV. */
static const double lg_exchangeability[PROTEIN_STATES * (PROTEIN_STATES - 1) / 2] = {
    0.425093,                                                                        /* R */
    0.276818, 0.751878,                                                              /* N */
    0.395144, 0.123954,  5.076149,                                                   /* D */
    2.489084, 0.534551,  0.528768, 0.062556,                                         /* C */
    0.969894, 2.807908,  1.695752, 0.523386, 0.084808,                               /* Q */
    1.038545, 0.36397,   0.541712, 5.24387,  0.003499, 4.128591,                     /* E */
    2.06604,  0.390192,  1.437645, 0.844926, 0.569265, 0.267959, 0.348847,           /* G */
    0.358858, 2.426601,  4.509238, 0.927114, 0.640543, 4.813505, 0.423881, 0.311484, /* H */
    0.14983,  0.126991,  0.191503, 0.01069,  0.320627, 0.072854, 0.044265, 0.008705,
    0.108882, /* I */
    0.395337, 0.301848,  0.068427, 0.015076, 0.594007, 0.582457, 0.069673, 0.044261,
    0.366317, 4.145067, /* L */
    0.536518, 6.326067,  2.145078, 0.282959, 0.013266, 3.234294, 1.807177, 0.296636,
    0.697264, 0.159069,  0.1375, /* K */
    1.124035, 0.484133,  0.371004, 0.025548, 0.89368,  1.672569, 0.173735, 0.139538,
    0.442472, 4.273607,  6.312358, 0.656604, /* M */
    0.253701, 0.052722,  0.089525, 0.017416, 1.105251, 0.035855, 0.018811, 0.089586,
    0.682139, 1.112727,  2.592692, 0.023918, 1.798853, /* F */
    1.177651, 0.332533,  0.161787, 0.394456, 0.075382, 0.624294, 0.419409, 0.196961,
    0.508851, 0.078281,  0.24906,  0.390322, 0.099849, 0.094464, /* P */
    4.727182, 0.858151,  4.008358, 1.240275, 2.784478, 1.223828, 0.611973, 1.73999,
    0.990012, 0.064105,  0.182287, 0.748683, 0.34696,  0.361819, 1.338132, /* S */
    2.139501, 0.578987,  2.000679, 0.42586,  1.14348,  1.080136, 0.604545, 0.129836,
    0.584262, 1.033739,  0.302936, 1.136863, 2.020366, 0.165001, 0.571468, 6.472279, /* T */
    0.180717, 0.593607,  0.045376, 0.02989,  0.670128, 0.236199, 0.077852, 0.268491,
    0.597054, 0.11166,   0.619632, 0.049906, 0.696175, 2.457121, 0.095131, 0.248862,
    0.140825, /* W */
    0.218959, 0.31444,   0.612025, 0.135107, 1.165532, 0.257336, 0.120037, 0.054679,
    5.306834, 0.232523,  0.299648, 0.131932, 0.481306, 7.803902, 0.089613, 0.400547,
    0.245841, 3.151815, /* Y */
    2.54787,  0.170887,  0.083688, 0.037967, 1.959291, 0.210332, 0.245034, 0.076701,
    0.119013, 10.649107, 1.702745, 0.185202, 1.898718, 0.654683, 0.296501, 0.098369,
    2.188158, 0.18951,   0.249313, /* V */
};

static const double lg_frequency[PROTEIN_STATES] = {
    0.079066, 0.055941, 0.041977, 0.053052, 0.012937, 0.040767, 0.071586,
    0.057337, 0.022355, 0.062157, 0.099081, 0.064600, 0.022951, 0.042302,
    0.044040, 0.061197, 0.053287, 0.012066, 0.034155, 0.069147,
};

/* HKY85: about the composition of mammalian genomes (42 % G+C), transitions three times as fast as
 * transversions. Letters ACGT. */
static const double hky_frequency[NUCLEOTIDE_STATES] = {0.29, 0.21, 0.21, 0.29};
static const double hky_kappa = 3.0;

/* Exchangeabilities into rate[i][j], i != j. */
static void set_lg(tal_model *model)
{
    model->name = "LG";
    model->state_count = PROTEIN_STATES;
    memcpy(model->frequency, lg_frequency, sizeof(lg_frequency));
    const double *figure = lg_exchangeability;
    for (int i = 1; i < PROTEIN_STATES; i++)
        for (int j = 0; j < i; j++, figure++) {
            model->rate[i][j] = *figure;
            model->rate[j][i] = *figure;
        }
}

static void set_hky(tal_model *model)
{
    model->name = "HKY85";
    model->state_count = NUCLEOTIDE_STATES;
    memcpy(model->frequency, hky_frequency, sizeof(hky_frequency));
    for (int i = 0; i < NUCLEOTIDE_STATES; i++)
        for (int j = 0; j < NUCLEOTIDE_STATES; j++) {
            bool is_transition = (i ^ j) == 2; /* A <-> G, C <-> T */
            model->rate[i][j] = i == j ? 0.0 : is_transition ? hky_kappa : 1.0;
        }
}

/* Exchangeabilities to rates: times the target's frequency, rows summing to zero, mean rate one. */
static void scale_rates(tal_model *model)
{
    uint32_t count = model->state_count;
    double sum = 0.0;
    for (uint32_t i = 0; i < count; i++)
        sum += model->frequency[i];
    for (uint32_t i = 0; i < count; i++)
        model->frequency[i] /= sum; /* Published figures are rounded. */
    double mean = 0.0;
    for (uint32_t i = 0; i < count; i++) {
        double total = 0.0;
        for (uint32_t j = 0; j < count; j++) {
            model->rate[i][j] *= model->frequency[j];
            total += model->rate[i][j];
        }
        model->rate[i][i] = -total;
        mean += model->frequency[i] * total;
    }
    model->event_rate = 0.0;
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t j = 0; j < count; j++)
            model->rate[i][j] /= mean;
        if (-model->rate[i][i] > model->event_rate)
            model->event_rate = -model->rate[i][i];
    }
}

/* Vose's construction: states of less than average probability are filled up by those of more. */
static void set_table(tal_letter_table *table, const double *probability, uint32_t count,
                      const char *letters)
{
    double share[TAL_MODEL_STATES_MAX];
    uint32_t small[TAL_MODEL_STATES_MAX];
    uint32_t large[TAL_MODEL_STATES_MAX];
    uint32_t small_count = 0;
    uint32_t large_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        share[i] = probability[i] * count;
        if (share[i] < 1.0)
            small[small_count++] = i;
        else
            large[large_count++] = i;
        /* What stays when rounding leaves one list empty too early: the letter itself. */
        table->threshold[i] = UINT32_MAX;
        table->below[i] = letters[i];
        table->other[i] = letters[i];
    }
    while (small_count > 0 && large_count > 0) {
        uint32_t low = small[--small_count];
        uint32_t high = large[large_count - 1];
        table->threshold[low] = (uint32_t)(share[low] * 0x1p32);
        table->other[low] = letters[high];
        share[high] -= 1.0 - share[low];
        if (share[high] < 1.0) {
            large_count--;
            small[small_count++] = high;
        }
    }
}

void tal_model_init(tal_model *model, tal_alphabet alphabet)
{
    *model = (tal_model){0};
    if (alphabet == TAL_PROTEIN)
        set_lg(model);
    else
        set_hky(model);
    scale_rates(model);

    uint32_t count = model->state_count;
    const char *letters = tal_alphabet_letters(alphabet);
    set_table(&model->equilibrium, model->frequency, count, letters);
    for (uint32_t i = 0; i < count; i++) {
        double probability[TAL_MODEL_STATES_MAX];
        for (uint32_t j = 0; j < count; j++)
            probability[j] = (i == j ? 1.0 : 0.0) + model->rate[i][j] / model->event_rate;
        set_table(&model->next[letters[i] & 31], probability, count, letters);
    }
}
