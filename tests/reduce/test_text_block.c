/* Text blocks: any text comes back byte for byte; damage is met with a status. */
#include "harness.h"

#include "reduce/text_block.h"

#include <stdio.h>
#include <string.h>

const char test_suite_name[] = "reduce/text_block";

/* What a decoded block makes of a text, with the residues that parsing found. */
static void render(tal_text *text, const uint8_t *source, size_t bytes, tal_buffer *out)
{
    tal_layout_body body = {0};
    CU_ASSERT_EQUAL_FATAL(tal_buffer_append(out, text->contents.data, text->preamble_bytes),
                          TAL_OK);
    size_t at = text->preamble_bytes;
    for (size_t i = 0; i < text->record_count; i++) {
        const size_t end = tal_layout_find_record(source, bytes, at + 1, false);
        size_t begin = at + 1;
        while (begin < end && source[begin] != '\n' && source[begin] != '\r')
            begin++;
        CU_ASSERT_EQUAL_FATAL(tal_layout_parse(text->alphabet, source + begin, end - begin, &body),
                              TAL_OK);
        CU_ASSERT_EQUAL(
            tal_text_render(text, i, body.codes.data, body.codes.bytes, bytes - out->bytes, out),
            TAL_OK);
        at = end;
    }
    tal_layout_body_deinit(&body);
}

/* Encode and decode a text; out_packed is how many bytes it took. */
static void round_trip(tal_alphabet alphabet, const uint8_t *source, size_t bytes,
                       size_t *out_packed)
{
    static const uint8_t dictionary_text[] = " 16S ribosomal RNA hypothetical protein";
    tal_text_dictionary *packing = NULL, *unpacking = NULL;
    tal_text_codec *packer = NULL, *unpacker = NULL;
    const size_t shared = sizeof(dictionary_text) - 1;
    CU_ASSERT_EQUAL_FATAL(tal_text_dictionary_create(dictionary_text, shared, true, &packing),
                          TAL_OK);
    CU_ASSERT_EQUAL_FATAL(tal_text_dictionary_create(dictionary_text, shared, false, &unpacking),
                          TAL_OK);
    CU_ASSERT_EQUAL_FATAL(tal_text_codec_create(alphabet, packing, &packer), TAL_OK);
    CU_ASSERT_EQUAL_FATAL(tal_text_codec_create(alphabet, unpacking, &unpacker), TAL_OK);
    const size_t preamble = tal_layout_find_record(source, bytes, 0, true);
    size_t count = 0;
    for (size_t at = preamble; at < bytes; count++)
        at = tal_layout_find_record(source, bytes, at + 1, false);
    tal_buffer places = {0}, block = {0}, back = {0};
    uint64_t cluster = 50;
    for (size_t i = 0; i < count; i++) {
        tal_text_place place = {cluster, (uint64_t)test_random_in(0, 1)};
        if (test_random_in(0, 1) == 0)
            place =
                (tal_text_place){(uint64_t)test_random_in(0, 49), (uint64_t)test_random_in(0, 9)};
        else
            cluster++;

        CU_ASSERT_EQUAL_FATAL(tal_buffer_append(&places, &place, sizeof(place)), TAL_OK);
    }
    const tal_text_place *given = (const tal_text_place *)(const void *)places.data;
    const tal_text_stretch stretch = {.text = source,
                                      .bytes = bytes,
                                      .preamble_bytes = preamble,
                                      .places = given,
                                      .record_count = count,
                                      .cluster_begin = 50};
    uint64_t hash;
    CU_ASSERT_EQUAL_FATAL(tal_text_encode(packer, &stretch, &block, &hash), TAL_OK);
    tal_text text = {0};
    CU_ASSERT_EQUAL_FATAL(
        tal_text_decode(unpacker, block.data, block.bytes, count, bytes, 50, &text), TAL_OK);
    for (size_t i = 0; i < count; i++) {
        CU_ASSERT_EQUAL(tal_text_get(&text, i)->place.cluster, given[i].cluster);
        CU_ASSERT_EQUAL(tal_text_get(&text, i)->place.ordinal, given[i].ordinal);
    }
    render(&text, source, bytes, &back);
    CU_ASSERT_EQUAL(back.bytes, bytes);
    const bool is_same = back.bytes == bytes && memcmp(back.data, source, bytes) == 0;
    CU_ASSERT(is_same);
    if (!is_same)
        printf("differs: '%.200s'\n", (const char *)source);
    *out_packed = block.bytes;
    tal_text_deinit(&text);
    tal_buffer_deinit(&back);
    tal_buffer_deinit(&block);
    tal_buffer_deinit(&places);
    tal_text_codec_destroy(unpacker);
    tal_text_codec_destroy(packer);
    tal_text_dictionary_destroy(unpacking);
    tal_text_dictionary_destroy(packing);
}

static void odd_texts_come_back(void)
{
    static const char *const texts[] = {
        ">a\nACGT\n",
        ">a\nACGT",
        ">a\r\nACGT\r\nAC\r\n",
        ">a\rACGT\rAC\r",
        ">\n\n>\n>",
        ">",
        ">a\nACGT\nAC\n>b\nACGTA\n>c\nAC\nG\n",
        ">a\nacgtACGTnnnn\n>b\nAcGt\n",
        "\n; comment > here\n\n>a ; >b\n;comment ACGT\nAC GT\t\n\n;>x\nA\n\n\n",
        ">a\nACGT\n\r\n\rAC\n",
        ">a \xff\xfe\x01\nAC-GT.\n12\n",
        ">dup\nAC\n>dup\nAC\n>dup\n\n",
        ">a\nACGT\nACGT\n",
        ">a\n\nACGT\n",
        ">x9\nA\n>x10\nA\n>x011\nA\n>x12\nA\n>x99999999999999999999\nA\n",
        ">a\nacg*tuU\nUUuuTt\n",
        ">id007 x\nA\n>id008 x\nA\n>id009 y x\nA\n>id010 x\nA\n",
        "; only\n>a\n;\n>b\n;x\nA;C\n",
    };
    size_t packed;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        for (int alphabet = 0; alphabet < TAL_ALPHABET_COUNT; alphabet++)
            round_trip((tal_alphabet)alphabet, (const uint8_t *)texts[i], strlen(texts[i]),
                       &packed);
}

static void any_bytes_come_back(void)
{
    static const uint8_t common[] = "ACGTacgtuUNn>>;\n\n\n\r \t*-x09";
    for (int trial = 0; trial < 600; trial++) {
        tal_buffer text = {0};
        int64_t bytes = test_random_in(0, 300);
        for (int64_t i = 0; i < bytes; i++) {
            uint8_t byte = common[test_random_in(0, (int64_t)sizeof(common) - 2)];
            if (trial % 4 == 0)
                byte = (uint8_t)test_random_in(1, 255);
            CU_ASSERT_EQUAL_FATAL(tal_buffer_append(&text, &byte, 1), TAL_OK);
        }
        CU_ASSERT_EQUAL_FATAL(tal_buffer_reserve(&text, 1), TAL_OK);
        size_t packed;
        round_trip(trial % 2 == 0 ? TAL_PROTEIN : TAL_NUCLEOTIDE, text.data, text.bytes, &packed);
        tal_buffer_deinit(&text);
    }
}

static void regular_text_is_small(void)
{
    tal_buffer text = {0};
    for (int i = 0; i < 1000; i++) {
        CU_ASSERT_EQUAL_FATAL(
            tal_buffer_printf(&text, ">WP_%06d.1 hypothetical protein [Escherichia coli]\n",
                              980 + i),
            TAL_OK);
        for (int64_t len = test_random_in(0, 500); len > 0; len -= 80)
            CU_ASSERT_EQUAL_FATAL(
                tal_buffer_printf(
                    &text, "%.*s\n", (int)(len < 80 ? len : 80),
                    "MKVLAAGIVGLCAKAYLERGHEVRLVDRDPARVEALRALGAEVVVGDLTDPDALAAALAGADAVFH"
                    "LAALPDEWAPSEDPAE"),
                TAL_OK);
    }
    size_t packed;
    round_trip(TAL_PROTEIN, text.data, text.bytes, &packed);
    CU_ASSERT(packed < 2500); /* Random places of members cost most of it. */
    tal_buffer_deinit(&text);
}

const test_case test_cases[] = {
    TEST_CASE(odd_texts_come_back),
    TEST_CASE(any_bytes_come_back),
    TEST_CASE(regular_text_is_small),
    {0},
};
