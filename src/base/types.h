/* Index types that say their reach, and the few constants every layer shares. */
#ifndef TAL_BASE_TYPES_H
#define TAL_BASE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A sequence's index in the whole input (all files, all ranks), in input order. */
typedef uint64_t tal_gid;
/* A sequence's index in one in-memory set on one rank. */
typedef uint32_t tal_lid;

/* Different writers, different lines: what padded objects are aligned to (two 64-byte lines,
 * because adjacent-line prefetchers of x86-64 couple neighbours). */
#define TAL_LINE_BYTES 128

/* What vectors are aligned to. */
#define TAL_VECTOR_BYTES 64

#endif
