/* Residue alphabets: letters <-> codes 0..31.
 *
 * A code indexes a row of a score profile (TAL_CODE_COUNT entries, see kernels/contract.h).
 * Protein codes follow the row order of NCBI matrix files, "ARNDCQEGHILKMFPSTWYVBJZX*", then U, O.
 * Nucleotide codes: A C G T, then the IUPAC ambiguity letters; U reads as T.
 */
#ifndef TAL_SEQ_ALPHABET_H
#define TAL_SEQ_ALPHABET_H

#include "base/types.h"

typedef enum tal_alphabet { TAL_PROTEIN = 0, TAL_NUCLEOTIDE, TAL_ALPHABET_COUNT } tal_alphabet;

enum {
    TAL_CODE_COUNT = 32,    /* codes fit in five bits */
    TAL_CODE_INVALID = 255, /* what a byte that is no letter maps to */
    TAL_PROTEIN_LETTER_COUNT = 27,
    TAL_NUCLEOTIDE_LETTER_COUNT = 15,
};

/* The code that pads batches (31): scores TAL_PAD_SCORE against everything. */
#define TAL_CODE_PAD 31

/* The letters in code order, upper case: "ARND..." or "ACGT...". */
const char *tal_alphabet_letters(tal_alphabet alphabet);

/* The code of a masked residue, the one after the letters: it scores as the unknown letter does and
 * never above 0, and has no letter of its own (seqset.h keeps what it was). */
static inline uint8_t tal_alphabet_mask_code(tal_alphabet alphabet)
{
    return alphabet == TAL_PROTEIN ? TAL_PROTEIN_LETTER_COUNT : TAL_NUCLEOTIDE_LETTER_COUNT;
}

/* "protein" or "nucleotide". */
const char *tal_alphabet_name(tal_alphabet alphabet);

/* Fill byte -> code (either case), TAL_CODE_INVALID for bytes that are no letters. */
void tal_alphabet_codes(tal_alphabet alphabet, uint8_t out_codes[256]);

/* The complement of a nucleotide code (R <-> Y and so on; masked stays masked). */
uint8_t tal_nucleotide_complement(uint8_t code);

/* Reverse complement of `len` codes; out must not overlap. */
void tal_nucleotide_reverse_complement(const uint8_t *codes, size_t len, uint8_t *out);

#endif
