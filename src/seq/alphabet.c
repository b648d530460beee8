/* Residue alphabets; see alphabet.h.
 *
 * IUPAC-IUB ambiguity codes: Cornish-Bowden, Nucleic Acids Research 13 (1985).
 */
#include "seq/alphabet.h"

static const char protein_letters[] = "ARNDCQEGHILKMFPSTWYVBJZX*UO";
static const char nucleotide_letters[] = "ACGTRYSWKMBDHVN";

_Static_assert(sizeof(protein_letters) == TAL_PROTEIN_LETTER_COUNT + 1, "one code per letter");
_Static_assert(sizeof(nucleotide_letters) == TAL_NUCLEOTIDE_LETTER_COUNT + 1,
               "one code per letter");

/* Bytes to codes plus one, so that every byte not named here is invalid (0 - 1 = 255). */
static const uint8_t protein_plus_one[256] = {
    ['A'] = 1,  ['a'] = 1,  ['R'] = 2,  ['r'] = 2,  ['N'] = 3,  ['n'] = 3,  ['D'] = 4,  ['d'] = 4,
    ['C'] = 5,  ['c'] = 5,  ['Q'] = 6,  ['q'] = 6,  ['E'] = 7,  ['e'] = 7,  ['G'] = 8,  ['g'] = 8,
    ['H'] = 9,  ['h'] = 9,  ['I'] = 10, ['i'] = 10, ['L'] = 11, ['l'] = 11, ['K'] = 12, ['k'] = 12,
    ['M'] = 13, ['m'] = 13, ['F'] = 14, ['f'] = 14, ['P'] = 15, ['p'] = 15, ['S'] = 16, ['s'] = 16,
    ['T'] = 17, ['t'] = 17, ['W'] = 18, ['w'] = 18, ['Y'] = 19, ['y'] = 19, ['V'] = 20, ['v'] = 20,
    ['B'] = 21, ['b'] = 21, ['J'] = 22, ['j'] = 22, ['Z'] = 23, ['z'] = 23, ['X'] = 24, ['x'] = 24,
    ['*'] = 25, ['U'] = 26, ['u'] = 26, ['O'] = 27, ['o'] = 27,
};
static const uint8_t nucleotide_plus_one[256] = {
    ['A'] = 1,  ['a'] = 1,  ['C'] = 2,  ['c'] = 2,  ['G'] = 3,  ['g'] = 3,  ['T'] = 4,  ['U'] = 4,
    ['t'] = 4,  ['u'] = 4,  ['R'] = 5,  ['r'] = 5,  ['Y'] = 6,  ['y'] = 6,  ['S'] = 7,  ['s'] = 7,
    ['W'] = 8,  ['w'] = 8,  ['K'] = 9,  ['k'] = 9,  ['M'] = 10, ['m'] = 10, ['B'] = 11, ['b'] = 11,
    ['D'] = 12, ['d'] = 12, ['H'] = 13, ['h'] = 13, ['V'] = 14, ['v'] = 14, ['N'] = 15, ['n'] = 15,
};

const char *tal_alphabet_letters(tal_alphabet alphabet)
{
    return alphabet == TAL_PROTEIN ? protein_letters : nucleotide_letters;
}

const char *tal_alphabet_name(tal_alphabet alphabet)
{
    return alphabet == TAL_PROTEIN ? "protein" : "nucleotide";
}

void tal_alphabet_codes(tal_alphabet alphabet, uint8_t out_codes[256])
{
    const uint8_t *plus_one = alphabet == TAL_PROTEIN ? protein_plus_one : nucleotide_plus_one;
    for (int byte = 0; byte < 256; byte++)
        out_codes[byte] = (uint8_t)(plus_one[byte] - 1);
}

uint8_t tal_nucleotide_complement(uint8_t code)
{
    /* A C G T R Y S W K M B D H V N -> T G C A Y R S W M K V H D B N, and masked */
    static const uint8_t complements[TAL_NUCLEOTIDE_LETTER_COUNT + 1] = {
        3, 2, 1, 0, 5, 4, 6, 7, 9, 8, 13, 12, 11, 10, 14, TAL_NUCLEOTIDE_LETTER_COUNT};
    return complements[code];
}

void tal_nucleotide_reverse_complement(const uint8_t *codes, size_t len, uint8_t *out)
{
    for (size_t i = 0; i < len; i++)
        out[i] = tal_nucleotide_complement(codes[len - 1 - i]);
}
