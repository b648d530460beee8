/* The configuration; see conf.h.
 *
 * Every source (default, file, environment, command line) gives text, and one function turns text
 * into a value of its row, so that types and ranges are checked in one place.
 */
#include "conf/conf.h"

#include "base/alloc.h"
#include "base/check.h"
#include "conf/environment.h"
#include "conf/text.h"
#include "conf/toml.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { VALUE_BYTES = 64, ORIGIN_BYTES = 320, ALLOWED_BYTES = 160 };

typedef struct conf_value {
    int64_t integer; /* INT; BOOL: 0 or 1; CHOICE: index */
    double real;     /* REAL */
    tal_conf_origin origin;
    char text[VALUE_BYTES];
    char origin_text[ORIGIN_BYTES];
} conf_value;

struct tal_conf {
    size_t count;
    conf_value values[]; /* one per row of the table */
};

static size_t row_count(void)
{
    size_t count = 0;
    while (tal_conf_rows()[count].key != NULL)
        count++;
    return count;
}

const tal_conf_row *tal_conf_find_row(const char *key)
{
    for (const tal_conf_row *row = tal_conf_rows(); row->key != NULL; row++)
        if (strcmp(row->key, key) == 0)
            return row;
    return NULL;
}

static const char *last_part(const char *key)
{
    const char *dot = strrchr(key, '.');
    return dot == NULL ? key : dot + 1;
}

/* Distance to the leading parts of a known key, as many as `key` has: for misspelled tables. */
static int distance_to_table(const char *key, const char *known)
{
    char table[128];
    size_t len = strcspn(known, ".");
    for (const char *dot = strchr(key, '.'); dot != NULL && known[len] != '\0';
         dot = strchr(dot + 1, '.'))
        len += 1 + strcspn(known + len + 1, ".");
    (void)snprintf(table, sizeof(table), "%.*s", (int)len, known);
    return tal_text_distance(key, table);
}

const char *tal_conf_nearest_key(const char *key)
{
    const char *nearest = NULL;
    int best = 0;
    for (const tal_conf_row *row = tal_conf_rows(); row->key != NULL; row++) {
        int distance = distance_to_table(key, row->key);
        int last = tal_text_distance(last_part(key), last_part(row->key)) + 2; /* wrong table */
        distance = last < distance ? last : distance;
        if (nearest == NULL || distance < best) {
            nearest = row->key;
            best = distance;
        }
    }
    return nearest;
}

void tal_conf_describe(const tal_conf_row *row, char *out_text, size_t bytes)
{
    char range[ALLOWED_BYTES];
    if (row->kind == TAL_CONF_CHOICE) {
        tal_text_list_choices(row->choices, range, sizeof(range));
        (void)snprintf(out_text, bytes, "one of %s", range);
    } else if (row->kind == TAL_CONF_BOOL) {
        (void)snprintf(out_text, bytes, "true or false");
    } else {
        tal_text_describe_range(row->min, row->max, range, sizeof(range));
        (void)snprintf(out_text, bytes, "a %s%s",
                       row->kind == TAL_CONF_INT ? "whole number" : "number", range);
    }
}

/* Fill `value` (number and text) from text, or say that the text is none of this row. */
static bool parse_value(const tal_conf_row *row, const char *text, conf_value *value)
{
    int64_t integer = 0;
    double real = 0;
    bool is_valid = false;
    switch (row->kind) {
    case TAL_CONF_INT:
        is_valid = tal_text_parse_int(text, &integer) && (double)integer >= row->min &&
                   (double)integer <= row->max;
        break;
    case TAL_CONF_REAL:
        is_valid = tal_text_parse_real(text, &real) && real >= row->min && real <= row->max;
        break;
    case TAL_CONF_BOOL:
    case TAL_CONF_CHOICE:
        integer =
            tal_text_find_choice(row->kind == TAL_CONF_BOOL ? "false|true" : row->choices, text);
        is_valid = integer >= 0;
        break;
    }
    if (!is_valid || strlen(text) >= sizeof(value->text))
        return false;
    value->integer = integer;
    value->real = real;
    memcpy(value->text, text, strlen(text) + 1);
    return true;
}

static tal_status refuse(tal_conf_origin origin, const char *where, const tal_conf_row *row,
                         const char *got)
{
    char allowed[ALLOWED_BYTES];
    tal_conf_describe(row, allowed, sizeof(allowed));
    if (origin == TAL_ORIGIN_FILE)
        return tal_fail(TAL_ERR_CONFIG, "%s: %s must be %s, not %.80s", where, row->key, allowed,
                        got);
    return tal_fail(origin == TAL_ORIGIN_COMMAND_LINE ? TAL_ERR_USAGE : TAL_ERR_CONFIG,
                    "%s must be %s, not %.80s", where, allowed, got);
}

static conf_value *find_value(const tal_conf *conf, const char *key)
{
    const tal_conf_row *row = tal_conf_find_row(key);
    TAL_ASSERT(row != NULL);
    return (conf_value *)&conf->values[row - tal_conf_rows()];
}

tal_status tal_conf_set(tal_conf *conf, const char *key, const char *text, tal_conf_origin origin,
                        const char *origin_name)
{
    const tal_conf_row *row = tal_conf_find_row(key);
    TAL_ASSERT(row != NULL);
    conf_value *value = find_value(conf, key);
    if (!parse_value(row, text, value)) {
        char got[128];
        (void)snprintf(got, sizeof(got), "'%.60s'", text); /* May truncate. */
        return refuse(origin, origin_name, row, got);
    }
    value->origin = origin;
    (void)snprintf(value->origin_text, sizeof(value->origin_text), "%s", origin_name);
    return TAL_OK;
}

tal_status tal_conf_create(tal_conf **out_conf)
{
    size_t count = row_count();
    tal_conf *conf = tal_alloc_zero(sizeof(*conf) + count * sizeof(conf->values[0]));
    if (conf == NULL)
        return TAL_ERR_MEMORY;
    conf->count = count;
    for (const tal_conf_row *row = tal_conf_rows(); row->key != NULL; row++) {
        tal_status status =
            tal_conf_set(conf, row->key, row->default_text, TAL_ORIGIN_DEFAULT, "default");
        TAL_ASSERT(status == TAL_OK); /* The table holds valid defaults. */
    }
    *out_conf = conf;
    return TAL_OK;
}

void tal_conf_destroy(tal_conf *conf)
{
    tal_free(conf);
}

tal_status tal_conf_load(const char *path, tal_buffer *text)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return tal_fail(TAL_ERR_CONFIG, "cannot open configuration file '%s': %s", path,
                        strerror(errno));
    const size_t limit = TAL_CONF_FILE_BYTES_MAX;
    tal_status status = tal_buffer_reserve(text, limit + 1);
    if (status != TAL_OK)
        goto done;
    errno = 0;
    size_t bytes = fread(text->data + text->bytes, 1, limit + 1, file);
    if (ferror(file) != 0)
        status = tal_fail(TAL_ERR_CONFIG, "cannot read configuration file '%s': %s", path,
                          strerror(errno));
    else if (bytes > limit)
        status = tal_fail(TAL_ERR_CONFIG, "configuration file '%s' is larger than %zu bytes", path,
                          limit);
    else
        text->bytes += bytes;
done:
    (void)fclose(file); /* Only read. */
    return status;
}

tal_status tal_conf_read_file(tal_conf *conf, const char *path)
{
    tal_buffer text = {0};
    tal_status status = tal_conf_load(path, &text);
    if (status == TAL_OK)
        status = tal_conf_read_text(conf, path, (const char *)text.data, text.bytes);
    tal_buffer_deinit(&text);
    return status;
}

/* What the walk over a document carries. */
typedef struct reader {
    tal_conf *conf;
    const char *name;
} reader;

/* Whether the key is a table of the configuration: a known key continues it with a dot. */
static bool is_table(const char *key)
{
    size_t len = strlen(key);
    for (const tal_conf_row *row = tal_conf_rows(); row->key != NULL; row++)
        if (strncmp(row->key, key, len) == 0 && row->key[len] == '.')
            return true;
    return false;
}

/* The value as text to be parsed, and as words for a message. False: not a type of this row. */
static bool value_texts(const tal_conf_row *row, const tal_toml_value *value, char *text,
                        char *words, size_t bytes)
{
    switch (value->kind) {
    case TAL_TOML_INT:
        (void)snprintf(text, bytes, "%" PRId64, value->integer);
        (void)snprintf(words, bytes, "%s", text);
        return row->kind == TAL_CONF_INT || row->kind == TAL_CONF_REAL;
    case TAL_TOML_REAL:
        (void)snprintf(text, bytes, "%.15g", value->real);
        (void)snprintf(words, bytes, "%s", text);
        return row->kind == TAL_CONF_REAL;
    case TAL_TOML_BOOL:
        (void)snprintf(text, bytes, "%s", value->boolean ? "true" : "false");
        (void)snprintf(words, bytes, "%s", text);
        return row->kind == TAL_CONF_BOOL;
    case TAL_TOML_TEXT:
        (void)snprintf(text, bytes, "%.60s", value->text); /* No choice is that long. */
        (void)snprintf(words, bytes, "the text '%.60s'", value->text);
        return row->kind == TAL_CONF_CHOICE;
    default:
        text[0] = '\0';
        (void)snprintf(words, bytes, "%s",
                       value->kind == TAL_TOML_TABLE ? "a table" : "an array, date or time");
        return false;
    }
}

static tal_status read_value(void *context, const tal_toml_value *value)
{
    reader *reading = context;
    char where[ORIGIN_BYTES];
    (void)snprintf(where, sizeof(where), "'%.280s' line %u", reading->name, value->line);
    const tal_conf_row *row = tal_conf_find_row(value->key);
    if (row == NULL && is_table(value->key)) {
        if (value->kind == TAL_TOML_TABLE)
            return TAL_OK; /* Nothing in it. */
        return tal_fail(TAL_ERR_CONFIG, "%s: '%s' is a table of keys, not a value", where,
                        value->key);
    }
    if (row == NULL)
        return tal_fail(TAL_ERR_CONFIG, "%s: unknown key '%.120s'; the nearest known key is '%s'",
                        where, value->key, tal_conf_nearest_key(value->key));

    char text[128];
    char words[128];
    conf_value *target = find_value(reading->conf, value->key);
    if (!value_texts(row, value, text, words, sizeof(text)) || !parse_value(row, text, target))
        return refuse(TAL_ORIGIN_FILE, where, row, words);
    target->origin = TAL_ORIGIN_FILE;
    (void)snprintf(target->origin_text, sizeof(target->origin_text), "file %.310s", where);
    return TAL_OK;
}

tal_status tal_conf_read_text(tal_conf *conf, const char *name, const char *text, size_t bytes)
{
    if (bytes > TAL_CONF_FILE_BYTES_MAX)
        return tal_fail(TAL_ERR_CONFIG, "configuration file '%s' is larger than %d bytes", name,
                        TAL_CONF_FILE_BYTES_MAX);
    reader reading = {conf, name};
    return tal_toml_walk(name, text == NULL ? "" : text, bytes, read_value, &reading);
}

tal_status tal_conf_read_environment(tal_conf *conf)
{
    static const char key[] = "parallel.threadpool.num_threads";
    static const tal_variable variables[] = {TAL_VARIABLE_SLURM_CPUS_PER_TASK,
                                             TAL_VARIABLE_OMP_NUM_THREADS};
    tal_status status = TAL_OK;
    for (size_t i = 0; i < 2 && status == TAL_OK && tal_conf_int(conf, key) == 0; i++) {
        const char *value = tal_variable_find(variables[i]);
        if (value == NULL)
            continue;
        char first[VALUE_BYTES]; /* Of a list "4,2" the outermost level. */
        (void)snprintf(first, sizeof(first), "%.*s", (int)strcspn(value, ","), value);
        status =
            tal_conf_set(conf, key, first, TAL_ORIGIN_ENVIRONMENT, tal_variable_name(variables[i]));
    }
    return status;
}

tal_status tal_conf_check(const tal_conf *conf)
{
    static const char *const rising[] = {"parallel.algorithms.min_chunk_size",
                                         "parallel.algorithms.chunk_size",
                                         "parallel.algorithms.max_chunk_size"};
    if (!tal_conf_bool(conf, "parallel.algorithms.dynamic_chunking"))
        return TAL_OK;
    for (int i = 0; i < 2; i++) {
        const conf_value *low = find_value(conf, rising[i]);
        const conf_value *high = find_value(conf, rising[i + 1]);
        if (low->integer > high->integer)
            return tal_fail(TAL_ERR_CONFIG,
                            "%s is %s (%s) but %s is %s (%s); with dynamic_chunking they must rise "
                            "from min_chunk_size over chunk_size to max_chunk_size",
                            rising[i], low->text, low->origin_text, rising[i + 1], high->text,
                            high->origin_text);
    }
    return TAL_OK;
}

static const conf_value *get_value(const tal_conf *conf, const char *key, tal_conf_kind kind)
{
    const tal_conf_row *row = tal_conf_find_row(key);
    TAL_ASSERT(row != NULL);
    TAL_ASSERT(row->kind == kind);
    return find_value(conf, key);
}

int64_t tal_conf_int(const tal_conf *conf, const char *key)
{
    return get_value(conf, key, TAL_CONF_INT)->integer;
}

double tal_conf_real(const tal_conf *conf, const char *key)
{
    return get_value(conf, key, TAL_CONF_REAL)->real;
}

bool tal_conf_bool(const tal_conf *conf, const char *key)
{
    return get_value(conf, key, TAL_CONF_BOOL)->integer != 0;
}

int tal_conf_choice(const tal_conf *conf, const char *key)
{
    return (int)get_value(conf, key, TAL_CONF_CHOICE)->integer;
}

const char *tal_conf_text(const tal_conf *conf, const char *key)
{
    return find_value(conf, key)->text;
}

tal_conf_origin tal_conf_origin_of(const tal_conf *conf, const char *key)
{
    return find_value(conf, key)->origin;
}

const char *tal_conf_origin_text(const tal_conf *conf, const char *key)
{
    return find_value(conf, key)->origin_text;
}
