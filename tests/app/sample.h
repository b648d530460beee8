/* A command with an option of every kind, for tests. */
#ifndef TAL_TESTS_APP_SAMPLE_H
#define TAL_TESTS_APP_SAMPLE_H

#include "app/command.h"

static const tal_option sample_options[] = {
    {.name = "output",
     .letter = 'o',
     .kind = TAL_VALUE_TEXT,
     .value_name = "FILE",
     .help = "write to FILE"},
    {.name = "evalue",
     .letter = 'e',
     .kind = TAL_VALUE_REAL,
     .value_name = "E",
     .default_text = "10",
     .min = 0,
     .max = 1e300,
     .help = "largest E-value"},
    {.name = "max-hits",
     .kind = TAL_VALUE_INT,
     .value_name = "K",
     .default_text = "500",
     .min = 0,
     .max = 1000000,
     .help = "hits per query"},
    {.name = "gap-open", .kind = TAL_VALUE_INT, .value_name = "O", .help = "cost of a gap"},
    {.name = "mode",
     .kind = TAL_VALUE_CHOICE,
     .default_text = "local",
     .choices = "local|global|semiglobal",
     .help = "what is aligned"},
    {.name = "memory",
     .kind = TAL_VALUE_BYTES,
     .value_name = "SIZE",
     .default_text = "1G",
     .min = 1024,
     .max = 1e15,
     .help = "memory budget"},
    {.name = "column",
     .kind = TAL_VALUE_TEXT,
     .value_name = "NAME",
     .is_repeatable = true,
     .help = "a column to show"},
    {.name = "open-files",
     .kind = TAL_VALUE_INT,
     .value_name = "N",
     .min = 1,
     .max = 1000,
     .conf_key = "input.open_files",
     .help = "files open at once"},
    {.name = "force", .letter = 'f', .help = "overwrite"},
    {.name = NULL},
};

static const tal_command sample_command = {
    .name = "sample",
    .arguments = "IN [MORE]",
    .argument_min = 1,
    .argument_max = 2,
    .summary = "a command for tests",
    .description = "First paragraph of words that are many enough to need a second line in a "
                   "terminal.\n\n  kept as it is -\\\n\n'.quoted' last paragraph.",
    .examples = "talaria sample in -o out\ntalaria sample in --mode=global",
    .options = sample_options,
};

#endif
