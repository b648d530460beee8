/* What the first bytes of a (decompressed) sequence file tell. */
#ifndef TAL_SEQ_DETECT_H
#define TAL_SEQ_DETECT_H

#include "base/status.h"
#include "base/types.h"
#include "seq/alphabet.h"

/* How many bytes of the first file the alphabet is guessed from. */
#define TAL_DETECT_BYTES (1u << 20)

/* Nucleotide when every letter of the residue lines is an IUPAC nucleotide letter and at least
 * 90 % are A, C, G, T, U or N; protein otherwise, also when there are no letters. Pure. */
tal_alphabet tal_alphabet_detect(const uint8_t *head, size_t bytes);

/* TAL_ERR_DATA when the file cannot be FASTA: the first byte that is neither blank nor comment is
 * not '>'. `name` is for the message. What looks like FASTA so far is TAL_OK, nothing too. */
tal_status tal_fasta_check_head(const char *name, const uint8_t *head, size_t bytes);

#endif
