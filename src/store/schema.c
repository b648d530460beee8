/* The layout of the result file; see schema.h. Offsets are numbers of elements, from 0. */
#include "store/schema.h"

#include "base/check.h"
#include "search/hit.h"
#include "store/container_schema.h"

enum { NO_FIELD = -1 };

static const tal_dataset_schema datasets[TAL_DATASET_COUNT] = {
    [TAL_DATASET_QUERY_LENGTH] = {"/queries/length", TAL_STORE_I32, TAL_ROWS_QUERIES, false, false,
                                  NO_FIELD, "residues of the query"},
    [TAL_DATASET_QUERY_HEADER_BEGIN] = {"/queries/header_begin", TAL_STORE_U64, TAL_ROWS_QUERIES,
                                        true, false, NO_FIELD,
                                        "where its header starts in `headers`"},
    [TAL_DATASET_QUERY_HEADERS] = {"/queries/headers", TAL_STORE_U8, TAL_ROWS_QUERY_HEADER_BYTES,
                                   false, false, NO_FIELD,
                                   "header lines without `>`, back to back, bytes as in the input"},
    [TAL_DATASET_QUERY_LETTER_BEGIN] = {"/queries/letter_begin", TAL_STORE_U64, TAL_ROWS_QUERIES,
                                        true, false, NO_FIELD,
                                        "where its residues start in `letters`"},
    [TAL_DATASET_QUERY_LETTERS] =
        {"/queries/letters", TAL_STORE_U8, TAL_ROWS_QUERY_LETTERS, false, false, NO_FIELD,
         "residues, ASCII, upper case, masked ones lower case; back to back"},
    [TAL_DATASET_QUERY_HIT_BEGIN] = {"/queries/hit_begin", TAL_STORE_U64, TAL_ROWS_QUERIES, true,
                                     false, NO_FIELD,
                                     "first row in `/hits` of the query; rows of a query are best "
                                     "first"},
    [TAL_DATASET_HIT_REFERENCE] = {"/hits/reference", TAL_STORE_U64, TAL_ROWS_HITS, false, false,
                                   offsetof(tal_hit, reference),
                                   "index of the reference in the whole reference input; find its "
                                   "row by searching `/references/gid`"},
    [TAL_DATASET_HIT_SCORE] = {"/hits/score", TAL_STORE_I32, TAL_ROWS_HITS, false, false,
                               offsetof(tal_hit, score), "raw alignment score"},
    [TAL_DATASET_HIT_EVALUE] = {"/hits/evalue", TAL_STORE_F64, TAL_ROWS_HITS, false, false,
                                offsetof(tal_hit, evalue),
                                "expected number of hits by chance; NaN without statistics"},
    [TAL_DATASET_HIT_BITS] = {"/hits/bits", TAL_STORE_F64, TAL_ROWS_HITS, false, false,
                              offsetof(tal_hit, bits), "score in bits; NaN without statistics"},
    [TAL_DATASET_HIT_IS_REVERSE] = {"/hits/is_reverse", TAL_STORE_U8, TAL_ROWS_HITS, false, false,
                                    offsetof(tal_hit, is_reverse),
                                    "1: the reverse complement of the query was aligned"},
    [TAL_DATASET_HIT_QUERY_BEGIN] = {"/hits/query_begin", TAL_STORE_I32, TAL_ROWS_HITS, false,
                                     false, offsetof(tal_hit, query_begin),
                                     "first aligned residue, from 0, on the query as given"},
    [TAL_DATASET_HIT_QUERY_END] = {"/hits/query_end", TAL_STORE_I32, TAL_ROWS_HITS, false, false,
                                   offsetof(tal_hit, query_end), "one past the last"},
    [TAL_DATASET_HIT_REF_BEGIN] = {"/hits/ref_begin", TAL_STORE_I32, TAL_ROWS_HITS, false, false,
                                   offsetof(tal_hit, ref_begin),
                                   "first aligned residue, from 0, on the reference"},
    [TAL_DATASET_HIT_REF_END] = {"/hits/ref_end", TAL_STORE_I32, TAL_ROWS_HITS, false, false,
                                 offsetof(tal_hit, ref_end), "one past the last"},
    [TAL_DATASET_HIT_COLUMNS] = {"/hits/columns", TAL_STORE_I32, TAL_ROWS_HITS, false, false,
                                 offsetof(tal_hit, column_count), "columns of the alignment"},
    [TAL_DATASET_HIT_IDENTITIES] = {"/hits/identities", TAL_STORE_I32, TAL_ROWS_HITS, false, false,
                                    offsetof(tal_hit, identity_count),
                                    "columns with equal residues"},
    [TAL_DATASET_HIT_MISMATCHES] = {"/hits/mismatches", TAL_STORE_I32, TAL_ROWS_HITS, false, false,
                                    offsetof(tal_hit, mismatch_count),
                                    "columns with different residues"},
    [TAL_DATASET_HIT_POSITIVES] = {"/hits/positives", TAL_STORE_I32, TAL_ROWS_HITS, false, false,
                                   offsetof(tal_hit, positive_count), "columns that score above 0"},
    [TAL_DATASET_HIT_GAP_OPENS] = {"/hits/gap_opens", TAL_STORE_I32, TAL_ROWS_HITS, false, false,
                                   offsetof(tal_hit, gap_open_count), "gaps"},
    [TAL_DATASET_HIT_GAP_COLUMNS] = {"/hits/gap_columns", TAL_STORE_I32, TAL_ROWS_HITS, false,
                                     false, offsetof(tal_hit, gap_column_count), "columns in gaps"},
    [TAL_DATASET_HIT_CIGAR_BEGIN] = {"/hits/cigar_begin", TAL_STORE_U64, TAL_ROWS_HITS, true, false,
                                     NO_FIELD, "where its runs start in `cigar`"},
    [TAL_DATASET_HIT_CIGAR] =
        {"/hits/cigar", TAL_STORE_U32, TAL_ROWS_CIGAR_RUNS, false, false, NO_FIELD,
         "alignment path along the reference: length << 4, plus the operation "
         "as in BAM: 1 I (query only), 2 D (reference only), 7 =, 8 X"},
    [TAL_DATASET_HIT_LETTER_BEGIN] = {"/hits/letter_begin", TAL_STORE_U64, TAL_ROWS_HITS, true,
                                      false, NO_FIELD, "where its letters start in `letters`"},
    [TAL_DATASET_HIT_LETTERS] =
        {"/hits/letters", TAL_STORE_U8, TAL_ROWS_HIT_LETTERS, false, false, NO_FIELD,
         "reference residues at the X and D columns, ASCII, masked ones lower case: with the query "
         "and the path they give the whole alignment; then, up to the last masked one at an = "
         "column, lengths of runs of unmasked and masked ones along the = columns, by turns, each "
         "the sum of bytes up to and with the first below 255"},
    [TAL_DATASET_REFERENCE_GID] = {"/references/gid", TAL_STORE_U64, TAL_ROWS_REFERENCES, false,
                                   false, NO_FIELD,
                                   "index in the whole reference input, rising; only references "
                                   "that were hit"},
    [TAL_DATASET_REFERENCE_LENGTH] = {"/references/length", TAL_STORE_I32, TAL_ROWS_REFERENCES,
                                      false, false, NO_FIELD, "residues of the reference"},
    [TAL_DATASET_REFERENCE_HEADER_BEGIN] = {"/references/header_begin", TAL_STORE_U64,
                                            TAL_ROWS_REFERENCES, true, false, NO_FIELD,
                                            "where its header starts in `headers`"},
    [TAL_DATASET_REFERENCE_HEADERS] = {"/references/headers", TAL_STORE_U8,
                                       TAL_ROWS_REFERENCE_HEADER_BYTES, false, false, NO_FIELD,
                                       "header lines without `>`, back to back"},
    [TAL_DATASET_REFERENCE_REPRESENTATIVE] =
        {"/references/representative", TAL_STORE_U64, TAL_ROWS_REFERENCES, false, true, NO_FIELD,
         "expanded searches only: index of the representative of its cluster, through which it was "
         "found; that is in `gid` too, also if it was not hit itself"},
    [TAL_DATASET_INPUT_ROLE] = {"/inputs/role", TAL_STORE_U8, TAL_ROWS_INPUTS, false, false,
                                NO_FIELD, "0 queries, 1 references"},
    [TAL_DATASET_INPUT_BYTES] = {"/inputs/bytes", TAL_STORE_U64, TAL_ROWS_INPUTS, false, false,
                                 NO_FIELD, "bytes as stored"},
    [TAL_DATASET_INPUT_SEQUENCES] = {"/inputs/sequences", TAL_STORE_U64, TAL_ROWS_INPUTS, false,
                                     false, NO_FIELD, "records"},
    [TAL_DATASET_INPUT_RESIDUES] = {"/inputs/residues", TAL_STORE_U64, TAL_ROWS_INPUTS, false,
                                    false, NO_FIELD, "residues"},
    [TAL_DATASET_INPUT_HASH] = {"/inputs/hash", TAL_STORE_U64, TAL_ROWS_INPUTS, false, false,
                                NO_FIELD, "fingerprint of headers and residues"},
    [TAL_DATASET_INPUT_PATH_BEGIN] = {"/inputs/path_begin", TAL_STORE_U64, TAL_ROWS_INPUTS, true,
                                      false, NO_FIELD, "where its path starts in `paths`"},
    [TAL_DATASET_INPUT_PATHS] = {"/inputs/paths", TAL_STORE_U8, TAL_ROWS_INPUT_PATH_BYTES, false,
                                 false, NO_FIELD, "paths as given, back to back"},
    [TAL_DATASET_HISTOGRAM] = {"/summary/histogram", TAL_STORE_U64, TAL_ROWS_BINS, false, false,
                               NO_FIELD,
                               "pairs by best score; bin i counts score i, the last bin all above"},
};

static const char *const groups[] = {"/queries",    "/hits",    "/references", "/inputs",
                                     "/parameters", "/summary", "/ranks"};

static const char *const row_names[TAL_ROWS_COUNT] = {
    [TAL_ROWS_QUERIES] = "queries",
    [TAL_ROWS_QUERY_HEADER_BYTES] = "bytes",
    [TAL_ROWS_QUERY_LETTERS] = "residues",
    [TAL_ROWS_HITS] = "hits",
    [TAL_ROWS_CIGAR_RUNS] = "runs",
    [TAL_ROWS_HIT_LETTERS] = "letters",
    [TAL_ROWS_REFERENCES] = "references",
    [TAL_ROWS_REFERENCE_HEADER_BYTES] = "bytes",
    [TAL_ROWS_INPUTS] = "files",
    [TAL_ROWS_INPUT_PATH_BYTES] = "bytes",
    [TAL_ROWS_BINS] = "bins",
};

static const struct {
    const char *name;
    size_t bytes;
} types[TAL_STORE_TYPE_COUNT] = {
    [TAL_STORE_U8] = {"uint8", 1},    [TAL_STORE_U32] = {"uint32", 4},
    [TAL_STORE_I32] = {"int32", 4},   [TAL_STORE_U64] = {"uint64", 8},
    [TAL_STORE_F64] = {"float64", 8},
};

const tal_dataset_schema *tal_schema_dataset(tal_dataset id)
{
    TAL_ASSERT(id < TAL_DATASET_COUNT);
    return &datasets[id];
}

const char *tal_schema_group(size_t idx)
{
    return idx < sizeof(groups) / sizeof(groups[0]) ? groups[idx] : NULL;
}

size_t tal_store_type_bytes(tal_store_type type)
{
    TAL_ASSERT(type < TAL_STORE_TYPE_COUNT);
    return types[type].bytes;
}

const char *tal_store_type_name(tal_store_type type)
{
    TAL_ASSERT(type < TAL_STORE_TYPE_COUNT);
    return types[type].name;
}

static const char opening[] =
    "# The result file\n"
    "\n"
    "`talaria search` writes one HDF5 file, whatever the number of ranks. This page is generated\n"
    "(`talaria info --file-format`) from the table that the program writes and checks files by.\n"
    "\n"
    "Columns are separate datasets of one dimension, little-endian. A dataset of offsets\n"
    "(`..._begin`) has one row more than there are things, so that thing `i` is\n"
    "`[begin[i], begin[i + 1])` of what it points into. Positions are half-open and count from 0.\n"
    "The content does not depend on the number of ranks, except for `/ranks` and for what the\n"
    "attributes say about the run.\n"
    "\n"
    "## Attributes of the file\n"
    "\n"
    "| attribute | type | meaning |\n"
    "|---|---|---|\n"
    "| `format` | text | `" TAL_SCHEMA_FORMAT "` |\n"
    "| `schema_major` | uint64 | a program reads files of the major numbers it knows |\n"
    "| `schema_minor` | uint64 | a larger minor number only adds datasets or attributes |\n"
    "| `program` | text | `talaria` and its version |\n"
    "| `alphabet` | text | `protein` or `nucleotide` |\n"
    "\n"
    "Attributes of `/parameters` say what was asked for, those of `/summary` what came out.\n"
    "Text is of fixed length, UTF-8; numbers are uint64 or float64.\n"
    "\n"
    "## Datasets\n";

static const char closing[] =
    "\n"
    "### `/ranks`\n"
    "\n"
    "One float64 dataset per number that ranks report (times, counts), one row per rank.\n"
    "\n"
    "## Reading it with h5py\n"
    "\n"
    "```python\n"
    "import sys\n"
    "\n"
    "import h5py\n"
    "import numpy as np\n"
    "\n"
    "with h5py.File(sys.argv[1], \"r\") as result:\n"
    "    hits, queries, references = result[\"hits\"], result[\"queries\"], "
    "result[\"references\"]\n"
    "    gids = references[\"gid\"][:]\n"
    "\n"
    "    def header(group, row):\n"
    "        begin, end = group[\"header_begin\"][row : row + 2]\n"
    "        return bytes(group[\"headers\"][begin:end]).decode(\"utf-8\", \"replace\")\n"
    "\n"
    "    for query in range(len(queries[\"length\"])):\n"
    "        begin, end = queries[\"hit_begin\"][query : query + 2]\n"
    "        rows = np.searchsorted(gids, hits[\"reference\"][begin:end])\n"
    "        for hit, row in zip(range(begin, end), rows):\n"
    "            print(header(queries, query), header(references, row), hits[\"score\"][hit],\n"
    "                  sep=\"\\t\")\n"
    "```\n";

tal_status tal_schema_write_markdown(tal_buffer *out)
{
    tal_status status = tal_buffer_append_text(out, opening);
    if (status == TAL_OK)
        status = tal_buffer_printf(out,
                                   "\nThis program writes schema %d.%d and reads major numbers %d "
                                   "to %d.\n",
                                   TAL_SCHEMA_MAJOR, TAL_SCHEMA_MINOR, TAL_SCHEMA_MAJOR_OLDEST,
                                   TAL_SCHEMA_MAJOR);
    if (status == TAL_OK)
        status = tal_buffer_append_text(out, "\n| dataset | type | rows | meaning |\n"
                                             "|---|---|---|---|\n");
    for (size_t id = 0; id < TAL_DATASET_COUNT && status == TAL_OK; id++) {
        const tal_dataset_schema *row = &datasets[id];
        status =
            tal_buffer_printf(out, "| `%s` | %s | %s%s | %s |\n", row->path, types[row->type].name,
                              row_names[row->rows], row->is_offsets ? " + 1" : "", row->meaning);
    }
    if (status == TAL_OK)
        status = tal_buffer_append_text(out, closing);
    return status == TAL_OK ? tal_container_write_markdown(out) : status;
}
