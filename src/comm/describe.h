/* What people want to know about the ranks: the library behind them, a text from each. */
#ifndef TAL_COMM_DESCRIBE_H
#define TAL_COMM_DESCRIBE_H

#include "comm/comm.h"

/* A rank's text may be this long. */
enum { TAL_GATHER_TEXT_BYTES_MAX = 4096 };

/* The MPI library's name and the standard it follows, on one line. Not collective. */
void tal_comm_library_version(char *out_text, size_t bytes);

/* Append the text of every rank, each with its NUL, in rank order, to `texts` on rank 0; nothing on
 * the others. Longer texts are cut at TAL_GATHER_TEXT_BYTES_MAX - 1 bytes. Collective; agreed
 * status. */
tal_status tal_comm_gather_text(tal_comm *comm, const char *text, tal_buffer *texts);

#endif
