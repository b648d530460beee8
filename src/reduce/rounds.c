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
    {.shape = "11011011", .kmer_limit = 0, .shared_min = 2, .centre_limit = 8, .is_reduced = true},
};
static const tal_seed nucleotide_high[] = {
    {.shape = "1111111111111111111", .kmer_limit = 30, .shared_min = 1, .centre_limit = 8},
    {.shape = "110110011101110011011", .kmer_limit = 60, .shared_min = 1, .centre_limit = 8},
};

#define ROUNDS(seeds)                           \
    {                                           \
        seeds, sizeof(seeds) / sizeof(*(seeds)) \
    }

const tal_rounds *tal_rounds_for(tal_alphabet alphabet, int32_t identity)
{
    static const tal_rounds rounds_high = ROUNDS(protein_high);
    static const tal_rounds rounds_low = ROUNDS(protein_low);
    static const tal_rounds rounds_nucleotide = ROUNDS(nucleotide_high);
    if (alphabet == TAL_NUCLEOTIDE)
        return &rounds_nucleotide;
    return identity >= 7500 ? &rounds_high : &rounds_low;
}
