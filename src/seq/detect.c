/* What the first bytes of a sequence file tell; see detect.h. */
#include "seq/detect.h"

#include <ctype.h>
#include <string.h>

tal_alphabet tal_alphabet_detect(const uint8_t *head, size_t bytes)
{
    uint8_t codes[256];
    tal_alphabet_codes(TAL_NUCLEOTIDE, codes);
    uint64_t letter_count = 0;
    uint64_t base_count = 0;
    bool is_line_begin = true;
    bool is_skipped = false; /* header or comment */
    for (size_t i = 0; i < bytes; i++) {
        uint8_t byte = head[i];
        if (byte == '\n' || byte == '\r') {
            is_line_begin = true;
            continue;
        }
        if (is_line_begin)
            is_skipped = byte == '>' || byte == ';';
        is_line_begin = false;
        if (is_skipped || !((byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z')))
            continue;
        if (codes[byte] == TAL_CODE_INVALID)
            return TAL_PROTEIN;
        letter_count++;
        base_count += strchr("ACGTUN", toupper(byte)) != NULL;
    }
    bool is_nucleotide = letter_count > 0 && base_count * 10 >= letter_count * 9;
    return is_nucleotide ? TAL_NUCLEOTIDE : TAL_PROTEIN;
}

tal_status tal_fasta_check_head(const char *name, const uint8_t *head, size_t bytes)
{
    size_t at = bytes >= 3 && memcmp(head, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    bool is_comment = false;
    bool is_line_begin = true;
    for (; at < bytes; at++) {
        uint8_t byte = head[at];
        if (byte == '\n' || byte == '\r') {
            is_line_begin = true;
            is_comment = false;
            continue;
        }
        is_comment = is_comment || (is_line_begin && byte == ';');
        is_line_begin = false;
        if (!is_comment && byte != ' ' && byte != '\t')
            break;
    }
    if (at == bytes || head[at] == '>')
        return TAL_OK;
    if (bytes - at >= 5 && memcmp(head + at, "<?xml", 5) == 0)
        return tal_fail(TAL_ERR_DATA, "cannot read '%s': it is XML, not FASTA; convert it", name);
    if (head[at] == '@')
        return tal_fail(TAL_ERR_DATA,
                        "cannot read '%s': it is not FASTA: expected '>' but it begins with '@'; "
                        "is it FASTQ? convert it to FASTA",
                        name);
    if (memchr(head + at, '\0', bytes - at) != NULL)
        return tal_fail(TAL_ERR_DATA,
                        "cannot read '%s': it is not FASTA: it looks binary; give FASTA, plain, "
                        "gzip or zstd",
                        name);
    return TAL_OK; /* Wrong, but the parser says best where. */
}
