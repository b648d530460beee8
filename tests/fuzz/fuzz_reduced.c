/* Any bytes as blocks of a reduced set: no crash, and what is decoded keeps its contract. */
#include "base/check.h"
#include "reduce/residue_block.h"
#include "reduce/text_block.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

enum { RESIDUES_MAX = 5000, THINGS_MAX = 60, TEXT_MAX = 4000, REPRESENTATIVE_LEN = 90 };

static tal_residue_codec *codecs[TAL_ALPHABET_COUNT];
static tal_text_codec *text_codecs[TAL_ALPHABET_COUNT];
static uint8_t representative[REPRESENTATIVE_LEN];

static void prepare(void)
{
    static const char shared[] = " hypothetical protein";
    static tal_text_dictionary *dictionary;
    if (dictionary != NULL)
        return;
    TAL_ASSERT(tal_text_dictionary_create((const uint8_t *)shared, sizeof(shared) - 1, false,
                                          &dictionary) == TAL_OK);
    for (int i = 0; i < TAL_ALPHABET_COUNT; i++) {
        TAL_ASSERT(tal_residue_codec_create((tal_alphabet)i, &codecs[i]) == TAL_OK);
        TAL_ASSERT(tal_text_codec_create((tal_alphabet)i, dictionary, &text_codecs[i]) == TAL_OK);
    }
    for (size_t i = 0; i < sizeof(representative); i++)
        representative[i] = (uint8_t)(i * 7 % 15);
}

static const uint8_t *give(void *context, uint64_t cluster, int32_t *out_len)
{
    (void)context; /* One for all. */
    *out_len = cluster % 5 == 4 ? 0 : REPRESENTATIVE_LEN;
    return cluster < 1000 ? representative : NULL;
}

static void try_residues(tal_alphabet alphabet, const uint8_t *data, size_t bytes)
{
    tal_sequences sequences = {0};
    tal_hash hash;
    tal_status status = tal_representatives_decode(codecs[alphabet], data, bytes, THINGS_MAX,
                                                   RESIDUES_MAX, &sequences, &hash);
    TAL_ASSERT(status == TAL_OK || status == TAL_ERR_DATA);
    TAL_ASSERT(sequences.residues.bytes <= RESIDUES_MAX);
    tal_sequences_deinit(&sequences);

    const tal_members_place place = {3, 1, THINGS_MAX, RESIDUES_MAX};
    const tal_representative_source source = {give, NULL};
    tal_members members = {0};
    status = tal_members_decode(codecs[alphabet], data, bytes, &place, source, &members);
    TAL_ASSERT(status == TAL_OK || status == TAL_ERR_DATA);
    TAL_ASSERT(members.residues.bytes <= RESIDUES_MAX);
    for (size_t i = 0; i < members.count; i++) {
        const tal_member *member = (const tal_member *)(const void *)members.rows.data + i;
        TAL_ASSERT(tal_codes_are_letters(alphabet, member->codes, (size_t)member->len));
        TAL_ASSERT(member->assigned.certificate.query_end <= member->len);
    }
    tal_members_hash((const tal_member *)(const void *)members.rows.data, members.count, &hash);
    tal_members_deinit(&members);
}

static void try_text(tal_alphabet alphabet, const uint8_t *data, size_t bytes)
{
    tal_text text = {0};
    tal_buffer out = {0};
    tal_status status =
        tal_text_decode(text_codecs[alphabet], data, bytes, THINGS_MAX, TEXT_MAX, 0, &text);
    TAL_ASSERT(status == TAL_OK || status == TAL_ERR_DATA);
    for (size_t i = 0; i < THINGS_MAX && status == TAL_OK; i++) {
        const tal_status rendered = tal_text_render(
            &text, i, representative, i % REPRESENTATIVE_LEN, TEXT_MAX - out.bytes, &out);
        TAL_ASSERT(rendered == TAL_OK || rendered == TAL_ERR_DATA);
        TAL_ASSERT(out.bytes <= TEXT_MAX);
        if (rendered != TAL_OK)
            break;
    }
    tal_buffer_deinit(&out);
    tal_text_deinit(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (bytes == 0)
        return 0;
    prepare();
    const tal_alphabet alphabet = data[0] % 2 == 0 ? TAL_PROTEIN : TAL_NUCLEOTIDE;
    if (data[0] % 4 < 2)
        try_residues(alphabet, data + 1, bytes - 1);
    else
        try_text(alphabet, data + 1, bytes - 1);
    tal_status_clear();
    return 0;
}
