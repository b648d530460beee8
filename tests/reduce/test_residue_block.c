/* Blocks of representatives and members: what goes in comes out; damage is met with a status. */
#include "harness.h"

#include "reduce/family.h"
#include "reduce/residue_block.h"

#include <string.h>

const char test_suite_name[] = "reduce/residue_block";

enum { CLUSTERS = 12, MEMBERS_MAX = 100 };

/* Some clusters and a block of their members. */
typedef struct sample {
    tal_sequences representatives;
    tal_member members[MEMBERS_MAX];
    tal_buffer codes[MEMBERS_MAX];
    tal_cigar edits[MEMBERS_MAX];
    size_t count;
    uint64_t residue_count;
} sample;

static const uint8_t *representative_of(void *context, uint64_t cluster, int32_t *out_len)
{
    const sample *made = context;
    if (cluster < 100 || cluster >= 100 + CLUSTERS)
        return NULL;
    return tal_sequences_get(&made->representatives, (size_t)(cluster - 100), out_len);
}

static void sample_make(sample *made, tal_alphabet alphabet, int change_permille)
{
    memset(made, 0, sizeof(*made));
    for (int i = 0; i < CLUSTERS; i++) {
        tal_buffer codes = {0};
        test_random_codes(alphabet, (int32_t)test_random_in(i == 5 ? 0 : 1, 400), &codes);
        CU_ASSERT_EQUAL_FATAL(tal_sequences_append(&made->representatives, codes.data, codes.bytes),
                              TAL_OK);
        tal_buffer_deinit(&codes);
    }
    uint64_t cluster = 102, ordinal = 7; /* The block goes on with a cluster. */
    for (size_t i = 0; i < MEMBERS_MAX; i++) {
        tal_member *member = &made->members[i];
        int32_t ref_len = 0;
        const uint8_t *ref = representative_of(made, cluster, &ref_len);
        test_relative(alphabet, ref, ref_len, change_permille, &made->codes[i], &made->edits[i],
                      &member->assigned);
        member->cluster = cluster;
        member->ordinal = ordinal++;
        member->codes = made->codes[i].data;
        member->len = (int32_t)made->codes[i].bytes;
        made->residue_count += made->codes[i].bytes;
        made->count++;
        if (test_random_in(0, 9) == 0 && cluster < 100 + CLUSTERS - 3) {
            cluster += (uint64_t)test_random_in(1, 2);
            ordinal = 1;
        }
    }
}

static void sample_deinit(sample *made)
{
    for (size_t i = 0; i < MEMBERS_MAX; i++) {
        tal_buffer_deinit(&made->codes[i]);
        tal_cigar_deinit(&made->edits[i]);
    }
    tal_sequences_deinit(&made->representatives);
}

static void check_member(const tal_member *got, const tal_member *made)
{
    CU_ASSERT_EQUAL(got->cluster, made->cluster);
    CU_ASSERT_EQUAL(got->ordinal, made->ordinal);
    CU_ASSERT_EQUAL_FATAL(got->len, made->len);
    CU_ASSERT(memcmp(got->codes, made->codes, (size_t)got->len) == 0);
    CU_ASSERT_EQUAL(got->assigned.is_reverse, made->assigned.is_reverse);
    CU_ASSERT_EQUAL_FATAL(got->assigned.edit_count, made->assigned.edit_count);
    CU_ASSERT(memcmp(got->assigned.edits, made->assigned.edits,
                     got->assigned.edit_count * sizeof(uint32_t)) == 0);
    CU_ASSERT(memcmp(&got->assigned.certificate, &made->assigned.certificate,
                     sizeof(tal_certificate)) == 0);
}

static void members_come_back_with_their_certificates(void)
{
    for (int trial = 0; trial < 16; trial++) {
        const tal_alphabet alphabet = trial % 2 == 0 ? TAL_PROTEIN : TAL_NUCLEOTIDE;
        static sample made;
        sample_make(&made, alphabet, (trial / 2) * 60);
        tal_residue_codec *codec = NULL;
        CU_ASSERT_EQUAL_FATAL(tal_residue_codec_create(alphabet, &codec), TAL_OK);
        const tal_representative_source source = {representative_of, &made};
        tal_buffer block = {0};
        CU_ASSERT_EQUAL_FATAL(tal_members_encode(codec, made.members, made.count, source, &block),
                              TAL_OK);
        const tal_members_place place = {.cluster = made.members[0].cluster,
                                         .ordinal = made.members[0].ordinal,
                                         .count = made.count,
                                         .residue_limit = made.residue_count};
        tal_members got = {0};
        CU_ASSERT_EQUAL_FATAL(
            tal_members_decode(codec, block.data, block.bytes, &place, source, &got), TAL_OK);
        CU_ASSERT_EQUAL_FATAL(got.count, made.count);
        for (size_t i = 0; i < got.count; i++)
            check_member((const tal_member *)(const void *)got.rows.data + i, &made.members[i]);
        tal_members_deinit(&got);
        tal_buffer_deinit(&block);
        tal_residue_codec_destroy(codec);
        sample_deinit(&made);
    }
}

static void damaged_members_are_bounded(void)
{
    static sample made;
    for (int alphabet = 0; alphabet < TAL_ALPHABET_COUNT; alphabet++) {
        sample_make(&made, (tal_alphabet)alphabet, 100);
        tal_residue_codec *codec = NULL;
        CU_ASSERT_EQUAL_FATAL(tal_residue_codec_create((tal_alphabet)alphabet, &codec), TAL_OK);
        const tal_representative_source source = {representative_of, &made};
        tal_buffer block = {0};
        CU_ASSERT_EQUAL_FATAL(tal_members_encode(codec, made.members, made.count, source, &block),
                              TAL_OK);
        tal_members got = {0};
        for (int trial = 0; trial < 100; trial++) {
            const size_t at = (size_t)test_random_in(0, (int64_t)block.bytes - 1);
            const uint8_t flip = (uint8_t)(1 << test_random_in(0, 7));
            block.data[at] ^= flip;
            const tal_members_place place = {102, 7, made.count, made.residue_count};
            const size_t bytes = trial % 3 == 0 ? at : block.bytes;
            const tal_status status =
                tal_members_decode(codec, block.data, bytes, &place, source, &got);
            CU_ASSERT(status == TAL_OK || status == TAL_ERR_DATA);
            CU_ASSERT(got.residues.bytes <= made.residue_count);
            block.data[at] ^= flip;
        }
        tal_members_deinit(&got);
        tal_buffer_deinit(&block);
        tal_residue_codec_destroy(codec);
        sample_deinit(&made);
    }
}

static void representatives_come_back(void)
{
    for (int trial = 0; trial < 8; trial++) {
        const tal_alphabet alphabet = trial % 2 == 0 ? TAL_PROTEIN : TAL_NUCLEOTIDE;
        static sample made;
        sample_make(&made, alphabet, 0);
        tal_residue_codec *codec = NULL;
        CU_ASSERT_EQUAL_FATAL(tal_residue_codec_create(alphabet, &codec), TAL_OK);
        tal_buffer block = {0};
        tal_sequences got = {0};
        tal_hash before, after;
        CU_ASSERT_EQUAL_FATAL(
            tal_representatives_encode(codec, &made.representatives, &block, &before), TAL_OK);
        const uint64_t residues = made.representatives.residues.bytes;
        CU_ASSERT_EQUAL_FATAL(tal_representatives_decode(codec, block.data, block.bytes, CLUSTERS,
                                                         residues, &got, &after),
                              TAL_OK);
        CU_ASSERT(before.low == after.low && before.high == after.high);
        CU_ASSERT_EQUAL_FATAL(got.residues.bytes, residues);
        CU_ASSERT(memcmp(got.residues.data, made.representatives.residues.data, residues) == 0);
        CU_ASSERT_EQUAL(tal_representatives_decode(codec, block.data, block.bytes, CLUSTERS,
                                                   residues - 1, &got, &after),
                        TAL_ERR_DATA);
        CU_ASSERT_EQUAL(tal_representatives_decode(codec, block.data, block.bytes / 2, CLUSTERS,
                                                   residues, &got, &after),
                        TAL_ERR_DATA);
        tal_sequences_deinit(&got);
        tal_buffer_deinit(&block);
        tal_residue_codec_destroy(codec);
        sample_deinit(&made);
    }
}

/* Relatives of one genome, on either strand, with letters that are no bases. */
static void make_relatives(tal_sequences *out_sequences)
{
    enum { GENOME_LEN = 4000, RELATIVES = 40 };
    static uint8_t genome[GENOME_LEN], copy[GENOME_LEN], turned[GENOME_LEN];
    for (int i = 0; i < GENOME_LEN; i++)
        genome[i] = (uint8_t)test_random_in(0, 3);
    for (int relative = 0; relative < RELATIVES; relative++) {
        for (int i = 0; i < GENOME_LEN; i++)
            copy[i] = test_random_in(0, 99) == 0 ? (uint8_t)test_random_in(0, 3) : genome[i];
        const int begin = (int)test_random_in(0, 400), end = (int)test_random_in(3000, GENOME_LEN);
        for (int i = 0; i < 200 && relative % 5 == 0; i++)
            copy[begin + 1000 + i] = TAL_NUCLEOTIDE_LETTER_COUNT - 1;
        copy[begin + 700] = (uint8_t)test_random_in(0, TAL_NUCLEOTIDE_LETTER_COUNT - 1);
        const size_t len = (size_t)(end - begin);
        tal_nucleotide_reverse_complement(copy + begin, len, turned);
        CU_ASSERT_EQUAL_FATAL(
            tal_sequences_append(out_sequences, relative % 4 == 3 ? turned : copy + begin, len),
            TAL_OK);
    }
}

static void relatives_cost_little_and_come_back(void)
{
    tal_sequences relatives = {0}, got = {0};
    tal_residue_codec *codec = NULL;
    CU_ASSERT_EQUAL_FATAL(tal_residue_codec_create(TAL_NUCLEOTIDE, &codec), TAL_OK);
    tal_buffer block = {0};
    tal_hash before, after;
    for (int turn = 0; turn < 2; turn++) { /* The second as if there was no first. */
        tal_sequences_reset(&relatives);
        tal_buffer_reset(&block);
        make_relatives(&relatives);
        CU_ASSERT_EQUAL_FATAL(tal_representatives_encode(codec, &relatives, &block, &before),
                              TAL_OK);
        CU_ASSERT(block.bytes < relatives.residues.bytes / 15);
        CU_ASSERT_EQUAL_FATAL(tal_representatives_decode(codec, block.data, block.bytes,
                                                         relatives.count, relatives.residues.bytes,
                                                         &got, &after),
                              TAL_OK);
        CU_ASSERT(before.low == after.low && before.high == after.high);
        for (int trial = 0; trial < 200; trial++) {
            const size_t at = (size_t)test_random_in(0, (int64_t)block.bytes - 1);
            const uint8_t flip = (uint8_t)(1 << test_random_in(0, 7));
            block.data[at] ^= flip;
            const tal_status status =
                tal_representatives_decode(codec, block.data, block.bytes, relatives.count,
                                           relatives.residues.bytes, &got, &after);
            CU_ASSERT(status == TAL_ERR_DATA || before.low != after.low || at + 4 > block.bytes);
            block.data[at] ^= flip;
        }
    }
    tal_sequences_deinit(&got);
    tal_sequences_deinit(&relatives);
    tal_buffer_deinit(&block);
    tal_residue_codec_destroy(codec);
}

static void numbers_of_any_size_come_back(void)
{
    tal_buffer bytes = {0};
    tal_coder coder;
    tal_number number;
    tal_coder_init_encoder(&coder, &bytes);
    tal_number_reset(&number);
    for (int pass = 0; pass < 2; pass++) {
        for (int shift = 0; shift < 64; shift++) {
            for (int64_t near = -2; near <= 2; near++) {
                const uint64_t value = (UINT64_C(1) << shift) + (uint64_t)near;
                CU_ASSERT_EQUAL(tal_coder_number(&coder, &number, pass == 0 ? value : 0), value);
                CU_ASSERT_EQUAL(tal_coder_signed(&coder, &number, pass == 0 ? (int64_t)value : 0),
                                (int64_t)value);
            }
        }
        CU_ASSERT_EQUAL(tal_coder_finish(&coder), TAL_OK);
        tal_coder_init_decoder(&coder, bytes.data, bytes.bytes);
        tal_number_reset(&number);
    }
    tal_buffer_deinit(&bytes);
}

const test_case test_cases[] = {
    TEST_CASE(numbers_of_any_size_come_back),
    TEST_CASE(representatives_come_back),
    TEST_CASE(relatives_cost_little_and_come_back),
    TEST_CASE(members_come_back_with_their_certificates),
    TEST_CASE(damaged_members_are_bounded),
    {0},
};
