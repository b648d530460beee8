/* A simulated sequence as text: its FASTA record and its row of the truth table. */
#ifndef TAL_SIM_RECORD_H
#define TAL_SIM_RECORD_H

#include "sim/family.h"

/* Letters per line of FASTA. */
#define TAL_RECORD_LINE_LEN 60

/* Digits of the number in a sequence's name: nine, or what the largest number needs. */
int tal_record_digits(uint64_t sequence_count);

/* ">s000000012 family=3 member=2 parent=s000000011 distance=0.4312", then the letters. Numbers
 * count from 1; the first member of a family has parent "-". Appended. */
tal_status tal_record_fasta(const tal_member *member, int digits, tal_buffer *text);

/* The names of the columns, one line. Appended. */
tal_status tal_record_truth_header(tal_buffer *text);

/* The row of a member. Appended. */
tal_status tal_record_truth(const tal_member *member, int digits, tal_buffer *text);

#endif
