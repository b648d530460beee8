/* A TOML document as a list of values; the only door to the C++ library behind it. */
#ifndef TAL_CONF_TOML_H
#define TAL_CONF_TOML_H

#include "base/status.h"
#include "base/types.h"

typedef enum tal_toml_kind {
    TAL_TOML_INT,
    TAL_TOML_REAL,
    TAL_TOML_BOOL,
    TAL_TOML_TEXT,
    TAL_TOML_TABLE, /* an empty table, or one nested deeper than TAL_TOML_DEPTH_MAX */
    TAL_TOML_OTHER, /* array, date, time: nothing Talaria uses */
    TAL_TOML_KIND_COUNT
} tal_toml_kind;

enum { TAL_TOML_DEPTH_MAX = 8 };

typedef struct tal_toml_value {
    const char *key; /* path with dots; parts that are not bare words stand in double quotes */
    tal_toml_kind kind;
    int64_t integer;
    double real; /* may be infinite or not a number */
    bool boolean;
    const char *text; /* TEXT; ends at its first NUL, if any */
    unsigned line;    /* from 1 */
} tal_toml_value;

/* Called for each value; anything but TAL_OK ends the walk. The value lives until it returns. */
typedef tal_status (*tal_toml_visit)(void *context, const tal_toml_value *value);

/* Parse `text` and visit its values in the order of their lines. A syntax error is TAL_ERR_CONFIG
 * and names `name`, line and cause; nothing was visited then. Lines are at most
 * TAL_CONF_LINE_BYTES_MAX bytes. Never throws. */
tal_status tal_toml_walk(const char *name, const char *text, size_t bytes, tal_toml_visit visit,
                         void *context);

#endif
