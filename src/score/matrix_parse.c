/* Matrix files in NCBI format; see matrix.h.
 *
 * One pass over lines and words; nothing is copied and nothing allocated. The first fault ends the
 * parse, named by line.
 */
#include "score/matrix.h"

#include "score/matrix_internal.h"

#include "base/check.h"

#include <math.h>
#include <string.h>

enum {
    BASE_COUNT = 4,
    CODE_B = 20,
    CODE_J = 21,
    CODE_Z = 22,
    CODE_X = 23,
    CODE_STOP = 24,
    CODE_U = 25,
    CODE_O = 26,
    CODE_N = 14, /* nucleotide */
    /* Rows and columns of nucleotide files that are read and not used: codes no letter has. */
    CODE_UNUSED_STOP = 29,
    CODE_UNUSED_U = 30,
};

/* A piece of the text; not ended by NUL. */
typedef struct span {
    const char *begin, *end;
} span;

typedef struct parser {
    const char *name;
    const char *letters;
    tal_alphabet alphabet;
    uint8_t codes[256];
    span rest; /* what is not yet read */
    int line;  /* number of the line last read */
    int column_code[TAL_CODE_COUNT];
    int column_count;
    int row_count; /* rows read, with and without letter */
    bool has_column[TAL_CODE_COUNT], has_row[TAL_CODE_COUNT];
    tal_matrix *matrix;
} parser;

uint32_t tal_matrix_members(tal_alphabet alphabet, int code)
{
    /* A C G T R Y S W K M B D H V N as bits A 1, C 2, G 4, T 8. */
    static const uint8_t bases[TAL_NUCLEOTIDE_LETTER_COUNT] = {1,  2, 4,  8,  5,  10, 6, 9,
                                                               12, 3, 14, 13, 11, 7,  15};
    if (alphabet == TAL_NUCLEOTIDE)
        return bases[code];
    switch (code) {
    case CODE_B: /* N, D */
        return 1u << 2 | 1u << 3;
    case CODE_J: /* I, L */
        return 1u << 9 | 1u << 10;
    case CODE_Z: /* Q, E */
        return 1u << 5 | 1u << 6;
    case CODE_X:
    case CODE_O:
        return (1u << TAL_AMINO_ACID_COUNT) - 1;
    case CODE_U: /* C */
        return 1u << 4;
    case CODE_STOP:
        return 0;
    default:
        return 1u << code;
    }
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

/* The next line, without comment; false at the end of the text. */
static bool line_next(parser *p, span *out_line)
{
    if (p->rest.begin == p->rest.end)
        return false;
    size_t bytes = (size_t)(p->rest.end - p->rest.begin);
    const char *end = memchr(p->rest.begin, '\n', bytes);
    const char *next = end == NULL ? p->rest.end : end + 1;
    end = end == NULL ? p->rest.end : end;
    const char *comment = memchr(p->rest.begin, '#', (size_t)(end - p->rest.begin));
    *out_line = (span){p->rest.begin, comment == NULL ? end : comment};
    p->rest.begin = next;
    p->line++;
    return true;
}

/* The next word of a line; false when there is none. */
static bool word_next(span *line, span *out_word)
{
    while (line->begin < line->end && is_blank(*line->begin))
        line->begin++;
    out_word->begin = line->begin;
    while (line->begin < line->end && !is_blank(*line->begin))
        line->begin++;
    out_word->end = line->begin;
    return out_word->begin < out_word->end;
}

static size_t word_bytes(span word)
{
    return (size_t)(word.end - word.begin);
}

/* How much of a word a message shows. */
static int word_shown(span word)
{
    return word_bytes(word) > 24 ? 24 : (int)word_bytes(word);
}

/* Messages show only what a terminal can. */
static tal_status text_check(parser *p, span line)
{
    for (const char *c = line.begin; c < line.end; c++)
        if (!is_blank(*c) && (*c < ' ' || *c > '~'))
            return tal_fail(TAL_ERR_DATA,
                            "matrix '%s', line %d: byte 0x%02x is no text; give a matrix in NCBI "
                            "format",
                            p->name, p->line, (unsigned)(uint8_t)*c);
    return TAL_OK;
}

/* The letter of a code, also of those that are not used. */
static char letter_of(const parser *p, int code)
{
    if (code == CODE_UNUSED_STOP)
        return '*';
    return code == CODE_UNUSED_U ? 'U' : p->letters[code];
}

/* `has` says which letters came before: in nucleotide files U beside T is not used, nor is '*'. */
static tal_status letter_parse(const parser *p, span word, const bool *has, int *out_code)
{
    char letter = word_bytes(word) == 1 ? *word.begin : '?';
    int code = p->codes[(uint8_t)letter];
    if (p->alphabet == TAL_NUCLEOTIDE && letter == '*')
        code = CODE_UNUSED_STOP;
    else if (p->alphabet == TAL_NUCLEOTIDE && (letter == 'U' || letter == 'u') && has[code])
        code = CODE_UNUSED_U;
    if (code == TAL_CODE_INVALID)
        return tal_fail(TAL_ERR_DATA, "matrix '%s', line %d: '%.*s' is no %s letter (one of %s)",
                        p->name, p->line, word_shown(word), word.begin,
                        tal_alphabet_name(p->alphabet), p->letters);
    *out_code = code;
    return TAL_OK;
}

static tal_status score_parse(const parser *p, span word, int8_t *out_score)
{
    const char *c = word.begin;
    bool is_negative = *c == '-';
    if (*c == '-' || *c == '+')
        c++;
    int value = 0;
    bool is_number = c < word.end;
    for (; c < word.end && is_number; c++) {
        is_number = *c >= '0' && *c <= '9';
        if (is_number && value <= TAL_SCORE_MAX)
            value = value * 10 + (*c - '0');
    }
    if (!is_number)
        return tal_fail(TAL_ERR_DATA, "matrix '%s', line %d: '%.*s' is no whole number", p->name,
                        p->line, word_shown(word), word.begin);
    value = is_negative ? -value : value;
    if (value < TAL_SCORE_MIN || value > TAL_SCORE_MAX)
        return tal_fail(TAL_ERR_DATA, "matrix '%s', line %d: score %.*s is outside %d to %d",
                        p->name, p->line, word_shown(word), word.begin, TAL_SCORE_MIN,
                        TAL_SCORE_MAX);
    *out_score = (int8_t)value;
    return TAL_OK;
}

static tal_status header_parse(parser *p, span line)
{
    span word;
    while (word_next(&line, &word)) {
        int code = 0;
        tal_status status = letter_parse(p, word, p->has_column, &code);
        if (status != TAL_OK)
            return status;
        if (p->has_column[code])
            return tal_fail(TAL_ERR_DATA, "matrix '%s', line %d: two columns for letter '%c'",
                            p->name, p->line, letter_of(p, code));
        p->has_column[code] = true;
        p->column_code[p->column_count++] = code; /* Each code once, so there is room. */
    }
    return TAL_OK;
}

static bool is_number_begin(char c)
{
    return c == '-' || c == '+' || (c >= '0' && c <= '9');
}

/* The letter of a row: its first word, or the column of the same number. */
static tal_status row_letter_parse(parser *p, span *line, int *out_code)
{
    span after = *line;
    span word;
    (void)word_next(&after, &word); /* The caller saw that the line has a word. */
    tal_status status = TAL_OK;
    if (!is_number_begin(*word.begin)) {
        status = letter_parse(p, word, p->has_row, out_code);
        *line = after;
    } else if (p->row_count < p->column_count) {
        *out_code = p->column_code[p->row_count];
    } else {
        status = tal_fail(TAL_ERR_DATA, "matrix '%s', line %d: more rows than the %d columns",
                          p->name, p->line, p->column_count);
    }
    if (status == TAL_OK && p->has_row[*out_code])
        status = tal_fail(TAL_ERR_DATA, "matrix '%s', line %d: two rows for letter '%c'", p->name,
                          p->line, letter_of(p, *out_code));
    return status;
}

static tal_status row_parse(parser *p, span line)
{
    int row = 0;
    tal_status status = row_letter_parse(p, &line, &row);
    if (status != TAL_OK)
        return status;
    int count = 0;
    span word;
    while (word_next(&line, &word)) {
        int8_t score = 0;
        status = score_parse(p, word, &score);
        if (status != TAL_OK)
            return status;
        if (count < p->column_count)
            p->matrix->score[row][p->column_code[count]] = score;
        count++;
    }
    if (count != p->column_count)
        return tal_fail(TAL_ERR_DATA,
                        "matrix '%s', line %d: row '%c' has %d scores, the header has %d columns",
                        p->name, p->line, letter_of(p, row), count, p->column_count);
    p->has_row[row] = true;
    p->row_count++;
    return TAL_OK;
}

static tal_status lines_parse(parser *p)
{
    span line;
    while (line_next(p, &line)) {
        span peek = line;
        span word;
        if (!word_next(&peek, &word))
            continue;
        tal_status status = text_check(p, line);
        if (status == TAL_OK)
            status = p->column_count == 0 ? header_parse(p, line) : row_parse(p, line);
        if (status != TAL_OK)
            return status;
    }
    if (p->column_count == 0)
        return tal_fail(TAL_ERR_DATA,
                        "matrix '%s': empty; give a matrix in NCBI format: a line of letters, then "
                        "a line of scores for each letter",
                        p->name);
    return TAL_OK;
}

/* Required letters are there, every letter has row and column, some letter matches itself. */
static tal_status letters_check(const parser *p)
{
    int required_count = p->alphabet == TAL_PROTEIN ? TAL_AMINO_ACID_COUNT : BASE_COUNT;
    bool is_positive = false;
    for (int code = 0; code < tal_matrix_letter_count(p->alphabet); code++) {
        bool is_required = code < required_count;
        if (!p->has_column[code] && (is_required || p->has_row[code]))
            return tal_fail(TAL_ERR_DATA, "matrix '%s': no column for letter '%c'", p->name,
                            p->letters[code]);
        if (!p->has_row[code] && (is_required || p->has_column[code]))
            return tal_fail(TAL_ERR_DATA, "matrix '%s': no row for letter '%c'", p->name,
                            p->letters[code]);
        if (is_required && p->matrix->score[code][code] > 0)
            is_positive = true;
    }
    if (!is_positive)
        return tal_fail(TAL_ERR_DATA,
                        "matrix '%s': no letter scores above 0 against itself, so nothing can "
                        "align",
                        p->name);
    return TAL_OK;
}

/* The mean score over members of two sets, rounded to nearest, halves down. */
static int mean_score(const tal_matrix *matrix, uint32_t rows, uint32_t columns)
{
    int sum = 0;
    int count = 0;
    for (int i = 0; i < TAL_CODE_COUNT; i++) {
        for (int j = 0; j < TAL_CODE_COUNT; j++) {
            if ((rows >> i & 1) == 0 || (columns >> j & 1) == 0)
                continue;
            sum += matrix->score[i][j];
            count++;
        }
    }
    return (int)ceil((double)sum / count - 0.5);
}

/* The codes whose figures stand in for a code: itself when the file has it. */
static uint32_t stand_ins(const parser *p, int code)
{
    if (p->has_row[code])
        return 1u << code;
    if (p->alphabet == TAL_PROTEIN && code == CODE_O && p->has_row[CODE_X])
        return 1u << CODE_X;
    return tal_matrix_members(p->alphabet, code);
}

static int8_t missing_score(const parser *p, const tal_matrix *given, int lowest, int i, int j)
{
    uint32_t rows = stand_ins(p, i);
    uint32_t columns = stand_ins(p, j);
    if (rows == 0 || columns == 0) /* '*' */
        return (int8_t)lowest;
    int score = mean_score(given, rows, columns);
    int wild = p->alphabet == TAL_PROTEIN ? CODE_X : CODE_N;
    int limit = p->alphabet == TAL_PROTEIN ? -1 : 0;
    bool is_wild = (!p->has_row[wild] && (i == wild || j == wild)) ||
                   (p->alphabet == TAL_PROTEIN && !p->has_row[CODE_X] && !p->has_row[CODE_O] &&
                    (i == CODE_O || j == CODE_O));
    return (int8_t)(is_wild && score > limit ? limit : score);
}

static void missing_fill(parser *p)
{
    const tal_matrix given = *p->matrix;
    int count = tal_matrix_letter_count(p->alphabet);
    int lowest = TAL_SCORE_MAX;
    for (int i = 0; i < count; i++)
        for (int j = 0; j < count; j++)
            if (p->has_row[i] && p->has_row[j] && given.score[i][j] < lowest)
                lowest = given.score[i][j];
    for (int i = 0; i < count; i++)
        for (int j = 0; j < count; j++)
            if (!p->has_row[i] || !p->has_row[j])
                p->matrix->score[i][j] = missing_score(p, &given, lowest, i, j);
}

/* What equal and unequal bases score, where that is two numbers. */
static void match_mismatch_find(tal_matrix *matrix)
{
    for (int i = 0; i < BASE_COUNT; i++)
        for (int j = 0; j < BASE_COUNT; j++)
            if (matrix->score[i][j] != matrix->score[0][i == j ? 0 : 1])
                return;
    matrix->match = matrix->score[0][0];
    matrix->mismatch = matrix->score[0][1];
}

void tal_matrix_restore(const char *name, tal_alphabet alphabet,
                        const int32_t scores[TAL_CODE_COUNT * TAL_CODE_COUNT],
                        tal_matrix *out_matrix)
{
    *out_matrix = (tal_matrix){.alphabet = alphabet};
    strncpy(out_matrix->name, name, sizeof(out_matrix->name) - 1);
    for (int i = 0; i < TAL_CODE_COUNT * TAL_CODE_COUNT; i++) {
        TAL_ASSERT(scores[i] >= TAL_PAD_SCORE);
        TAL_ASSERT(scores[i] <= TAL_SCORE_MAX);
        out_matrix->score[i / TAL_CODE_COUNT][i % TAL_CODE_COUNT] = (int8_t)scores[i];
    }
    if (alphabet == TAL_NUCLEOTIDE)
        match_mismatch_find(out_matrix);
    tal_matrix_finish(out_matrix);
}

tal_status tal_matrix_parse(const char *name, const char *text, size_t bytes, tal_alphabet alphabet,
                            tal_matrix *out_matrix)
{
    tal_matrix matrix = {.alphabet = alphabet};
    const char *slash = strrchr(name, '/');
    strncpy(matrix.name, slash == NULL ? name : slash + 1, sizeof(matrix.name) - 1);
    parser p = {
        .name = name,
        .letters = tal_alphabet_letters(alphabet),
        .alphabet = alphabet,
        .rest = {text, bytes == 0 ? text : text + bytes}, /* NULL may come with 0. */
        .matrix = &matrix,
    };
    tal_alphabet_codes(alphabet, p.codes);
    tal_status status = lines_parse(&p);
    if (status == TAL_OK)
        status = letters_check(&p);
    if (status != TAL_OK)
        return status;
    missing_fill(&p);
    if (alphabet == TAL_NUCLEOTIDE)
        match_mismatch_find(&matrix);
    tal_matrix_finish(&matrix);
    *out_matrix = matrix;
    return TAL_OK;
}
