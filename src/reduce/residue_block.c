/* Blocks of residues; see residue_block.h. */
#include "reduce/residue_block.h"

#include "base/alloc.h"
#include "base/check.h"

#include <string.h>
#include <xxhash.h>

struct tal_residue_codec {
    tal_alphabet alphabet;
    tal_residue_model *model;
    tal_delta *delta;
    tal_number lens, cluster_steps;
    tal_bit same_cluster[2];
};

tal_hash tal_hash_bytes(const void *data, size_t bytes)
{
    const XXH128_hash_t hash = XXH3_128bits(data, bytes);
    return (tal_hash){.low = hash.low64, .high = hash.high64};
}

tal_status tal_residue_codec_create(tal_alphabet alphabet, tal_residue_codec **out_codec)
{
    tal_residue_codec *codec = tal_alloc_zero(sizeof(*codec));
    if (codec == NULL)
        return TAL_ERR_MEMORY;
    codec->alphabet = alphabet;
    tal_status status = tal_residue_model_create(alphabet, &codec->model);
    if (status == TAL_OK)
        status = tal_delta_create(alphabet, &codec->delta);
    if (status != TAL_OK) {
        tal_residue_codec_destroy(codec);
        return status;
    }
    *out_codec = codec;
    return TAL_OK;
}

void tal_residue_codec_destroy(tal_residue_codec *codec)
{
    if (codec == NULL)
        return;
    tal_delta_destroy(codec->delta);
    tal_residue_model_destroy(codec->model);
    tal_free(codec);
}

void tal_sequences_deinit(tal_sequences *sequences)
{
    tal_buffer_deinit(&sequences->residues);
    tal_buffer_deinit(&sequences->begin);
    sequences->count = 0;
}

void tal_sequences_reset(tal_sequences *sequences)
{
    tal_buffer_reset(&sequences->residues);
    tal_buffer_reset(&sequences->begin);
    sequences->count = 0;
}

/* Add a sequence whose residues are already there. */
static tal_status end_sequence(tal_sequences *sequences)
{
    const uint64_t first = 0, end = sequences->residues.bytes;
    tal_status status = TAL_OK;
    if (sequences->count == 0)
        status = tal_buffer_append(&sequences->begin, &first, sizeof(first));
    if (status == TAL_OK)
        status = tal_buffer_append(&sequences->begin, &end, sizeof(end));
    if (status == TAL_OK)
        sequences->count++;
    return status;
}

tal_status tal_sequences_append(tal_sequences *sequences, const uint8_t *codes, size_t len)
{
    if (sequences->count == 0)
        tal_buffer_reset(&sequences->begin);
    tal_status status = tal_buffer_append(&sequences->residues, codes, len);
    return status == TAL_OK ? end_sequence(sequences) : status;
}

static tal_hash sequences_hash(const tal_sequences *sequences)
{
    const tal_hash parts[2] = {
        tal_hash_bytes(sequences->begin.data, sequences->begin.bytes),
        tal_hash_bytes(sequences->residues.data, sequences->residues.bytes),
    };
    return tal_hash_bytes(parts, sizeof(parts));
}

tal_status tal_representatives_encode(tal_residue_codec *codec, tal_sequences *sequences,
                                      tal_buffer *out, tal_hash *out_content)
{
    const uint64_t *begin = (const uint64_t *)(const void *)sequences->begin.data;
    tal_coder coder;
    tal_coder_init_encoder(&coder, out);
    tal_number_reset(&codec->lens);
    tal_status status = tal_residue_model_begin(codec->model, &coder, sequences->residues.bytes);
    if (status != TAL_OK)
        return status;
    for (size_t i = 0; i < sequences->count; i++) {
        (void)tal_coder_number(&coder, &codec->lens, begin[i + 1] - begin[i]); /* Known. */
        tal_residue_model_code(codec->model, &coder, sequences->residues.data, begin[i],
                               begin[i + 1]);
    }
    *out_content = sequences_hash(sequences);
    return tal_coder_finish(&coder);
}

tal_status tal_representatives_decode(tal_residue_codec *codec, const uint8_t *data, size_t bytes,
                                      size_t count, uint64_t residue_limit,
                                      tal_sequences *out_sequences, tal_hash *out_content)
{
    tal_coder coder;
    tal_coder_init_decoder(&coder, data, bytes);
    tal_number_reset(&codec->lens);
    tal_sequences_reset(out_sequences);
    tal_status status = tal_residue_model_begin(codec->model, &coder, residue_limit);
    if (status != TAL_OK)
        return status;
    tal_buffer *residues = &out_sequences->residues;
    for (size_t i = 0; i < count; i++) {
        const uint64_t len = tal_coder_number(&coder, &codec->lens, 0);
        const size_t begin = residues->bytes;
        if (len > residue_limit - begin || len > INT32_MAX || coder.overrun != 0)
            return TAL_ERR_DATA;
        status = tal_buffer_reserve(residues, (size_t)len);
        if (status != TAL_OK)
            return status;
        residues->bytes += (size_t)len;
        tal_residue_model_code(codec->model, &coder, residues->data, begin, residues->bytes);
        status = end_sequence(out_sequences);
        if (status != TAL_OK)
            return status;
    }
    *out_content = sequences_hash(out_sequences);
    if (!tal_codes_are_letters(codec->alphabet, residues->data, residues->bytes))
        return TAL_ERR_DATA;
    return tal_coder_finish(&coder);
}

void tal_members_hash(const tal_member *members, size_t count, tal_hash *out_content)
{
    struct {
        tal_hash before, codes, edits;
        uint64_t cluster, ordinal, is_reverse;
        int64_t certificate[7];
    } parts = {0};
    for (size_t i = 0; i < count; i++) {
        const tal_member *member = &members[i];
        const tal_certificate *told = &member->assigned.certificate;
        const int64_t numbers[7] = {told->score,       told->identity_count, told->column_count,
                                    told->query_begin, told->query_end,      told->ref_begin,
                                    told->ref_end};
        memcpy(parts.certificate, numbers, sizeof(numbers));
        parts.codes = tal_hash_bytes(member->codes, (size_t)member->len);
        parts.edits =
            tal_hash_bytes(member->assigned.edits, member->assigned.edit_count * sizeof(uint32_t));
        parts.cluster = member->cluster;
        parts.ordinal = member->ordinal;
        parts.is_reverse = member->assigned.is_reverse;
        parts.before = tal_hash_bytes(&parts, sizeof(parts));
    }
    *out_content = parts.before;
}

static tal_status begin_members(tal_residue_codec *codec, tal_coder *coder)
{
    tal_number_reset(&codec->cluster_steps);
    tal_bits_reset(codec->same_cluster, 2);
    return tal_delta_begin(codec->delta, coder);
}

static tal_status begin_cluster(tal_residue_codec *codec, tal_representative_source source,
                                uint64_t cluster)
{
    int32_t len = 0;
    const uint8_t *codes = source.get(source.context, cluster, &len);
    return codes == NULL ? TAL_ERR_DATA : tal_delta_begin_cluster(codec->delta, codes, len);
}

tal_status tal_members_encode(tal_residue_codec *codec, const tal_member *members, size_t count,
                              tal_representative_source source, tal_buffer *out)
{
    tal_coder coder;
    tal_coder_init_encoder(&coder, out);
    tal_status status = begin_members(codec, &coder);
    unsigned is_same = 0;
    for (size_t i = 0; i < count && status == TAL_OK; i++) {
        const unsigned was_same = is_same;
        is_same = i > 0 && members[i].cluster == members[i - 1].cluster;
        if (i > 0)
            (void)tal_coder_bit(&coder, &codec->same_cluster[was_same], is_same);
        if (i > 0 && is_same == 0)
            (void)tal_coder_number(&coder, &codec->cluster_steps,
                                   members[i].cluster - members[i - 1].cluster);
        if (is_same == 0)
            status = begin_cluster(codec, source, members[i].cluster);
        if (status == TAL_OK)
            status = tal_delta_encode(codec->delta, &coder, members[i].codes, members[i].len,
                                      &members[i].assigned);
    }
    return status == TAL_OK ? tal_coder_finish(&coder) : status;
}

void tal_members_deinit(tal_members *members)
{
    tal_cigar_deinit(&members->edits);
    tal_buffer_deinit(&members->runs);
    tal_buffer_deinit(&members->residues);
    tal_buffer_deinit(&members->rows);
    members->count = 0;
}

/* Append a decoded member; views are made at the end, when nothing moves any more. */
static tal_status keep_member(tal_members *members, const tal_member *member)
{
    tal_status status = tal_buffer_append(&members->rows, member, sizeof(*member));
    if (status == TAL_OK)
        status = tal_buffer_append(&members->runs, member->assigned.edits,
                                   member->assigned.edit_count * sizeof(uint32_t));
    if (status == TAL_OK)
        members->count++;
    return status;
}

static void make_views(tal_members *members)
{
    tal_member *rows = (tal_member *)(void *)members->rows.data;
    const uint8_t *codes = members->residues.data;
    const uint32_t *runs = (const uint32_t *)(const void *)members->runs.data;
    for (size_t i = 0; i < members->count; i++) {
        rows[i].codes = codes;
        rows[i].assigned.edits = runs;
        codes += rows[i].len;
        runs += rows[i].assigned.edit_count;
    }
}

tal_status tal_members_decode(tal_residue_codec *codec, const uint8_t *data, size_t bytes,
                              const tal_members_place *place, tal_representative_source source,
                              tal_members *out_members)
{
    tal_coder coder;
    tal_coder_init_decoder(&coder, data, bytes);
    tal_status status = begin_members(codec, &coder);
    tal_buffer_reset(&out_members->rows);
    tal_buffer_reset(&out_members->residues);
    tal_buffer_reset(&out_members->runs);
    out_members->count = 0;
    uint64_t cluster = place->cluster, ordinal = place->ordinal;
    if (status == TAL_OK)
        status = begin_cluster(codec, source, cluster);
    unsigned is_same = 0;
    for (size_t i = 0; i < place->count && status == TAL_OK; i++) {
        if (i > 0) {
            is_same = tal_coder_bit(&coder, &codec->same_cluster[is_same], 0);
            ordinal++;
        }
        if (i > 0 && is_same == 0) {
            cluster += tal_coder_number(&coder, &codec->cluster_steps, 0);
            ordinal = 1;
            status = begin_cluster(codec, source, cluster);
            if (status != TAL_OK)
                break;
        }
        const size_t begin = out_members->residues.bytes;
        tal_member member = {.cluster = cluster, .ordinal = ordinal};
        status = tal_delta_decode(codec->delta, &coder, place->residue_limit - begin,
                                  &out_members->residues, &out_members->edits, &member.assigned);
        if (status == TAL_OK && coder.overrun != 0)
            status = TAL_ERR_DATA;
        member.len = (int32_t)(out_members->residues.bytes - begin);
        if (status == TAL_OK)
            status = keep_member(out_members, &member);
    }
    make_views(out_members);
    return status == TAL_OK ? tal_coder_finish(&coder) : status;
}
