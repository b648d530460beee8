/* Binary arithmetic coding; see range_coder.h. */
#include "reduce/range_coder.h"

void tal_coder_init_encoder(tal_coder *coder, tal_buffer *out)
{
    *coder = (tal_coder){.high = UINT32_MAX, .out = out};
}

static uint32_t next_byte(tal_coder *coder)
{
    if (coder->in < coder->end)
        return *coder->in++;
    coder->overrun++;
    return 0;
}

void tal_coder_init_decoder(tal_coder *coder, const uint8_t *data, size_t bytes)
{
    *coder = (tal_coder){.high = UINT32_MAX, .in = data, .end = data + bytes};
    for (int i = 0; i < 4; i++)
        coder->code = coder->code << 8 | next_byte(coder);
}

static void put_byte(tal_coder *coder, uint8_t byte)
{
    if (coder->status == TAL_OK && coder->out->bytes == coder->out->capacity)
        coder->status = tal_buffer_reserve(coder->out, 64);
    if (coder->status == TAL_OK)
        coder->out->data[coder->out->bytes++] = byte;
}

void tal_coder_shift(tal_coder *coder)
{
    while (((coder->low ^ coder->high) & 0xff000000u) == 0) {
        if (coder->out != NULL)
            put_byte(coder, (uint8_t)(coder->high >> 24));
        else
            coder->code = coder->code << 8 | next_byte(coder);
        coder->low <<= 8;
        coder->high = coder->high << 8 | 255;
    }
}

tal_status tal_coder_finish(tal_coder *coder)
{
    if (coder->out == NULL)
        return coder->overrun == 0 ? TAL_OK : TAL_ERR_DATA;
    for (int i = 0; i < 4; i++)
        put_byte(coder, (uint8_t)(coder->low >> (24 - 8 * i)));
    return coder->status;
}

void tal_bits_reset(tal_bit *bits, size_t count)
{
    for (size_t i = 0; i < count; i++)
        bits[i] = (tal_bit){32768, 32768};
}

void tal_number_reset(tal_number *number)
{
    tal_bits_reset(number->size, sizeof(number->size) / sizeof(tal_bit));
    tal_bits_reset(number->upper[0], sizeof(number->upper) / sizeof(tal_bit));
}

uint64_t tal_coder_number(tal_coder *coder, tal_number *number, uint64_t value)
{
    int size = value == 0 ? 0 : 64 - __builtin_clzll(value);
    size = (int)tal_coder_tree(coder, number->size, 7, (unsigned)size);
    if (size == 0)
        return 0;
    if (size > 64)
        size = 64; /* Damaged bytes only. */
    uint64_t read = 1;
    unsigned node = 1;
    for (int i = size - 2; i >= 0; i--) {
        const unsigned bit = (value >> i) & 1;
        unsigned got;
        if (node < 8) {
            got = tal_coder_bit(coder, &number->upper[size][node], bit);
            node = node * 2 + got;
        } else {
            got = tal_coder_code(coder, bit, 32768);
        }
        read = read << 1 | got;
    }
    return read;
}

int64_t tal_coder_signed(tal_coder *coder, tal_number *number, int64_t value)
{
    const uint64_t folded = value < 0 ? ~((uint64_t)value << 1) : (uint64_t)value << 1;
    const uint64_t read = tal_coder_number(coder, number, folded);
    return (read & 1) != 0 ? (int64_t) ~(read >> 1) : (int64_t)(read >> 1);
}
