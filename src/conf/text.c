/* Words and numbers as users type them; see text.h.
 *
 * The distance is the optimal string alignment distance (Boytsov, "Indexing methods for approximate
 * dictionary searching", 2011): Levenshtein's with swaps of neighbours.
 */
#include "conf/text.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORD_BYTES_MAX = 100 };

bool tal_text_parse_int(const char *text, int64_t *out_value)
{
    const char *digits = text[0] == '-' || text[0] == '+' ? text + 1 : text;
    size_t len = strlen(digits);
    if (len == 0 || strspn(digits, "0123456789") != len)
        return false;
    errno = 0;
    long long value = strtoll(text, NULL, 10);
    if (errno != 0)
        return false;
    *out_value = value;
    return true;
}

bool tal_text_parse_real(const char *text, double *out_value)
{
    size_t len = strlen(text);
    if (len == 0 || strspn(text, "0123456789+-.eE") != len)
        return false;
    char *end;
    double value = strtod(text, &end);
    if (*end != '\0' || !isfinite(value))
        return false;
    *out_value = value;
    return true;
}

bool tal_text_parse_bytes(const char *text, int64_t *out_value)
{
    static const char units[] = "KMGT";
    char digits[32];
    size_t len = strlen(text);
    if (len == 0 || len >= sizeof(digits))
        return false;
    memcpy(digits, text, len + 1);
    const char *unit = strchr(units, digits[len - 1] & ~0x20); /* To upper case. */
    int64_t scale = 1;
    if (unit != NULL && *unit != '\0') {
        scale = (int64_t)1 << (10 * (unit - units + 1));
        digits[len - 1] = '\0';
    }
    int64_t value;
    if (!tal_text_parse_int(digits, &value) || value < 0 || value > INT64_MAX / scale)
        return false;
    *out_value = value * scale;
    return true;
}

int tal_text_find_choice(const char *choices, const char *word)
{
    size_t word_len = strlen(word);
    int idx = 0;
    for (const char *cursor = choices;; idx++) {
        size_t len = strcspn(cursor, "|");
        if (len == word_len && memcmp(cursor, word, len) == 0)
            return idx;
        if (cursor[len] == '\0')
            return -1;
        cursor += len + 1;
    }
}

void tal_text_list_choices(const char *choices, char *out_text, size_t bytes)
{
    size_t used = 0;
    for (const char *cursor = choices; *cursor != '\0' && used + 3 < bytes; cursor++) {
        out_text[used++] = *cursor == '|' ? ',' : *cursor;
        if (*cursor == '|')
            out_text[used++] = ' ';
    }
    out_text[used] = '\0';
}

void tal_text_describe_range(double min, double max, char *out_text, size_t bytes)
{
    const double no_bound = 9e18;
    bool has_min = min > -no_bound;
    bool has_max = max < no_bound;
    if (has_min && has_max)
        (void)snprintf(out_text, bytes, " from %.15g to %.15g", min, max);
    else if (has_min)
        (void)snprintf(out_text, bytes, " of at least %.15g", min);
    else if (has_max)
        (void)snprintf(out_text, bytes, " of at most %.15g", max);
    else
        (void)snprintf(out_text, bytes, "%s", "");
}

static int min_int(int a, int b)
{
    return a < b ? a : b;
}

int tal_text_distance(const char *a, const char *b)
{
    int rows[3][WORD_BYTES_MAX + 1]; /* two rows back, one row back, this row */
    int a_len = (int)strnlen(a, WORD_BYTES_MAX);
    int b_len = (int)strnlen(b, WORD_BYTES_MAX);
    int *before = rows[0];
    int *above = rows[1];
    int *row = rows[2];
    for (int j = 0; j <= b_len; j++) {
        before[j] = 0;
        above[j] = j;
    }
    for (int i = 1; i <= a_len; i++) {
        row[0] = i;
        for (int j = 1; j <= b_len; j++) {
            int replaced = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = min_int(replaced, min_int(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = min_int(row[j], before[j - 2] + 1);
        }
        int *oldest = before;
        before = above;
        above = row;
        row = oldest;
    }
    return above[b_len];
}

bool tal_text_is_near(const char *typed, int distance)
{
    int len = (int)strnlen(typed, WORD_BYTES_MAX);
    int allowed = len / 3 < 1 ? 1 : len / 3;
    return distance <= allowed;
}
