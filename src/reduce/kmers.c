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
    FEW_BITS = 7, /* of the one that sorts those few that are small enough */
    FEW_COUNT = 1 << FEW_BITS,
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
    const unsigned bits = alphabet == TAL_PROTEIN ? PROTEIN_BITS : BASE_BITS;
    TAL_ASSERT(span * bits <= 64);
    TAL_ASSERT(seed.shape[0] == '1');
    TAL_ASSERT(seed.shape[span - 1] == '1');
    reader->span = (uint32_t)span;
    for (size_t i = 0; i < span; i++) {
        reader->mask <<= bits;
        reader->unknown_mask <<= 1;
        if (seed.shape[i] == '1') {
            reader->mask |= (UINT64_C(1) << bits) - 1;
            reader->unknown_mask |= 1;
        }
    }
    set_classes(reader);
}

/* K-mers whose hash is at most `most`, from a window of letters that moves on by one at a time.
 * Returns how many: there is room for all, and one more. */
static inline size_t read_window(const tal_kmer_reader *reader, const uint8_t *codes, size_t len,
                                 uint64_t most, const bool is_stranded, tal_kmer *out)
{
    const unsigned bits = is_stranded ? BASE_BITS : PROTEIN_BITS;
    const unsigned top = bits * (reader->span - 1);
    uint64_t window = 0, turned = 0; /* turned: of the other strand, complemented (3 - base) */
    uint64_t unknown = 0;            /* a bit for each letter without a class */
    size_t count = 0;
    for (size_t i = 0; i < len; i++) {
        const uint8_t class = reader->class_of[codes[i]];
        window = window << bits | (class & ((1u << bits) - 1));
        if (is_stranded)
            turned = turned >> bits | (uint64_t)(3 - (class & 3)) << top;
        unknown = unknown << 1 | class >> 7;
        if (i + 1 < reader->span || (unknown & reader->unknown_mask) != 0)
            continue;
        uint64_t word = window & reader->mask;
        bool is_reverse = false;
        if (is_stranded) {
            const uint64_t other = turned & reader->mask;
            if (other == word)
                continue;
            is_reverse = other < word;
            word = is_reverse ? other : word;
        }
        out[count] = (tal_kmer){.hash = mix(word),
                                .position = (uint32_t)(i + 1 - reader->span),
                                .is_reverse = is_reverse};
        count += out[count].hash <= most; /* Else the next one takes its place. */
    }
    return count;
}

static tal_status read_up_to(const tal_kmer_reader *reader, const uint8_t *codes, size_t len,
                             uint64_t most, tal_buffer *kmers)
{
    tal_buffer_reset(kmers);
    if (len < reader->span)
        return TAL_OK;
    tal_status status = tal_buffer_reserve(kmers, 2 * (len - reader->span + 2) * sizeof(tal_kmer));
    if (status != TAL_OK)
        return status;
    tal_kmer *out = (tal_kmer *)(void *)kmers->data;
    const size_t count = reader->alphabet == TAL_NUCLEOTIDE
                             ? read_window(reader, codes, len, most, true, out)
                             : read_window(reader, codes, len, most, false, out);
    kmers->bytes = count * sizeof(tal_kmer);
    return TAL_OK;
}

static bool is_before(const tal_kmer *a, const tal_kmer *b)
{
    return a->hash != b->hash ? a->hash < b->hash : a->position < b->position;
}

/* Leave few more than `wanted` of the smallest, nearly sorted: in the order of their hashes'
 * highest bits, those that are equal there by position. There is room for all of them twice. */
static size_t order_smallest(tal_kmer *items, size_t count, size_t wanted)
{
    uint32_t bins[BIN_COUNT] = {0};
    for (size_t i = 0; i < count; i++)
        bins[items[i].hash >> (64 - BIN_BITS)]++;
    size_t kept = 0;
    uint64_t bin = 0;
    while (kept < wanted) { /* Counts become places. */
        const uint32_t here = bins[bin];
        bins[bin++] = (uint32_t)kept;
        kept += here;
    }
    tal_kmer *ordered = items + count;
    for (size_t i = 0; i < count; i++)
        if (items[i].hash >> (64 - BIN_BITS) < bin)
            ordered[bins[items[i].hash >> (64 - BIN_BITS)]++] = items[i];
    memcpy(items, ordered, kept * sizeof(*items));
    return kept;
}

/* Nearly sort hashes up to `most`, likewise; a copy of that stays behind them. */
static void order_few(tal_kmer *items, size_t count, uint64_t most)
{
    uint32_t bins[FEW_COUNT] = {0};
    unsigned shift = 64 - FEW_BITS;
    while (shift > 0 && most >> shift < FEW_COUNT / 2)
        shift--;
    for (size_t i = 0; i < count; i++)
        bins[items[i].hash >> shift]++;
    uint32_t total = 0;
    for (size_t bin = 0; bin < FEW_COUNT; bin++) { /* Counts become places. */
        const uint32_t here = bins[bin];
        bins[bin] = total;
        total += here;
    }
    tal_kmer *ordered = items + count;
    for (size_t i = 0; i < count; i++)
        ordered[bins[items[i].hash >> shift]++] = items[i];
    memcpy(items, ordered, count * sizeof(*items));
}

/* Keep the `limit` distinct ones with the smallest hashes, sorted, of nearly sorted ones. */
static size_t keep_distinct(tal_kmer *items, size_t count, size_t limit)
{
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
        for (; last > j; last--)
            items[last] = items[last - 1];
        items[j] = item;
    }
    return distinct;
}

/* Repeats may take places: room for some of them. */
static size_t places_for(size_t limit)
{
    return limit + limit / 4;
}

static void keep_smallest(tal_buffer *kmers, size_t limit)
{
    tal_kmer *items = (tal_kmer *)(void *)kmers->data;
    size_t count = kmers->bytes / sizeof(*items);
    if (count > places_for(limit))
        count = order_smallest(items, count, places_for(limit));
    kmers->bytes = keep_distinct(items, count, limit) * sizeof(*items);
}

/* As keep_smallest of all, when only those up to `most` are there. False: that cannot be told from
 * them, for they are too few, or too many places are taken by repeats. */
static bool keep_few(tal_buffer *kmers, size_t limit, uint64_t most)
{
    tal_kmer *items = (tal_kmer *)(void *)kmers->data;
    const size_t count = kmers->bytes / sizeof(*items);
    if (count < limit)
        return false;
    order_few(items, count, most);
    if (keep_distinct(items, count, limit) < limit)
        return false;
    const tal_kmer *all = items + count;
    size_t places = 0; /* up to the largest that is kept */
    for (size_t i = 0; i < count; i++)
        places += all[i].hash <= items[limit - 1].hash;
    kmers->bytes = limit * sizeof(*items);
    return places <= places_for(limit);
}

/* The hash that half as many again as `limit` of `count` are expected to be below. */
static uint64_t choose_most(size_t count, size_t limit)
{
    const size_t wanted = limit + limit / 2 + 8;
    return limit == 0 || wanted >= count ? UINT64_MAX : UINT64_MAX / count * wanted;
}

tal_status tal_kmers_read(const tal_kmer_reader *reader, const uint8_t *codes, size_t len,
                          tal_buffer *kmers)
{
    const size_t limit = reader->seed.kmer_limit;
    const uint64_t most = choose_most(len, limit);
    tal_status status = read_up_to(reader, codes, len, most, kmers);
    if (status != TAL_OK || limit == 0 || (most < UINT64_MAX && keep_few(kmers, limit, most)))
        return status;
    if (most < UINT64_MAX)
        status = read_up_to(reader, codes, len, UINT64_MAX, kmers);
    if (status == TAL_OK)
        keep_smallest(kmers, limit);
    return status;
}
