/* The k-mers of a sequence that stand for it when similar ones are looked for.
 *
 * A k-mer is read through a seed shape (which positions count) and an alphabet of classes (which
 * letters count as equal), and becomes a 64-bit hash. Of each sequence those with the smallest
 * hashes are kept: sequences that share a k-mer tend to keep the same ones. After Hauser,
 * Steinegger and Soeding, "MMseqs software suite" (2016), and Steinegger and Soeding, "Clustering
 * huge protein sequence sets in linear time" (2018); smallest hashes after Broder (1997).
 */
#ifndef TAL_REDUCE_KMERS_H
#define TAL_REDUCE_KMERS_H

#include "base/buffer.h"
#include "base/status.h"
#include "seq/alphabet.h"

typedef struct tal_seed {
    const char *shape;     /* "1101": positions that count; at most 12 letters or 32 bases long */
    uint32_t kmer_limit;   /* kept of a sequence; 0: all */
    uint32_t shared_min;   /* k-mers that a pair must share to be looked at */
    uint32_t centre_limit; /* sequences of a group that the others are paired with */
    bool is_reduced;       /* proteins: 13 classes of letters instead of 20 */
} tal_seed;

typedef struct tal_kmer {
    uint64_t hash;
    uint32_t position;   /* of its first letter, in the sequence as it is stored */
    uint32_t is_reverse; /* nucleotides: it was read from the other strand */
} tal_kmer;

typedef struct tal_kmer_reader {
    tal_alphabet alphabet;
    tal_seed seed;
    uint32_t span;
    uint64_t mask, unknown_mask;      /* the positions that count: of the letters, a bit each */
    uint8_t class_of[TAL_CODE_COUNT]; /* CLASS_NONE: k-mers with this letter are left out */
} tal_kmer_reader;

/* The shape must begin and end with 1 (asserted); nucleotide shapes must be the same backwards. */
void tal_kmer_reader_init(tal_kmer_reader *reader, tal_alphabet alphabet, tal_seed seed);

/* The k-mers kept, in `kmers` (tal_kmer, emptied first), each distinct one once where the number is
 * limited, at its first position; where repeats are many, fewer than the limit. Nucleotides: the
 * smaller of the two strands' k-mers; those that are their own reverse complement are left out.
 * Cost: O(len). Threads: each its own buffers. */
tal_status tal_kmers_read(const tal_kmer_reader *reader, const uint8_t *codes, size_t len,
                          tal_buffer *kmers);

#endif
