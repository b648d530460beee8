/* K-mers of a sequence; see kmers.h. */
#include "reduce/kmers.h"

#include "base/check.h"

#include <string.h>

enum {
    CLASS_NONE = 255,
    PROTEIN_BITS = 5,
    BASE_BITS = 2,
    BIN_BITS = 10, /* of the histogram that finds how small a hash must be */
    BIN_COUNT = 1 << BIN_BITS,
};

/* Letters that often stand for one another under BLOSUM62: 13 classes, those of MMseqs2. */
static const char *const reduced_classes[] = {"A",   "C",  "DB", "EQZ", "FY", "G",  "H",
                                              "IVJ", "KR", "LM", "N",   "P",  "ST", "W"};

/* Finalizer of SplitMix64 (Steele, Lea, Flood 2014): a bijection. */
static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static void set_classes(tal_kmer_reader *reader)
{
    uint8_t code_of[256];
    tal_alphabet_codes(reader->alphabet, code_of);
    memset(reader->class_of, CLASS_NONE, sizeof(reader->class_of));
    if (reader->alphabet == TAL_NUCLEOTIDE) {
        for (uint8_t base = 0; base < 4; base++)
            reader->class_of[base] = base;
        return;
    }
    for (uint8_t code = 0; code < 20 && !reader->seed.is_reduced; code++)
        reader->class_of[code] = code;
    size_t class_count = sizeof(reduced_classes) / sizeof(*reduced_classes);
    for (uint8_t i = 0; i < class_count && reader->seed.is_reduced; i++)
        for (const char *letter = reduced_classes[i]; *letter != '\0'; letter++)
            if (code_of[(uint8_t)*letter] < 20)
                reader->class_of[code_of[(uint8_t)*letter]] = i;
}

void tal_kmer_reader_init(tal_kmer_reader *reader, tal_alphabet alphabet, tal_seed seed)
{
    *reader = (tal_kmer_reader){.alphabet = alphabet, .seed = seed};
    size_t span = strlen(seed.shape);
    TAL_ASSERT(span >= 1);
    TAL_ASSERT(span <= sizeof(reader->offsets));
    TAL_ASSERT(seed.shape[0] == '1');
    TAL_ASSERT(seed.shape[span - 1] == '1');
    for (size_t i = 0; i < span; i++)
        if (seed.shape[i] == '1')
            reader->offsets[reader->weight++] = (uint8_t)i;
    reader->span = (uint32_t)span;
    TAL_ASSERT(reader->weight <= (alphabet == TAL_PROTEIN ? 12 : 31));
    set_classes(reader);
}

/* The packed letters at `codes`; false when one has no class. */
static bool pack(const tal_kmer_reader *reader, const uint8_t *codes, uint64_t *out_word)
{
    const unsigned bits = reader->alphabet == TAL_PROTEIN ? PROTEIN_BITS : BASE_BITS;
    uint64_t word = 0;
    uint8_t seen = 0;
    for (uint32_t i = 0; i < reader->weight; i++) {
        uint8_t class = reader->class_of[codes[reader->offsets[i]]];
        seen |= class;
        word = word << bits | (class & ((1u << bits) - 1));
    }
    *out_word = word;
    return (seen & 0x80) == 0;
}

/* The word of the other strand: letters complemented (3 - base), order turned round. */
static uint64_t turn(uint64_t word, uint32_t weight)
{
    uint64_t turned = 0;
    for (uint32_t i = 0; i < weight; i++) {
        turned = turned << BASE_BITS | (3 - (word & 3));
        word >>= BASE_BITS;
    }
    return turned;
}

static tal_status read_all(const tal_kmer_reader *reader, const uint8_t *codes, size_t len,
                           tal_buffer *kmers)
{
    tal_buffer_reset(kmers);
    if (len < reader->span)
        return TAL_OK;
    tal_status status = tal_buffer_reserve(kmers, (len - reader->span + 1) * sizeof(tal_kmer));
    if (status != TAL_OK)
        return status;
    tal_kmer *out = (tal_kmer *)(void *)kmers->data;
    size_t count = 0;
    for (size_t i = 0; i + reader->span <= len; i++) {
        uint64_t word;
        if (!pack(reader, codes + i, &word))
            continue;
        bool is_reverse = false;
        if (reader->alphabet == TAL_NUCLEOTIDE) {
            uint64_t turned = turn(word, reader->weight);
            if (turned == word)
                continue;
            is_reverse = turned < word;
            word = is_reverse ? turned : word;
        }
        out[count++] =
            (tal_kmer){.hash = mix(word), .position = (uint32_t)i, .is_reverse = is_reverse};
    }
    kmers->bytes = count * sizeof(tal_kmer);
    return TAL_OK;
}

static bool is_before(const tal_kmer *a, const tal_kmer *b)
{
    return a->hash != b->hash ? a->hash < b->hash : a->position < b->position;
}

/* Keep the `limit` distinct ones with the smallest hashes, sorted. The histogram leaves few more
 * than are wanted to be sorted; hashes are even, so bins are small. */
static void keep_smallest(tal_buffer *kmers, size_t limit)
{
    tal_kmer *items = (tal_kmer *)(void *)kmers->data;
    size_t count = kmers->bytes / sizeof(*items);
    /* Repeats may take places of a bin: room for some of them. */
    const size_t wanted = limit + limit / 4;
    if (count > wanted) {
        uint32_t bins[BIN_COUNT] = {0};
        for (size_t i = 0; i < count; i++)
            bins[items[i].hash >> (64 - BIN_BITS)]++;
        size_t below = 0;
        uint64_t bin = 0;
        while (below < wanted)
            below += bins[bin++];
        size_t kept = 0;
        for (size_t i = 0; i < count; i++)
            if (items[i].hash >> (64 - BIN_BITS) < bin)
                items[kept++] = items[i];
        count = kept;
    }
    size_t distinct = 0; /* the smallest distinct ones so far, sorted, at most `limit` */
    for (size_t i = 0; i < count; i++) {
        tal_kmer item = items[i];
        if (distinct == limit && !is_before(&item, &items[distinct - 1]))
            continue;
        size_t j = distinct;
        while (j > 0 && item.hash < items[j - 1].hash)
            j--;
        if (j > 0 && items[j - 1].hash == item.hash)
            continue; /* A repeat: the first position stays. */
        size_t last = distinct < limit ? distinct++ : limit - 1;
        memmove(&items[j + 1], &items[j], (last - j) * sizeof(*items));
        items[j] = item;
    }
    kmers->bytes = distinct * sizeof(*items);
}

tal_status tal_kmers_read(const tal_kmer_reader *reader, const uint8_t *codes, size_t len,
                          tal_buffer *kmers)
{
    tal_status status = read_all(reader, codes, len, kmers);
    if (status == TAL_OK && reader->seed.kmer_limit > 0)
        keep_smallest(kmers, reader->seed.kmer_limit);
    return status;
}
