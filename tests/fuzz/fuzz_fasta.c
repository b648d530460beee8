/* Any bytes as sequence input: decoded and parsed in pieces of any size, and by ranges, they must
 * give the same records or the same message as at once. */
#include "base/alloc.h"
#include "base/buffer.h"
#include "base/check.h"
#include "seq/decode.h"
#include "seq/detect.h"
#include "seq/fasta.h"

#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

enum { DECODED_BYTES_MAX = 1 << 20, MESSAGE_BYTES = 512 };

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

/* What came of one way of reading. */
typedef struct outcome {
    tal_status status;
    char message[MESSAGE_BYTES];
} outcome;

static outcome take_outcome(tal_status status)
{
    outcome result = {.status = status};
    (void)snprintf(result.message, sizeof(result.message), "%.500s", tal_status_message());
    TAL_ASSERT((status == TAL_OK) == (result.message[0] == '\0'));
    tal_status_clear();
    return result;
}

/* Pieces of at most `piece_max` bytes; 0: all at once. */
static outcome parse(const tal_fasta_params *params, const uint8_t *data, size_t bytes,
                     size_t piece_max, uint64_t seed, tal_seqset *set)
{
    tal_fasta *fasta = NULL;
    tal_status status = tal_fasta_create(params, set, &fasta);
    for (size_t at = 0; at < bytes && status == TAL_OK && !tal_fasta_is_done(fasta);) {
        size_t piece = bytes - at;
        if (piece_max > 0)
            piece = 1 + next_random(&seed) % (piece < piece_max ? piece : piece_max);
        size_t used = 0;
        status = tal_fasta_push(fasta, data + at, piece, &used);
        TAL_ASSERT(status != TAL_OK || used == piece || tal_fasta_is_done(fasta));
        at += piece;
    }
    if (status == TAL_OK && !tal_fasta_is_done(fasta))
        status = tal_fasta_finish(fasta);
    tal_fasta_destroy(fasta);
    return take_outcome(status);
}

static void expect_same_set(const tal_seqset *a, const tal_seqset *b)
{
    TAL_ASSERT(tal_seqset_count(a) == tal_seqset_count(b));
    for (tal_lid lid = 0; lid < tal_seqset_count(a); lid++) {
        int32_t len = tal_seqset_len(a, lid);
        TAL_ASSERT(len == tal_seqset_len(b, lid));
        TAL_ASSERT(memcmp(tal_seqset_residues(a, lid), tal_seqset_residues(b, lid), (size_t)len) ==
                   0);
        TAL_ASSERT(strcmp(tal_seqset_header(a, lid), tal_seqset_header(b, lid)) == 0);
        for (int32_t i = 0; i < len; i++)
            TAL_ASSERT(tal_seqset_residues(a, lid)[i] < TAL_CODE_COUNT);
    }
}

/* The ranges of 1 to 8 ranks, each with what precedes its range by one byte. A byte order mark is
 * not part of what is cut. */
static void parse_ranges(tal_alphabet alphabet, const uint8_t *data, size_t bytes, uint64_t seed,
                         const tal_seqset *expected, const outcome *whole)
{
    size_t skipped = bytes >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    size_t rank_count = 1 + next_random(&seed) % 8;
    tal_seqset *set = NULL;
    TAL_ASSERT(tal_seqset_create(alphabet, &set) == TAL_OK);
    tal_status status = TAL_OK;
    for (size_t rank = 0; rank < rank_count && status == TAL_OK; rank++) {
        size_t begin = skipped + (bytes - skipped) * rank / rank_count;
        size_t end = skipped + (bytes - skipped) * (rank + 1) / rank_count;
        if (begin == end)
            continue;
        tal_fasta_params params = {.name = "x",
                                   .alphabet = alphabet,
                                   .is_inside = begin > skipped,
                                   .begin = begin > skipped ? begin - 1 : begin,
                                   .end = end};
        status = parse(&params, data + params.begin, bytes - params.begin, 1 + rank * 3, seed, set)
                     .status;
    }
    TAL_ASSERT(status == whole->status || bytes == skipped);
    if (status == TAL_OK && bytes > skipped)
        expect_same_set(set, expected);
    tal_seqset_destroy(set);
}

static void fuzz_parser(tal_alphabet alphabet, const uint8_t *data, size_t bytes, uint64_t seed)
{
    (void)tal_alphabet_detect(data, bytes); /* Must only not fail. */
    outcome head = take_outcome(tal_fasta_check_head("x", data, bytes));
    tal_seqset *whole = NULL;
    tal_seqset *pieces = NULL;
    TAL_ASSERT(tal_seqset_create(alphabet, &whole) == TAL_OK);
    TAL_ASSERT(tal_seqset_create(alphabet, &pieces) == TAL_OK);
    tal_fasta_params params = {.name = "x", .alphabet = alphabet};
    outcome first = parse(&params, data, bytes, 0, 0, whole);
    outcome second = parse(&params, data, bytes, 1 + seed % 9, seed, pieces);
    TAL_ASSERT(first.status == second.status);
    TAL_ASSERT(strcmp(first.message, second.message) == 0);
    /* What is refused by its head is refused by the parser. */
    TAL_ASSERT(head.status == TAL_OK || first.status != TAL_OK);
    if (first.status == TAL_OK)
        expect_same_set(whole, pieces);
    parse_ranges(alphabet, data, bytes, seed, whole, &first);
    tal_seqset_destroy(pieces);
    tal_seqset_destroy(whole);
}

static outcome decode(tal_coding coding, const uint8_t *data, size_t bytes, size_t piece_max,
                      uint64_t seed, tal_buffer *out)
{
    tal_decoder *decoder = NULL;
    tal_status status = tal_decoder_create(coding, "x", &decoder);
    for (size_t at = 0; at < bytes && status == TAL_OK && out->bytes < DECODED_BYTES_MAX;) {
        size_t piece = bytes - at;
        if (piece_max > 0)
            piece = 1 + next_random(&seed) % (piece < piece_max ? piece : piece_max);
        tal_decoder_io io = {.in = data + at, .in_bytes = piece};
        size_t room;
        do {
            room = piece_max > 0 ? 1 + next_random(&seed) % (1 << 12) : 1 << 16;
            TAL_ASSERT(tal_buffer_reserve(out, room) == TAL_OK);
            io.out = out->data + out->bytes;
            io.out_bytes = room;
            status = tal_decoder_run(decoder, &io);
            if (status == TAL_OK)
                out->bytes += room - io.out_bytes;
        } while (status == TAL_OK && io.out_bytes == 0 && out->bytes < DECODED_BYTES_MAX);
        TAL_ASSERT(status != TAL_OK || io.in_bytes == 0 || out->bytes >= DECODED_BYTES_MAX);
        at += piece;
    }
    if (status == TAL_OK && out->bytes < DECODED_BYTES_MAX)
        status = tal_decoder_finish(decoder);
    tal_decoder_destroy(decoder);
    return take_outcome(status);
}

static void fuzz_decoder(tal_alphabet alphabet, const uint8_t *data, size_t bytes, uint64_t seed)
{
    tal_coding coding = TAL_CODING_PLAIN;
    outcome detected = take_outcome(tal_coding_detect("x", data, bytes, &coding));
    if (detected.status != TAL_OK)
        return;
    tal_buffer whole = {0};
    tal_buffer pieces = {0};
    outcome first = decode(coding, data, bytes, 0, 0, &whole);
    outcome second = decode(coding, data, bytes, 1 + seed % 50, seed, &pieces);
    if (whole.bytes < DECODED_BYTES_MAX && pieces.bytes < DECODED_BYTES_MAX) {
        TAL_ASSERT(first.status == second.status);
        if (first.status == TAL_OK) {
            TAL_ASSERT(whole.bytes == pieces.bytes);
            TAL_ASSERT(whole.bytes == 0 || memcmp(whole.data, pieces.data, whole.bytes) == 0);
            static const uint8_t nothing[1];
            fuzz_parser(alphabet, whole.bytes == 0 ? nothing : whole.data, whole.bytes, seed);
        }
    }
    tal_buffer_deinit(&pieces);
    tal_buffer_deinit(&whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (bytes < 2)
        return 0;
    tal_alphabet alphabet = (data[0] & 1) != 0 ? TAL_NUCLEOTIDE : TAL_PROTEIN;
    uint64_t seed = ((uint64_t)data[0] >> 1) * 256 + data[1];
    fuzz_decoder(alphabet, data + 2, bytes - 2, seed);
    return 0;
}
