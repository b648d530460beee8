"""Write the assembly that embeds a fat binary of kernels as tal_cuda_image.
usage: embed.py FATBIN OUT.S"""
import os
import sys

TEMPLATE = """/* Made by embed.py. */
    .section .rodata
    .globl tal_cuda_image
    .globl tal_cuda_image_bytes
    .hidden tal_cuda_image
    .hidden tal_cuda_image_bytes
    .balign 64
tal_cuda_image:
    .incbin "%s"
tal_cuda_image_end:
    .byte 0
    .balign 8
tal_cuda_image_bytes:
    .quad tal_cuda_image_end - tal_cuda_image
    .section .note.GNU-stack, "", %%progbits
"""

with open(sys.argv[2], "w", encoding="utf-8") as file:
    file.write(TEMPLATE % os.path.abspath(sys.argv[1]))
