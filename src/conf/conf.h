/* The configuration: one table of keys; every value knows where it came from.
 *
 * Precedence, lowest first: default, configuration file (--config, else TALARIA_CONFIG),
 * environment, command line. Environment variables (conf/environment.h) stand for "automatic" only:
 * SLURM_CPUS_PER_TASK and OMP_NUM_THREADS count when num_threads is still 0 after the file and the
 * command line. Unknown keys are refused with the nearest known one.
 */
#ifndef TAL_CONF_CONF_H
#define TAL_CONF_CONF_H

#include "base/buffer.h"
#include "base/status.h"
#include "base/types.h"

/* Limits. A file has a few dozen short lines; what is larger is not a configuration file. */
enum {
    TAL_CONF_FILE_BYTES_MAX = 1 << 20,
    TAL_CONF_LINE_BYTES_MAX = 1000, /* bounds the depth of dotted keys too */
    TAL_CONF_THREADS_MAX = 4096,
};

typedef enum tal_conf_kind {
    TAL_CONF_INT,
    TAL_CONF_REAL,
    TAL_CONF_BOOL,
    TAL_CONF_CHOICE
} tal_conf_kind;

typedef enum tal_conf_origin {
    TAL_ORIGIN_DEFAULT = 0,
    TAL_ORIGIN_FILE,
    TAL_ORIGIN_ENVIRONMENT,
    TAL_ORIGIN_COMMAND_LINE,
    TAL_ORIGIN_COUNT
} tal_conf_origin;

/* One row of the table. */
typedef struct tal_conf_row {
    const char *key; /* "parallel.threadpool.num_threads" */
    tal_conf_kind kind;
    const char *default_text;
    double min, max;     /* INT, REAL */
    const char *choices; /* CHOICE: "spin|yield|park" */
    const char *help;    /* one sentence */
} tal_conf_row;

/* The table, ended by a row whose key is NULL. */
const tal_conf_row *tal_conf_rows(void);

/* The row of a key, or NULL. */
const tal_conf_row *tal_conf_find_row(const char *key);

/* The known key nearest to `key`: few edits away, or the same last part in another table. */
const char *tal_conf_nearest_key(const char *key);

/* What a row allows, for people: "a whole number from 0 to 4096", "one of spin, yield, park". */
void tal_conf_describe(const tal_conf_row *row, char *out_text, size_t bytes);

typedef struct tal_conf tal_conf;

/* All defaults. */
tal_status tal_conf_create(tal_conf **out_conf);
void tal_conf_destroy(tal_conf *conf);

/* Append a configuration file to `text`, at most TAL_CONF_FILE_BYTES_MAX bytes: what one rank reads
 * and gives to the others. TAL_ERR_CONFIG with the cause when it cannot be read. */
tal_status tal_conf_load(const char *path, tal_buffer *text);

/* Set values from a TOML file or text; TAL_ERR_CONFIG names file, line, key. On failure the values
 * before the first wrong one may have been set. */
tal_status tal_conf_read_file(tal_conf *conf, const char *path);
tal_status tal_conf_read_text(tal_conf *conf, const char *name, const char *text, size_t bytes);

/* Where num_threads is automatic, take it from SLURM_CPUS_PER_TASK, else from OMP_NUM_THREADS (its
 * first number). TAL_ERR_CONFIG when the variable is set to something else. */
tal_status tal_conf_read_environment(tal_conf *conf);

/* Whether the values fit together (chunk limits): TAL_ERR_CONFIG names them. Call when all are set.
 */
tal_status tal_conf_check(const tal_conf *conf);

/* Set one value from text (environment, command line). `origin_name` for messages and info, for
 * example "--threads" or "OMP_NUM_THREADS". A wrong value is TAL_ERR_USAGE from the command line,
 * else TAL_ERR_CONFIG. */
tal_status tal_conf_set(tal_conf *conf, const char *key, const char *text, tal_conf_origin origin,
                        const char *origin_name);

/* Values; a key not in the table or of another kind is our mistake. */
int64_t tal_conf_int(const tal_conf *conf, const char *key);
double tal_conf_real(const tal_conf *conf, const char *key);
bool tal_conf_bool(const tal_conf *conf, const char *key);
int tal_conf_choice(const tal_conf *conf, const char *key); /* index within choices */

/* The value as text, and where it came from ("default", "file 'x.toml' line 3", "SLURM_CPUS_...").
 * Views, until the value is set again. */
const char *tal_conf_text(const tal_conf *conf, const char *key);
tal_conf_origin tal_conf_origin_of(const tal_conf *conf, const char *key);
const char *tal_conf_origin_text(const tal_conf *conf, const char *key);

#endif
