/* The layout of a reduced set's file; see container_schema.h. */
#include "store/container_schema.h"

#include "base/check.h"

#define HASHES(group)                                                                          \
    [TAL_COLUMN_PACKED_LOW] = {group "/packed_low", false, "XXH3-128 of its bytes, low half"}, \
    [TAL_COLUMN_PACKED_HIGH] = {group "/packed_high", false, "high half"},                     \
    [TAL_COLUMN_CONTENT_HIGH] = {group "/content_high", false, "high half"}

static const tal_column_schema columns[TAL_BLOCK_KIND_COUNT][TAL_BLOCK_COLUMN_COUNT] = {
    [TAL_BLOCKS_REPRESENTATIVES] =
        {
            [TAL_COLUMN_BYTES] = {"/representatives/byte_begin", true, "where its bytes start"},
            [TAL_COLUMN_COUNT] =
                {"/representatives/first", true,
                 "number of its first representative: that of its cluster; clusters "
                 "are numbered from 0 in the order of their first records"},
            [TAL_COLUMN_AMOUNT] = {"/representatives/residue_begin", true,
                                   "residues of the representatives before"},
            [TAL_COLUMN_CONTENT_LOW] = {"/representatives/content_low", false,
                                        "XXH3-128 of its lengths and residues, low half"},
            HASHES("/representatives"),
        },
    [TAL_BLOCKS_MEMBERS] =
        {
            [TAL_COLUMN_BYTES] = {"/members/byte_begin", true, "where its bytes start"},
            [TAL_COLUMN_COUNT] = {"/members/first", true,
                                  "number of its first member; members are in the order of their "
                                  "clusters, those of a cluster in input order"},
            [TAL_COLUMN_AMOUNT] = {"/members/residue_begin", true,
                                   "residues of the members before"},
            [TAL_COLUMN_CLUSTER] = {"/members/cluster", false, "cluster of its first member"},
            [TAL_COLUMN_ORDINAL] = {"/members/ordinal", false,
                                    "number of that member in its cluster, from 1"},
            [TAL_COLUMN_CONTENT_LOW] = {"/members/content_low", false,
                                        "XXH3-128 of residues, strands, certificates and edits, "
                                        "low half"},
            HASHES("/members"),
        },
    [TAL_BLOCKS_TEXT] =
        {
            [TAL_COLUMN_BYTES] = {"/text/byte_begin", true, "where its bytes start"},
            [TAL_COLUMN_COUNT] = {"/text/first", true,
                                  "number of its first record, in input order"},
            [TAL_COLUMN_AMOUNT] = {"/text/text_begin", true,
                                   "bytes of the input before it, all files one after the other"},
            [TAL_COLUMN_CLUSTER] = {"/text/first_cluster", true,
                                    "clusters that begin among the records before"},
            [TAL_COLUMN_CONTENT_LOW] = {"/text/content_low", false,
                                        "XXH3-128 of the text it stands for, low half"},
            HASHES("/text"),
        },
};

static const char *const kind_names[TAL_BLOCK_KIND_COUNT] = {
    [TAL_BLOCKS_REPRESENTATIVES] = "representatives",
    [TAL_BLOCKS_MEMBERS] = "members",
    [TAL_BLOCKS_TEXT] = "text",
};

static const char *const bytes_paths[TAL_BLOCK_KIND_COUNT] = {
    [TAL_BLOCKS_REPRESENTATIVES] = "/representatives/bytes",
    [TAL_BLOCKS_MEMBERS] = "/members/bytes",
    [TAL_BLOCKS_TEXT] = "/text/bytes",
};

static const tal_part_schema parts[TAL_PART_COUNT] = {
    [TAL_PART_DICTIONARY] = {"/text/dictionary", TAL_STORE_U8, "bytes",
                             "text that headers are packed against, as a zstd frame"},
    [TAL_PART_MATRIX] = {"/parameters/matrix", TAL_STORE_I32, "1024",
                         "score of residue codes i and j at 32 i + j"},
    [TAL_PART_INPUT_BYTES] = {"/inputs/bytes", TAL_STORE_U64, "files",
                              "bytes of the file, uncompressed"},
    [TAL_PART_INPUT_RECORDS] = {"/inputs/records", TAL_STORE_U64, "files", "records"},
    [TAL_PART_INPUT_HASH_LOW] = {"/inputs/hash_low", TAL_STORE_U64, "files",
                                 "XXH3-128 of the hashes of its text blocks, low half"},
    [TAL_PART_INPUT_HASH_HIGH] = {"/inputs/hash_high", TAL_STORE_U64, "files", "high half"},
    [TAL_PART_INPUT_PATH_BEGIN] = {"/inputs/path_begin", TAL_STORE_U64, "files + 1",
                                   "where its path starts in `paths`"},
    [TAL_PART_INPUT_PATHS] = {"/inputs/paths", TAL_STORE_U8, "bytes",
                              "paths as given, back to back"},
};

static const char *const groups[] = {"/representatives", "/members",    "/text",
                                     "/inputs",          "/parameters", "/summary"};

const tal_column_schema *tal_container_column(tal_block_kind kind, tal_block_column column)
{
    TAL_ASSERT(kind < TAL_BLOCK_KIND_COUNT);
    TAL_ASSERT(column < TAL_BLOCK_COLUMN_COUNT);
    return &columns[kind][column];
}

const char *tal_container_bytes_path(tal_block_kind kind)
{
    TAL_ASSERT(kind < TAL_BLOCK_KIND_COUNT);
    return bytes_paths[kind];
}

const char *tal_container_kind_name(tal_block_kind kind)
{
    TAL_ASSERT(kind < TAL_BLOCK_KIND_COUNT);
    return kind_names[kind];
}

const tal_part_schema *tal_container_part_schema(tal_container_part part)
{
    TAL_ASSERT(part < TAL_PART_COUNT);
    return &parts[part];
}

const char *tal_container_group(size_t idx)
{
    return idx < sizeof(groups) / sizeof(groups[0]) ? groups[idx] : NULL;
}

static const char opening[] =
    "\n# The reduced set\n"
    "\n"
    "`talaria reduce -o` writes one HDF5 file that holds the input byte for byte: residues of\n"
    "representatives, members as edits of their representatives, and the text around residues\n"
    "(headers, line ends, case), each in blocks that are packed on their own. The root attributes\n"
    "are those of the result file with `format` = `" TAL_CONTAINER_FORMAT "`. The file does not\n"
    "depend on ranks or threads. This program writes schema 2.0, and reads 1 too where the "
    "sequences\n"
    "are proteins: representatives of nucleotides are coded in another way since 2.\n"
    "\n"
    "Representatives and members are coded by an adaptive binary arithmetic coder\n"
    "(`src/reduce/range_coder.h`): representatives by mixed contexts and matches\n"
    "(proteins `src/reduce/residue_model.h`, nucleotides `src/reduce/base_model.h`), members "
    "column\n"
    "by column along the alignment of their\n"
    "certificate (`src/reduce/delta.h`). Numbers of text blocks use the same coder, new text is a\n"
    "zstd frame with a dictionary (`src/reduce/text_encode.c`). Certificates are not stored "
    "beside\n"
    "the edits but follow from them, and their claimed values are in the hash of the block.\n"
    "`talaria verify` checks all hashes and certificates.\n"
    "\n"
    "`/parameters` says what members were verified against: `identity` and `coverage` in "
    "hundredths\n"
    "of a percent, `coverage_mode`, `min_length`, `order`, `matrix`, `gap_open`, `gap_extend`; "
    "and,\n"
    "where an E-value was asked for, `evalue` with the size of the database it counts with,\n"
    "`evalue_residues` and `evalue_sequences`, which `talaria add` keeps. Where the identity was\n"
    "found for a share of the residues (`--target-ratio`), `/summary/target_ratio` is that share "
    "in\n"
    "hundredths of a percent.\n"
    "\n"
    "A column of sums has one row more than there are blocks: the totals of all blocks before, "
    "then\n"
    "of all.\n"
    "\n"
    "| dataset | type | rows | meaning |\n"
    "|---|---|---|---|\n";

tal_status tal_container_write_markdown(tal_buffer *out)
{
    tal_status status = tal_buffer_append_text(out, opening);
    for (int kind = 0; kind < TAL_BLOCK_KIND_COUNT && status == TAL_OK; kind++) {
        status = tal_buffer_printf(out, "| `%s` | uint8 | bytes | packed blocks, back to back |\n",
                                   bytes_paths[kind]);
        for (int i = 0; i < TAL_BLOCK_COLUMN_COUNT && status == TAL_OK; i++) {
            const tal_column_schema *column = &columns[kind][i];
            if (column->path != NULL)
                status = tal_buffer_printf(out, "| `%s` | uint64 | blocks%s | %s |\n", column->path,
                                           column->is_sum ? " + 1" : "", column->meaning);
        }
    }
    for (int i = 0; i < TAL_PART_COUNT && status == TAL_OK; i++)
        status =
            tal_buffer_printf(out, "| `%s` | %s | %s | %s |\n", parts[i].path,
                              tal_store_type_name(parts[i].type), parts[i].rows, parts[i].meaning);
    return status;
}
