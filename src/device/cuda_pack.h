/* References as CUDA kernels read them: dense letters, four to a word; pure, see
 * kernels/cuda/job.h.
 */
#ifndef TAL_DEVICE_CUDA_PACK_H
#define TAL_DEVICE_CUDA_PACK_H

#include "device/device.h"
#include "kernels/cuda/job.h"
#include "seq/alphabet.h"

/* Packing from the first reference to the last. */
typedef struct tal_cuda_packer {
    const tal_device_references *references; /* a view */
    uint32_t letter_count;                   /* the pad, the last one, included */
    uint8_t code_of_letter[TAL_CUDA_LETTERS_MAX];
    uint8_t letter_of_code[TAL_CODE_COUNT];
    uint32_t reference; /* the next letter: of this one */
    uint64_t residue;
} tal_cuda_packer;

/* Number the codes that occur: the fewer letters, the smaller the profiles. */
void tal_cuda_packer_init(tal_cuda_packer *packer, const tal_device_references *references);

/* The next letters, `room` (a multiple of 4, at least 4) at most; returns their bytes, 0 after the
 * last. A reference may go on in the next piece. */
size_t tal_cuda_pack(tal_cuda_packer *packer, uint8_t *out_letters, size_t room);

/* Where each reference begins, in words, and its length; `count` entries each. */
void tal_cuda_place(const tal_device_references *references, uint32_t *out_begins,
                    uint32_t *out_lens);

#endif
