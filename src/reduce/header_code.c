/* Headers coded against the one before; see header_code.h. */
#include "reduce/header_code.h"

#include <inttypes.h>
#include <stdio.h>

enum { DIGITS_MAX = 18, GROWTH_MAX = 1 << 20 };

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static size_t common_prefix(const uint8_t *a, size_t a_bytes, const uint8_t *b, size_t b_bytes)
{
    const size_t bytes = a_bytes < b_bytes ? a_bytes : b_bytes;
    size_t len = 0;
    while (len < bytes && a[len] == b[len])
        len++;
    return len;
}

static size_t common_suffix(const uint8_t *a, size_t a_bytes, const uint8_t *b, size_t b_bytes)
{
    const size_t bytes = a_bytes < b_bytes ? a_bytes : b_bytes;
    size_t len = 0;
    while (len < bytes && a[a_bytes - 1 - len] == b[b_bytes - 1 - len])
        len++;
    return len;
}

static bool is_word(uint8_t byte)
{
    return is_digit(byte) || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

/* Whether `text` goes on with the word that ends at `at`. */
static bool goes_on(const uint8_t *text, size_t bytes, size_t at)
{
    return at < bytes && is_word(text[at]);
}

/* Bytes that both have from `at` (of previous: `previous_at`) on, not ending inside a word: that
 * would cut the new text at random, and the number is often the same. */
static size_t common_words(const uint8_t *previous, size_t previous_bytes, size_t previous_at,
                           const uint8_t *header, size_t bytes, size_t at)
{
    size_t len = common_prefix(previous + previous_at, previous_bytes - previous_at, header + at,
                               bytes - at);
    if (goes_on(header, bytes, at + len) || goes_on(previous, previous_bytes, previous_at + len))
        while (len > 0 && is_word(header[at + len - 1]))
            len--;
    return len;
}

/* The same at the ends, of at most the bytes from `at` (`previous_at`) on. */
static size_t common_last_words(const uint8_t *previous, size_t previous_bytes, size_t previous_at,
                                const uint8_t *header, size_t bytes, size_t at)
{
    size_t len = common_suffix(previous + previous_at, previous_bytes - previous_at, header + at,
                               bytes - at);
    const size_t begin = bytes - len, previous_begin = previous_bytes - len;
    const bool is_cut = (begin > at && is_word(header[begin - 1])) ||
                        (previous_begin > previous_at && is_word(previous[previous_begin - 1]));
    if (is_cut)
        while (len > 0 && is_word(header[bytes - len]))
            len--;
    return len;
}

/* Digits from `begin` on; their value, where there are not too many. */
static size_t read_number(const uint8_t *text, size_t bytes, size_t begin, uint64_t *out_value)
{
    size_t end = begin;
    *out_value = 0;
    while (end < bytes && is_digit(text[end]) && end - begin <= DIGITS_MAX) {
        *out_value = *out_value * 10 + (uint64_t)(text[end] - '0');
        end++;
    }
    return end - begin;
}

tal_header_code tal_header_cut(const uint8_t *previous, size_t previous_bytes,
                               const uint8_t *header, size_t bytes, size_t *out_fresh)
{
    tal_header_code code = {.prefix = common_prefix(previous, previous_bytes, header, bytes)};
    size_t at = (size_t)code.prefix, previous_at = at;
    size_t begin = at;
    while (begin > 0 && is_digit(header[begin - 1]))
        begin--;
    uint64_t old_value, value;
    const size_t old_digits = read_number(previous, previous_bytes, begin, &old_value);
    const size_t digits = read_number(header, bytes, begin, &value);
    const bool is_number = old_digits > 0 && old_digits <= DIGITS_MAX && digits > 0 &&
                           digits <= DIGITS_MAX && value > old_value &&
                           value - old_value <= GROWTH_MAX &&
                           (digits == old_digits || (digits > old_digits && header[begin] != '0'));
    if (is_number) {
        code.prefix = begin;
        code.growth = value - old_value;
        at = begin + digits;
        previous_at = begin + old_digits;
        code.bridge = common_words(previous, previous_bytes, previous_at, header, bytes, at);
        at += (size_t)code.bridge;
        previous_at += (size_t)code.bridge;
    }
    code.suffix = common_last_words(previous, previous_bytes, previous_at, header, bytes, at);
    code.fresh = bytes - at - code.suffix;
    *out_fresh = at;
    return code;
}

tal_status tal_header_join(const uint8_t *previous, size_t previous_bytes,
                           const tal_header_code *code, const uint8_t *fresh, uint64_t limit,
                           tal_buffer *out)
{
    if (code->prefix > previous_bytes || code->suffix > previous_bytes)
        return TAL_ERR_DATA;
    const size_t prefix = (size_t)code->prefix, begin = out->bytes;
    size_t at = prefix;
    char number[32] = "";
    int number_bytes = 0;
    if (code->growth > 0) {
        uint64_t value;
        const size_t digits = read_number(previous, previous_bytes, at, &value);
        if (digits == 0 || digits > DIGITS_MAX || code->growth > GROWTH_MAX)
            return TAL_ERR_DATA;
        at += digits;
        number_bytes =
            snprintf(number, sizeof(number), "%0*" PRIu64, (int)digits, value + code->growth);
    }
    if (code->bridge > previous_bytes - at || code->fresh > limit)
        return TAL_ERR_DATA;
    const uint64_t total =
        code->prefix + (uint64_t)number_bytes + code->bridge + code->fresh + code->suffix;
    if (total > limit)
        return TAL_ERR_DATA;
    tal_status status = tal_buffer_append(out, previous, prefix);
    if (status == TAL_OK)
        status = tal_buffer_append(out, number, (size_t)number_bytes);
    if (status == TAL_OK)
        status = tal_buffer_append(out, previous + at, (size_t)code->bridge);
    if (status == TAL_OK)
        status = tal_buffer_append(out, fresh, (size_t)code->fresh);
    if (status == TAL_OK)
        status = tal_buffer_append(out, previous + previous_bytes - (size_t)code->suffix,
                                   (size_t)code->suffix);
    if (status != TAL_OK)
        out->bytes = begin;
    return status;
}
