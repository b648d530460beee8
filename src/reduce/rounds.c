/* Seeds by alphabet and identity; see rounds.h. Measured, see docs/performance.md. */
#include "reduce/rounds.h"

static const tal_seed protein_high[] = {
    {.shape = "1111111111",
     .kmer_limit = 20,
     .shared_min = 1,
     .centre_limit = 8,
     .is_reduced = true},
    {.shape = "11011010011",
     .kmer_limit = 60,
     .shared_min = 1,
     .centre_limit = 8,
     .is_reduced = true},
};
static const tal_seed protein_low[] = {
    {.shape = "1111111111",
     .kmer_limit = 20,
     .shared_min = 1,
     .centre_limit = 8,
     .is_reduced = true},
    {.shape = "1101101011",
     .kmer_limit = 60,
     .shared_min = 1,
     .centre_limit = 8,
     .is_reduced = true},
    {.shape = "11011011",
     .kmer_limit = 120,
     .shared_min = 1,
     .centre_limit = 8,
     .is_reduced = true},
};
static const tal_seed nucleotide_high[] = {
    {.shape = "1111111111111111111", .kmer_limit = 30, .shared_min = 1, .centre_limit = 8},
    {.shape = "110110011101110011011", .kmer_limit = 60, .shared_min = 1, .centre_limit = 8},
};

static const tal_seed protein_degrees = {
    .shape = "1111111111", .kmer_limit = 40, .is_reduced = true};
static const tal_seed nucleotide_degrees = {.shape = "1111111111111111111", .kmer_limit = 60};

tal_rounds tal_rounds_for(tal_alphabet alphabet, int32_t identity)
{
    if (alphabet == TAL_NUCLEOTIDE)
        return (tal_rounds){nucleotide_degrees, nucleotide_high,
                            sizeof(nucleotide_high) / sizeof(*nucleotide_high)};
    if (identity >= 7500)
        return (tal_rounds){protein_degrees, protein_high,
                            sizeof(protein_high) / sizeof(*protein_high)};
    return (tal_rounds){protein_degrees, protein_low, sizeof(protein_low) / sizeof(*protein_low)};
}

uint64_t tal_rounds_lowest(tal_alphabet alphabet)
{
    return alphabet == TAL_NUCLEOTIDE ? 60 : 30;
}
