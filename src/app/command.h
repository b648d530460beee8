/* A command of the program: one table row gives its name, options, help, man page and function. */
#ifndef TAL_APP_COMMAND_H
#define TAL_APP_COMMAND_H

#include "base/cpu.h"
#include "comm/comm.h"
#include "conf/conf.h"

typedef enum tal_value_kind {
    TAL_VALUE_FLAG,   /* no value */
    TAL_VALUE_TEXT,   /* any text */
    TAL_VALUE_INT,    /* whole number in [min, max] */
    TAL_VALUE_REAL,   /* number in [min, max] */
    TAL_VALUE_CHOICE, /* one of choices, "local|global|semiglobal" */
    TAL_VALUE_BYTES,  /* whole number with optional K, M, G, T (powers of 1024) */
} tal_value_kind;

typedef struct tal_option {
    const char *name; /* long name, without "--" */
    char letter;      /* short form, or 0 */
    tal_value_kind kind;
    const char *value_name;   /* "FILE"; NULL for flags */
    const char *default_text; /* as a user would type it; NULL: none */
    double min, max;          /* INT, REAL, BYTES */
    const char *choices;      /* CHOICE */
    const char *conf_key;     /* configuration key it overrides, or NULL */
    bool is_repeatable;       /* TEXT only: may be given several times */
    const char *help;         /* one sentence, lower case, no final stop */
} tal_option;

typedef struct tal_run tal_run;

typedef struct tal_command {
    const char *name;
    const char *arguments; /* "QUERIES REFERENCES..." */
    int argument_min;
    int argument_max;          /* -1: any number */
    const char *summary;       /* one line for the list of commands */
    const char *description;   /* paragraphs for --help and the man page */
    const char *examples;      /* lines a user can type */
    const tal_option *options; /* ended by a row whose name is NULL; common options are added */
    tal_status (*run)(tal_run *run); /* Collective. */
} tal_command;

extern const tal_command tal_command_search;
extern const tal_command tal_command_reduce;
extern const tal_command tal_command_add;
extern const tal_command tal_command_reconstruct;
extern const tal_command tal_command_verify;
extern const tal_command tal_command_export;
extern const tal_command tal_command_simulate;
extern const tal_command tal_command_info;
extern const tal_command tal_command_bench;

/* What a command gets. All values have been parsed and checked against their rows. */
tal_comm *tal_run_comm(const tal_run *run);
const tal_conf *tal_run_conf(const tal_run *run);
int tal_run_argument_count(const tal_run *run);
const char *tal_run_argument(const tal_run *run, int idx);

/* Values of options by long name; asking for a name or kind not in the table is our mistake. */
bool tal_run_is_given(const tal_run *run, const char *name); /* on the command line */
bool tal_run_flag(const tal_run *run, const char *name);
const char *tal_run_text(const tal_run *run, const char *name); /* NULL: not given, no default */
int64_t tal_run_int(const tal_run *run, const char *name);
double tal_run_real(const tal_run *run, const char *name);
/* The index within choices. */
int tal_run_choice(const tal_run *run, const char *name);
/* Values of a repeatable option, in order. */
int tal_run_text_count(const tal_run *run, const char *name);
const char *tal_run_text_at(const tal_run *run, const char *name, int idx);

/* Common to all commands: --threads (default of the configuration and environment: see conf.h),
 * --isa, --config, --quiet, --verbose, --help. */
int tal_run_thread_count(const tal_run *run);
/* Ranks of the node that are bound to the same CPUs as this one, and its place among them. */
int tal_run_sharer_count(const tal_run *run);
int tal_run_sharer_rank(const tal_run *run);
tal_isa tal_run_isa(const tal_run *run);
bool tal_run_is_quiet(const tal_run *run);

/* The whole command line, as stored in result files. */
const char *tal_run_command_line(const tal_run *run);

#endif
