/* The configuration: one table of keys; every value knows where it came from.
 *
 * Precedence, lowest first: default, configuration file (--config, else TALARIA_CONFIG),
 * environment, command line. Unknown keys are refused with the nearest known one.
 */
#ifndef TAL_CONF_CONF_H
#define TAL_CONF_CONF_H

#include "base/status.h"
#include "base/types.h"

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

typedef struct tal_conf tal_conf;

/* All defaults. */
tal_status tal_conf_create(tal_conf **out_conf);
void tal_conf_destroy(tal_conf *conf);

/* Set values from a TOML file or text; TAL_ERR_CONFIG names file, line, key. */
tal_status tal_conf_read_file(tal_conf *conf, const char *path);
tal_status tal_conf_read_text(tal_conf *conf, const char *name, const char *text, size_t bytes);

/* Set one value from text (environment, command line). `origin_name` for messages and info, for
 * example "--threads" or "OMP_NUM_THREADS"; kept by pointer. */
tal_status tal_conf_set(tal_conf *conf, const char *key, const char *text, tal_conf_origin origin,
                        const char *origin_name);

/* Values; a key not in the table or of another kind is our mistake. */
int64_t tal_conf_int(const tal_conf *conf, const char *key);
double tal_conf_real(const tal_conf *conf, const char *key);
bool tal_conf_bool(const tal_conf *conf, const char *key);
int tal_conf_choice(const tal_conf *conf, const char *key); /* index within choices */

/* The value as text, and where it came from ("default", "file 'x.toml' line 3", "SLURM_CPUS_...").
 */
const char *tal_conf_text(const tal_conf *conf, const char *key);
const char *tal_conf_origin_text(const tal_conf *conf, const char *key);

#endif
