/* A simulated sequence as text; see record.h. Written by hand rather than by printf, which would
 * take longer than evolving the sequence. */
#include "sim/record.h"

#include "base/check.h"

#include <string.h>

enum {
    DIGITS_MIN = 9,
    NUMBER_BYTES = 20,  /* the longest number */
    HEADER_BYTES = 256, /* more than any header line */
    ROW_BYTES = 512,    /* more than any row */
    HEADER_DECIMALS = 4,
    ROW_DECIMALS = 6,
};

int tal_record_digits(uint64_t sequence_count)
{
    int digits = 1;
    for (uint64_t rest = sequence_count; rest >= 10; rest /= 10)
        digits++;
    return digits > DIGITS_MIN ? digits : DIGITS_MIN;
}

static char *put_text(char *out, const char *text)
{
    size_t bytes = strlen(text);
    memcpy(out, text, bytes);
    return out + bytes;
}

/* `value` with at least `digits` digits. */
static char *put_number(char *out, uint64_t value, int digits)
{
    char reversed[NUMBER_BYTES];
    int count = 0;
    for (; value > 0 || count < digits; value /= 10)
        reversed[count++] = (char)('0' + value % 10);
    while (count > 0)
        *out++ = reversed[--count];
    return out;
}

static char *put_decimal(char *out, double value, int decimals)
{
    uint64_t unit = 1;
    for (int i = 0; i < decimals; i++)
        unit *= 10;
    uint64_t scaled = (uint64_t)(value * (double)unit + 0.5);
    out = put_number(out, scaled / unit, 1);
    *out++ = '.';
    return put_number(out, scaled % unit, decimals);
}

static char *put_name(char *out, uint64_t sequence, int digits)
{
    if (sequence == TAL_NO_PARENT) {
        *out++ = '-';
        return out;
    }
    *out++ = 's';
    return put_number(out, sequence + 1, digits);
}

tal_status tal_record_fasta(const tal_member *member, int digits, tal_buffer *text)
{
    TAL_ASSERT(digits <= NUMBER_BYTES);
    size_t line_count = (member->len + TAL_RECORD_LINE_LEN - 1) / TAL_RECORD_LINE_LEN;
    tal_status status = tal_buffer_reserve(text, HEADER_BYTES + member->len + line_count);
    if (status != TAL_OK)
        return status;
    char *start = (char *)text->data + text->bytes;
    char *out = start;
    *out++ = '>';
    out = put_name(out, member->sequence, digits);
    out = put_number(put_text(out, " family="), member->family + 1, 1);
    out = put_number(put_text(out, " member="), member->member + 1, 1);
    out = put_name(put_text(out, " parent="), member->parent, digits);
    out = put_decimal(put_text(out, " distance="), member->distance, HEADER_DECIMALS);
    *out++ = '\n';
    for (size_t done = 0; done < member->len;) {
        size_t rest = member->len - done;
        size_t line = rest < TAL_RECORD_LINE_LEN ? rest : TAL_RECORD_LINE_LEN;
        memcpy(out, member->letters + done, line);
        out += line;
        *out++ = '\n';
        done += line;
    }
    text->bytes += (size_t)(out - start);
    TAL_ASSERT(text->bytes <= text->capacity);
    return TAL_OK;
}

tal_status tal_record_truth_header(tal_buffer *text)
{
    return tal_buffer_append_text(
        text, "sequence\tfamily\tmember\tparent\tlength\tbranch_length\tdistance\tsubstitutions\t"
              "differences\tinsertions\tinserted\tdeletions\tdeleted\n");
}

tal_status tal_record_truth(const tal_member *member, int digits, tal_buffer *text)
{
    TAL_ASSERT(digits <= NUMBER_BYTES);
    tal_status status = tal_buffer_reserve(text, ROW_BYTES);
    if (status != TAL_OK)
        return status;
    char *start = (char *)text->data + text->bytes;
    char *out = put_name(start, member->sequence, digits);
    *out++ = '\t';
    out = put_number(out, member->family + 1, 1);
    *out++ = '\t';
    out = put_number(out, member->member + 1, 1);
    *out++ = '\t';
    out = put_name(out, member->parent, digits);
    *out++ = '\t';
    out = put_number(out, member->len, 1);
    *out++ = '\t';
    out = put_decimal(out, member->branch_len, ROW_DECIMALS);
    *out++ = '\t';
    out = put_decimal(out, member->distance, ROW_DECIMALS);
    const tal_branch_counts *counts = &member->counts;
    const uint64_t columns[] = {counts->substitutions, counts->differences, counts->insertions,
                                counts->inserted,      counts->deletions,   counts->deleted};
    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
        *out++ = '\t';
        out = put_number(out, columns[i], 1);
    }
    *out++ = '\n';
    text->bytes += (size_t)(out - start);
    TAL_ASSERT(text->bytes <= text->capacity);
    return TAL_OK;
}
