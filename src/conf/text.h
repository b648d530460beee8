/* Words and numbers as users type them: parsing, naming what is allowed, finding near misses. */
#ifndef TAL_CONF_TEXT_H
#define TAL_CONF_TEXT_H

#include "base/types.h"

/* The whole text as a decimal number; false when it is anything else or does not fit. Numbers are
 * finite; blanks, hexadecimal and "inf" are not numbers here. */
bool tal_text_parse_int(const char *text, int64_t *out_value);
bool tal_text_parse_real(const char *text, double *out_value);

/* A whole number >= 0 with an optional K, M, G or T (powers of 1024; lower case too). */
bool tal_text_parse_bytes(const char *text, int64_t *out_value);

/* The index of `word` in "spin|yield|park", or -1. */
int tal_text_find_choice(const char *choices, const char *word);

/* "spin|yield|park" as "spin, yield, park". */
void tal_text_list_choices(const char *choices, char *out_text, size_t bytes);

/* " from 1 to 8", " of at least 1", " of at most 8" or "": bounds beyond 64-bit integers are not
 * bounds to people. */
void tal_text_describe_range(double min, double max, char *out_text, size_t bytes);

/* Edits (insert, delete, replace, swap neighbours) from one word to another, of the first 100
 * bytes. */
int tal_text_distance(const char *a, const char *b);

/* Whether a word `distance` edits away from what was typed is worth suggesting. */
bool tal_text_is_near(const char *typed, int distance);

#endif
