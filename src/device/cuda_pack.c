/* References as CUDA kernels read them; see cuda_pack.h. */
#include "device/cuda_pack.h"

#include "base/check.h"
#include "kernels/contract.h"

void tal_cuda_packer_init(tal_cuda_packer *packer, const tal_device_references *references)
{
    const uint8_t *codes = references->letters;
    const uint64_t residue_count = references->offsets[references->count];
    *packer = (tal_cuda_packer){.references = references};
    uint32_t occurs = 0;
    for (uint64_t i = 0; i < residue_count; i++)
        occurs |= UINT32_C(1) << codes[i] % TAL_CODE_COUNT;
    for (int code = 0; code < TAL_CODE_COUNT; code++) {
        if ((occurs >> code & 1) == 0)
            continue;
        packer->letter_of_code[code] = (uint8_t)packer->letter_count;
        packer->code_of_letter[packer->letter_count++] = (uint8_t)code;
    }
    TAL_ASSERT(packer->letter_count < TAL_CUDA_LETTERS_MAX);
    packer->code_of_letter[packer->letter_count++] = TAL_CODE_PAD;
}

/* The letters of some residues. */
static void translate(const uint8_t *letter_of_code, const uint8_t *restrict codes,
                      uint8_t *restrict out_letters, size_t count)
{
    for (size_t i = 0; i < count; i++)
        out_letters[i] = letter_of_code[codes[i]];
}

size_t tal_cuda_pack(tal_cuda_packer *packer, uint8_t *out_letters, size_t room)
{
    const tal_device_references *references = packer->references;
    TAL_ASSERT(room >= 4 && room % 4 == 0);
    size_t used = 0;
    while (packer->reference < references->count && used < room) {
        const uint64_t at = references->offsets[packer->reference] + packer->residue;
        const uint64_t left = references->offsets[packer->reference + 1] - at;
        const size_t count = left < room - used ? (size_t)left : room - used;
        translate(packer->letter_of_code, references->letters + at, out_letters + used, count);
        used += count;
        packer->residue += count;
        if (count < left)
            break;
        while (used % 4 != 0) /* There is room: it is a multiple of 4. */
            out_letters[used++] = (uint8_t)(packer->letter_count - 1);
        packer->reference++;
        packer->residue = 0;
    }
    return used;
}

void tal_cuda_place(const tal_device_references *references, uint32_t *out_begins,
                    uint32_t *out_lens)
{
    uint64_t words = 0;
    for (uint32_t i = 0; i < references->count; i++) {
        const uint64_t len = references->offsets[i + 1] - references->offsets[i];
        out_begins[i] = (uint32_t)words;
        out_lens[i] = (uint32_t)len;
        words += (len + 3) / 4;
    }
}
