/* K-mers kept of a sequence: against a plain search for the smallest. */
#include "harness.h"

#include "base/alloc.h"
#include "reduce/kmers.h"

#include <stdlib.h>
#include <string.h>

const char test_suite_name[] = "reduce/kmers";

enum { LEN_MAX = 400 };

static const tal_kmer *items_of(const tal_buffer *kmers)
{
    return (const tal_kmer *)(const void *)kmers->data;
}

static void fill(uint8_t *codes, size_t len, int letters)
{
    for (size_t i = 0; i < len; i++)
        codes[i] = (uint8_t)test_random_in(0, letters - 1);
}

static int compare_kmers(const void *left, const void *right)
{
    const tal_kmer *a = left;
    const tal_kmer *b = right;
    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    return (a->position > b->position) - (a->position < b->position);
}

/* A sequence of few words, again and again. */
static void repeat(uint8_t *codes, size_t len)
{
    const size_t period = (size_t)test_random_in(8, 60);
    for (size_t i = period; i < len; i++)
        if (test_random_in(0, 40) != 0)
            codes[i] = codes[i - period];
}

/* The hashes that count, whatever the limit: the smallest ones, a quarter more than the limit, and
 * those that are equal to the last of them in their highest ten bits. */
static uint64_t cut_of(const tal_buffer *sorted, size_t count, uint32_t limit)
{
    const size_t places = limit + limit / 4;
    return count <= places ? UINT64_MAX : items_of(sorted)[places - 1].hash | UINT64_MAX >> 10;
}

/* The limited list is the begin of the sorted full one without repeats. */
static void keeps_the_smallest_distinct_hashes_at_their_first_positions(void)
{
    tal_buffer all = {0}, kept = {0};
    uint8_t codes[LEN_MAX];
    for (int round = 0; round < 600; round++) {
        const tal_alphabet alphabet = round % 2 == 0 ? TAL_PROTEIN : TAL_NUCLEOTIDE;
        const size_t len = (size_t)test_random_in(0, LEN_MAX);
        const uint32_t limit = (uint32_t)test_random_in(1, 30);
        tal_seed seed = {.shape = "1101011", .is_reduced = round % 4 == 0};
        tal_kmer_reader reader;
        fill(codes, len, 20 - round % 2 * 16);
        if (round % 3 == 0)
            repeat(codes, len);
        tal_kmer_reader_init(&reader, alphabet, seed);
        CU_ASSERT(tal_kmers_read(&reader, codes, len, &all) == TAL_OK);
        seed.kmer_limit = limit;
        tal_kmer_reader_init(&reader, alphabet, seed);
        CU_ASSERT(tal_kmers_read(&reader, codes, len, &kept) == TAL_OK);
        size_t all_count = all.bytes / sizeof(tal_kmer), kept_count = kept.bytes / sizeof(tal_kmer);
        if (all_count > 0)
            qsort(all.data, all_count, sizeof(tal_kmer), compare_kmers);
        const uint64_t cut = cut_of(&all, all_count, limit);
        size_t k = 0;
        for (size_t i = 0; i < all_count && k < limit && items_of(&all)[i].hash <= cut; i++) {
            if (i > 0 && items_of(&all)[i].hash == items_of(&all)[i - 1].hash)
                continue;
            CU_ASSERT_FATAL(k < kept_count);
            CU_ASSERT(items_of(&all)[i].hash == items_of(&kept)[k].hash);
            CU_ASSERT(items_of(&all)[i].position == items_of(&kept)[k].position);
            k++;
        }
        CU_ASSERT(k == kept_count);
    }
    tal_buffer_deinit(&all);
    tal_buffer_deinit(&kept);
}

static void both_strands_of_nucleotides_give_the_same_hashes(void)
{
    tal_buffer plus = {0}, minus = {0};
    uint8_t codes[LEN_MAX], turned[LEN_MAX];
    const tal_seed seed = {.shape = "1100110011", .kmer_limit = 40};
    tal_kmer_reader reader;
    tal_kmer_reader_init(&reader, TAL_NUCLEOTIDE, seed);
    for (int round = 0; round < 50; round++) {
        fill(codes, LEN_MAX, 4);
        tal_nucleotide_reverse_complement(codes, LEN_MAX, turned);
        CU_ASSERT(tal_kmers_read(&reader, codes, LEN_MAX, &plus) == TAL_OK);
        CU_ASSERT(tal_kmers_read(&reader, turned, LEN_MAX, &minus) == TAL_OK);
        CU_ASSERT(plus.bytes == minus.bytes);
        for (size_t i = 0; i < plus.bytes / sizeof(tal_kmer); i++)
            CU_ASSERT(items_of(&plus)[i].hash == items_of(&minus)[i].hash);
    }
    tal_buffer_deinit(&plus);
    tal_buffer_deinit(&minus);
}

static void letters_without_class_and_short_sequences_give_none(void)
{
    tal_buffer kmers = {0};
    uint8_t codes[16], code_of[256];
    const tal_seed seed = {.shape = "11111"};
    tal_kmer_reader reader;
    tal_alphabet_codes(TAL_PROTEIN, code_of);
    tal_kmer_reader_init(&reader, TAL_PROTEIN, seed);
    fill(codes, sizeof(codes), 20);
    codes[7] = code_of['X'];
    CU_ASSERT(tal_kmers_read(&reader, codes, sizeof(codes), &kmers) == TAL_OK);
    CU_ASSERT(kmers.bytes / sizeof(tal_kmer) == 12 - 5);
    CU_ASSERT(tal_kmers_read(&reader, codes, 4, &kmers) == TAL_OK);
    CU_ASSERT(kmers.bytes == 0);
    tal_buffer_deinit(&kmers);
}

const test_case test_cases[] = {
    TEST_CASE(keeps_the_smallest_distinct_hashes_at_their_first_positions),
    TEST_CASE(both_strands_of_nucleotides_give_the_same_hashes),
    TEST_CASE(letters_without_class_and_short_sequences_give_none),
    {0},
};
