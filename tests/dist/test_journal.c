/* The journal: what is written is read, and damage anywhere only shortens it. */
#include "harness.h"

#include "base/alloc.h"
#include "dist/journal.h"

#include <string.h>

const char test_suite_name[] = "dist/journal";

enum { BLOCKS = 5 };

/* Five blocks with 0 to 4 pieces; block 3 done twice. begins[i] is where record i begins. */
static void write_sample(tal_buffer *bytes, size_t *begins)
{
    begins[0] = 0;
    CU_ASSERT_EQUAL_FATAL(tal_journal_encode_parameters("matrix BLOSUM62\ngap 11\n", bytes),
                          TAL_OK);
    for (uint64_t i = 0; i < BLOCKS; i++) {
        tal_piece pieces[BLOCKS];
        uint64_t counters[3] = {i, i * 10, i * 100};
        for (uint64_t k = 0; k < i; k++)
            pieces[k] = (tal_piece){.segment = i, .offset = k * 100, .bytes = 100, .hash = i ^ k};
        tal_block_record record = {.block = i == 4 ? 3 : i,
                                   .query_begin = i * 1000,
                                   .queries = {.segment = i, .bytes = 7},
                                   .piece_count = i,
                                   .counter_count = i % 2 == 0 ? 3 : 0};
        begins[i + 1] = bytes->bytes;
        CU_ASSERT_EQUAL_FATAL(tal_journal_encode_block(&record, pieces, counters, bytes), TAL_OK);
    }
    begins[BLOCKS + 1] = bytes->bytes;
}

static void expect_sample(const tal_journal *journal, size_t entry_count)
{
    CU_ASSERT_STRING_EQUAL(journal->parameters, "matrix BLOSUM62\ngap 11\n");
    CU_ASSERT_EQUAL_FATAL(journal->entry_count, entry_count);
    for (size_t i = 0; i < entry_count; i++) {
        const tal_journal_entry *entry = &journal->entries[i];
        CU_ASSERT_EQUAL(entry->record.query_begin, i * 1000);
        CU_ASSERT_EQUAL_FATAL(entry->record.piece_count, i);
        for (size_t k = 0; k < i; k++)
            CU_ASSERT_EQUAL(journal->pieces[entry->piece_begin + k].hash, i ^ k);
        if (entry->record.counter_count > 0)
            CU_ASSERT_EQUAL(journal->counters[entry->counter_begin + 2], i * 100);
    }
}

static void what_is_written_is_read(void)
{
    tal_buffer bytes = {0};
    size_t begins[BLOCKS + 2];
    tal_journal journal;
    write_sample(&bytes, begins);
    CU_ASSERT_EQUAL_FATAL(tal_journal_parse(bytes.data, bytes.bytes, &journal), TAL_OK);
    CU_ASSERT_EQUAL(journal.valid_bytes, bytes.bytes);
    expect_sample(&journal, BLOCKS);
    CU_ASSERT_EQUAL(tal_journal_find(&journal, 3)->record.query_begin, 4000);
    CU_ASSERT_PTR_NULL(tal_journal_find(&journal, 4));
    tal_journal_deinit(&journal);
    tal_buffer_deinit(&bytes);
}

static void cut_anywhere_keeps_whole_records(void)
{
    tal_buffer bytes = {0};
    size_t begins[BLOCKS + 2];
    write_sample(&bytes, begins);
    for (size_t cut = 0; cut < bytes.bytes; cut++) {
        tal_journal journal;
        size_t whole = 0;
        while (begins[whole + 1] <= cut)
            whole++;
        CU_ASSERT_EQUAL_FATAL(tal_journal_parse(bytes.data, cut, &journal), TAL_OK);
        CU_ASSERT_EQUAL(journal.valid_bytes, begins[whole]);
        if (whole == 0)
            CU_ASSERT_PTR_NULL(journal.parameters);
        if (whole > 0)
            expect_sample(&journal, whole - 1);
        tal_journal_deinit(&journal);
    }
    tal_buffer_deinit(&bytes);
}

static void a_changed_byte_ends_the_journal_before_its_record(void)
{
    tal_buffer bytes = {0};
    size_t begins[BLOCKS + 2];
    write_sample(&bytes, begins);
    for (size_t at = 0; at < bytes.bytes; at++) {
        tal_journal journal;
        size_t record = 0;
        while (begins[record + 1] <= at)
            record++;
        bytes.data[at] ^= 0x20;
        CU_ASSERT_EQUAL_FATAL(tal_journal_parse(bytes.data, bytes.bytes, &journal), TAL_OK);
        CU_ASSERT_EQUAL(journal.valid_bytes, begins[record]);
        bytes.data[at] ^= 0x20;
        tal_journal_deinit(&journal);
    }
    tal_buffer_deinit(&bytes);
}

static void junk_is_an_empty_journal(void)
{
    uint64_t junk[64];
    for (int i = 0; i < 64; i++)
        junk[i] = test_random();
    for (size_t bytes = 0; bytes <= sizeof(junk); bytes++) {
        tal_journal journal;
        CU_ASSERT_EQUAL_FATAL(tal_journal_parse((uint8_t *)junk, bytes, &journal), TAL_OK);
        CU_ASSERT_PTR_NULL(journal.parameters);
        CU_ASSERT_EQUAL(journal.valid_bytes, 0);
        tal_journal_deinit(&journal);
    }
}

static void a_parameter_is_found_by_its_whole_name(void)
{
    const char *text = "rate 7\nblock_queries 12\nblock 3\nlast many words";
    char value[16];
    CU_ASSERT(tal_journal_find_parameter(text, "block", value, sizeof(value)));
    CU_ASSERT_STRING_EQUAL(value, "3");
    CU_ASSERT(tal_journal_find_parameter(text, "last", value, sizeof(value)));
    CU_ASSERT_STRING_EQUAL(value, "many words");
    CU_ASSERT(tal_journal_find_parameter(text, "last", value, 5));
    CU_ASSERT_STRING_EQUAL(value, "many");
    CU_ASSERT_FALSE(tal_journal_find_parameter(text, "block_", value, sizeof(value)));
    CU_ASSERT_FALSE(tal_journal_find_parameter(text, "7", value, sizeof(value)));
    CU_ASSERT_FALSE(tal_journal_find_parameter("", "rate", value, sizeof(value)));
}

static void the_first_difference_is_named(void)
{
    char text[200];
    CU_ASSERT_TRUE(tal_journal_is_same("a 1\nb 2\n", "a 1\nb 2\n", text, sizeof(text)));
    CU_ASSERT_FALSE(tal_journal_is_same("a 1\nb 2\nc 3\n", "a 1\nb 3\nc 4\n", text, sizeof(text)));
    CU_ASSERT_STRING_EQUAL(text, "it was 'b 2' and is now 'b 3'");
    CU_ASSERT_FALSE(tal_journal_is_same("a 1\n", "a 1\nb 2\n", text, sizeof(text)));
    CU_ASSERT_STRING_EQUAL(text, "it was '' and is now 'b 2'");
}

const test_case test_cases[] = {
    TEST_CASE(what_is_written_is_read),
    TEST_CASE(cut_anywhere_keeps_whole_records),
    TEST_CASE(a_changed_byte_ends_the_journal_before_its_record),
    TEST_CASE(junk_is_an_empty_journal),
    TEST_CASE(a_parameter_is_found_by_its_whole_name),
    TEST_CASE(the_first_difference_is_named),
    {0},
};
