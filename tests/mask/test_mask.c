/* Methods of masking, and masks in sets. */
#include "harness.h"
#include "team_of.h"

#include "mask/mask.h"

#include <stdlib.h>
#include <string.h>

const char test_suite_name[] = "mask/mask";

enum { LEN_MAX = 6000 };

static uint8_t codes[LEN_MAX];
static int32_t len;

static void encode(tal_alphabet alphabet, const char *text)
{
    uint8_t of_letter[256];
    tal_alphabet_codes(alphabet, of_letter);
    len = (int32_t)strlen(text);
    for (int32_t i = 0; i < len; i++)
        codes[i] = of_letter[(uint8_t)text[i]];
}

/* The masked text, in lower case; in a static buffer. */
static const char *masked(tal_mask_method method, tal_alphabet alphabet, const char *text)
{
    static char shown[LEN_MAX + 1];
    encode(alphabet, text);
    tal_mask_scratch scratch = {0};
    tal_buffer masks = {0};
    CU_ASSERT_EQUAL_FATAL(
        tal_mask_find(method, tal_cpu_isa_best(), alphabet, codes, len, &scratch, &masks), TAL_OK);
    memcpy(shown, text, (size_t)len + 1);
    const tal_mask_span *span = (const tal_mask_span *)(const void *)masks.data;
    int32_t before = -1;
    for (size_t i = 0; i < masks.bytes / sizeof(*span); i++) {
        CU_ASSERT(span[i].begin > before);
        CU_ASSERT(span[i].begin < span[i].end);
        CU_ASSERT(span[i].end <= len);
        before = span[i].end;
        for (int32_t j = span[i].begin; j < span[i].end; j++)
            shown[j] = (char)(shown[j] >= 'A' && shown[j] <= 'Z' ? shown[j] - 'A' + 'a' : shown[j]);
    }
    tal_mask_scratch_deinit(&scratch);
    tal_buffer_deinit(&masks);
    return shown;
}

/* The figures below are what the programs tantan 40, segmasker and dustmasker 2.12 mask. */
static void tandem_repeats_of_proteins_are_masked_from_the_second_unit_on(void)
{
    CU_ASSERT_STRING_EQUAL(masked(TAL_MASK_TANTAN, TAL_PROTEIN,
                                  "MKWVLDTFHERANCYGIPTQSQGSQGSQGSQGSQGSQGWHACDFIKMERTPNVYLQ"),
                           "MKWVLDTFHERANCYGIPTQSQGsqgsqgsqgsqgsqgwHACDFIKMERTPNVYLQ");
}

/* Units of 24, as of leucine-rich repeats, and of 3; with one scratch, one after the other. */
static void short_tantan_leaves_repeats_of_long_units(void)
{
    static const char text[] = "MKWVLDTFHERANCYGIPTQ"
                               "LPSLRELNVSHNQIAGWTEDFCYK"
                               "LPSLRELNVSHNQIAGWTEDFCYK"
                               "LPSLRELNVSHNQIAGWTEDFCYK"
                               "DTFHERANCYGIPTQSQGSQGSQGSQGSQGSQGWHACDFIKMERTPNVYLQ";
    static char all[sizeof(text)];
    strcpy(all, masked(TAL_MASK_TANTAN, TAL_PROTEIN, text));
    const char *some = masked(TAL_MASK_TANTAN_SHORT, TAL_PROTEIN, text);
    CU_ASSERT_PTR_NOT_NULL(strstr(all, "lrelnvshnqiagwtedfcyk"));
    CU_ASSERT_EQUAL(strncmp(some, text, 92), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(all, "gsqgsqgsqgsq"));
    CU_ASSERT_PTR_NOT_NULL(strstr(some, "gsqgsqgsqgsq"));
    tal_mask_scratch scratch = {0};
    tal_buffer masks = {0};
    size_t bytes[3];
    for (int round = 0; round < 3; round++) {
        tal_buffer_reset(&masks);
        CU_ASSERT_EQUAL_FATAL(tal_mask_find(round == 1 ? TAL_MASK_TANTAN_SHORT : TAL_MASK_TANTAN,
                                            round == 0 ? TAL_ISA_SCALAR : tal_cpu_isa_best(),
                                            TAL_PROTEIN, codes, len, &scratch, &masks),
                              TAL_OK);
        bytes[round] = masks.bytes;
    }
    CU_ASSERT(bytes[1] < bytes[0]);
    CU_ASSERT_EQUAL(bytes[2], bytes[0]);
    tal_mask_scratch_deinit(&scratch);
    tal_buffer_deinit(&masks);
}

static void tandem_repeats_of_nucleotides_are_masked(void)
{
    const char *shown = masked(TAL_MASK_TANTAN, TAL_NUCLEOTIDE,
                               "GATTCAGCCTAGGCATACGTCACACACACACACACACACACAGGTCTTGAACCGTA");
    CU_ASSERT_PTR_NOT_NULL(strstr(shown, "acacacacacacac"));
    CU_ASSERT_EQUAL(strncmp(shown, "GATTCAGCCTAGGCATACGT", 20), 0);
}

static void low_complexity_of_proteins_is_masked_by_seg(void)
{
    CU_ASSERT_STRING_EQUAL(masked(TAL_MASK_SEG, TAL_PROTEIN,
                                  "MKWVLDTFHERANCYGIPTQKKKEEKKEEEKKKEEKKEWHACDFIKMERTPNVYLQ"),
                           "MKWVLDTFHERANCYGIPTQkkkeekkeeekkkeekkeWHACDFIKMERTPNVYLQ");
}

static void low_complexity_of_nucleotides_is_masked_by_dust(void)
{
    CU_ASSERT_STRING_EQUAL(masked(TAL_MASK_DUST, TAL_NUCLEOTIDE,
                                  "GATTCAGCCTAGGCATACGTAAAAAAAAAAAAAAAAAAAAGGTCTTGAACCGTACC"),
                           "GATTCAGCCTAGGCATACGTaaaaaaaaaaaaaaaaaaaaGGTCTTGAACCGTACC");
}

static void short_sequences_and_unknown_letters_are_left_alone(void)
{
    static const char *const texts[] = {"", "A", "AC", "NNNNNNNNNN"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        CU_ASSERT_STRING_EQUAL(masked(TAL_MASK_TANTAN, TAL_NUCLEOTIDE, texts[i]), texts[i]);
        CU_ASSERT_STRING_EQUAL(masked(TAL_MASK_DUST, TAL_NUCLEOTIDE, texts[i]), texts[i]);
        CU_ASSERT_STRING_EQUAL(masked(TAL_MASK_SEG, TAL_PROTEIN, texts[i]), texts[i]);
        CU_ASSERT_STRING_EQUAL(masked(TAL_MASK_NONE, TAL_PROTEIN, texts[i]), texts[i]);
    }
    CU_ASSERT_STRING_EQUAL(masked(TAL_MASK_SEG, TAL_PROTEIN, "XXXXXXXXXXXXXXXX"),
                           "XXXXXXXXXXXXXXXX");
}

/* DUST by its definition: all stretches, all their parts. */
static void dust_by_definition(const uint8_t *bases, int32_t count, bool *out_masked)
{
    memset(out_masked, 0, (size_t)count);
    static int r[64][64]; /* by begin and triplets, of a window */
    for (int32_t begin = 0; begin + 3 < count; begin++) {
        int triplets = count - begin - 2 < 62 ? (int)(count - begin - 2) : 62;
        for (int from = triplets - 1; from >= 0; from--) {
            int counts[64] = {0};
            int sum = 0;
            for (int to = from; to < triplets; to++) {
                const uint8_t *base = bases + begin + to;
                sum += counts[base[0] << 4 | base[1] << 2 | base[2]]++;
                r[from][to] = sum;
            }
        }
        for (int to = 1; to < triplets; to++) {
            bool is_perfect = r[0][to] * 10 > 20 * to;
            for (int from = 0; from < to && is_perfect; from++)
                for (int part = from + 1; part <= to && is_perfect; part++)
                    is_perfect = r[from][part] * to <= r[0][to] * (part - from);
            for (int32_t i = begin; is_perfect && i < begin + to + 3; i++)
                out_masked[i] = true;
        }
    }
}

static void dust_equals_its_definition_on_random_bases(void)
{
    for (int round = 0; round < 30; round++) {
        char text[301];
        int letters = 1 + round % 4;
        for (int i = 0; i < 300; i++)
            text[i] = "ACGT"[test_random_in(0, 9) == 0 ? test_random_in(0, 3)
                                                       : test_random_in(0, letters - 1)];
        text[300] = '\0';
        bool expected[300];
        const char *shown = masked(TAL_MASK_DUST, TAL_NUCLEOTIDE, text);
        dust_by_definition(codes, 300, expected);
        for (int i = 0; i < 300; i++)
            if (expected[i] != (shown[i] >= 'a')) {
                CU_FAIL("dust differs from its definition");
                printf("\n  at %d of %s\n", i, text);
                return;
            }
    }
}

static void long_repeats_keep_within_the_range_of_numbers(void)
{
    char text[LEN_MAX + 1];
    memset(text, 'W', LEN_MAX);
    text[LEN_MAX] = '\0';
    const char *shown = masked(TAL_MASK_TANTAN, TAL_PROTEIN, text);
    for (int i = 2; i < LEN_MAX; i++)
        CU_ASSERT_EQUAL_FATAL(shown[i], 'w');
}

/* Long sequences are gone through in spans: what is masked does not show where. */
static void sequences_of_any_length_are_masked_alike(void)
{
    static char whole[LEN_MAX + 1], part[LEN_MAX + 1], masked_whole[LEN_MAX + 1];
    for (int i = 0; i < LEN_MAX; i++)
        whole[i] = "ARNDCQEGHILKMFPSTWYV"[test_random_in(0, 19)];
    for (int begin = 500; begin + 60 < LEN_MAX; begin += 500)
        for (int i = 7 + begin / 500; i < 60; i++)
            whole[begin + i] = whole[begin + i - 7 - begin / 500];
    whole[LEN_MAX] = '\0';
    for (int method = 0; method < 2; method++) {
        tal_mask_method which = method == 0 ? TAL_MASK_TANTAN : TAL_MASK_TANTAN_SHORT;
        strcpy(masked_whole, masked(which, TAL_PROTEIN, whole));
        CU_ASSERT_NOT_EQUAL(strcmp(masked_whole, whole), 0);
        for (int len_part = 2000; len_part < 4300; len_part += 200) {
            memcpy(part, whole, (size_t)len_part);
            part[len_part] = '\0';
            CU_ASSERT_EQUAL(
                strncmp(masked(which, TAL_PROTEIN, part), masked_whole, (size_t)len_part - 200), 0);
        }
    }
}

static void sets_are_masked_alike_by_any_team_and_keep_their_letters(void)
{
    uint8_t letters[64];
    tal_seqset *sets[2] = {NULL, NULL};
    for (int which = 0; which < 2; which++) {
        tal_team *team = NULL;
        CU_ASSERT_EQUAL_FATAL(team_of(which + 1, &team), TAL_OK);
        CU_ASSERT_EQUAL_FATAL(tal_seqset_create(TAL_PROTEIN, &sets[which]), TAL_OK);
        srand(7);
        for (tal_gid gid = 0; gid < 3000; gid++) {
            for (int i = 0; i < 64; i++)
                letters[i] = (uint8_t)(gid % 3 == 0 && i > 30 ? 5 + i % 2 : rand() % 20);
            CU_ASSERT_EQUAL_FATAL(tal_seqset_append(sets[which], gid, letters, 64, "x", 1), TAL_OK);
        }
        CU_ASSERT_EQUAL_FATAL(tal_mask_set(team, TAL_MASK_TANTAN, tal_cpu_isa_best(), sets[which]),
                              TAL_OK);
        tal_team_destroy(team);
    }
    CU_ASSERT(tal_seqset_masked_count(sets[0]) > 20000);
    tal_buffer bytes[2] = {{0}, {0}};
    for (int which = 0; which < 2; which++)
        CU_ASSERT_EQUAL_FATAL(tal_seqset_encode(sets[which], &bytes[which]), TAL_OK);
    CU_ASSERT_EQUAL_FATAL(bytes[0].bytes, bytes[1].bytes);
    CU_ASSERT_EQUAL(memcmp(bytes[0].data, bytes[1].data, bytes[0].bytes), 0);

    /* What was masked travels, and comes back behind other sequences. */
    CU_ASSERT_EQUAL_FATAL(tal_seqset_decode(sets[1], 3000, bytes[0].data, bytes[0].bytes), TAL_OK);
    srand(7);
    for (tal_lid lid = 0; lid < 3000; lid++) {
        uint8_t kept[64], again[64];
        for (int i = 0; i < 64; i++)
            letters[i] = (uint8_t)(lid % 3 == 0 && i > 30 ? 5 + i % 2 : rand() % 20);
        (void)tal_seqset_copy_letters(sets[0], lid, 0, 64, kept);
        (void)tal_seqset_copy_letters(sets[1], lid + 3000, 0, 64, again);
        CU_ASSERT_EQUAL_FATAL(memcmp(kept, letters, 64), 0);
        CU_ASSERT_EQUAL_FATAL(memcmp(again, letters, 64), 0);
        CU_ASSERT_EQUAL_FATAL(
            memcmp(tal_seqset_residues(sets[0], lid), tal_seqset_residues(sets[1], lid + 3000), 64),
            0);
    }
    for (int which = 0; which < 2; which++) {
        tal_buffer_deinit(&bytes[which]);
        tal_seqset_destroy(sets[which]);
    }
}

const test_case test_cases[] = {
    TEST_CASE(tandem_repeats_of_proteins_are_masked_from_the_second_unit_on),
    TEST_CASE(short_tantan_leaves_repeats_of_long_units),
    TEST_CASE(tandem_repeats_of_nucleotides_are_masked),
    TEST_CASE(low_complexity_of_proteins_is_masked_by_seg),
    TEST_CASE(low_complexity_of_nucleotides_is_masked_by_dust),
    TEST_CASE(short_sequences_and_unknown_letters_are_left_alone),
    TEST_CASE(dust_equals_its_definition_on_random_bases),
    TEST_CASE(long_repeats_keep_within_the_range_of_numbers),
    TEST_CASE(sequences_of_any_length_are_masked_alike),
    TEST_CASE(sets_are_masked_alike_by_any_team_and_keep_their_letters),
    {0},
};
