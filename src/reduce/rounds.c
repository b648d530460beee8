/* Seeds by alphabet and identity; see rounds.h. Measured, see docs/performance.md. */
#include "reduce/rounds.h"

enum {
    /* Five classes of 13 make 371,293 words: up to eight residues for each, a seed of five letters
     * finds hardly more sequences by chance than a word has centres. Below this identity few pairs
     * share longer ones. */
    SHORT_IDENTITY = 4500,
    SHORT_RESIDUES = 8 * 13 * 13 * 13 * 13 * 13,
};

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
/* The last one where identities are low and the set is small, see SHORT_IDENTITY. */
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
    {.shape = "110111", .kmer_limit = 240, .shared_min = 1, .centre_limit = 8, .is_reduced = true},
};
static const tal_seed nucleotide_high[] = {
    {.shape = "1111111111111111111", .kmer_limit = 30, .shared_min = 1, .centre_limit = 8},
    {.shape = "110110011101110011011", .kmer_limit = 60, .shared_min = 1, .centre_limit = 8},
};

static const tal_seed protein_degrees = {
    .shape = "1111111111", .kmer_limit = 40, .is_reduced = true};
static const tal_seed nucleotide_degrees = {.shape = "1111111111111111111", .kmer_limit = 60};

tal_rounds tal_rounds_for(tal_alphabet alphabet, int32_t identity, uint64_t residue_count)
{
    const size_t low_count = sizeof(protein_low) / sizeof(*protein_low);
    const bool has_short = identity < SHORT_IDENTITY && residue_count <= SHORT_RESIDUES;
    if (alphabet == TAL_NUCLEOTIDE)
        return (tal_rounds){nucleotide_degrees, nucleotide_high,
                            sizeof(nucleotide_high) / sizeof(*nucleotide_high)};
    if (identity >= 7500)
        return (tal_rounds){protein_degrees, protein_high,
                            sizeof(protein_high) / sizeof(*protein_high)};
    return (tal_rounds){protein_degrees, protein_low, low_count - !has_short};
}

uint64_t tal_rounds_lowest(tal_alphabet alphabet)
{
    return alphabet == TAL_NUCLEOTIDE ? 60 : 30;
}
