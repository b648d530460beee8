/* Rows of options that several commands have, for their tables (see command.h). */
#ifndef TAL_APP_OPTION_ROWS_H
#define TAL_APP_OPTION_ROWS_H

/* WHAT: "the sequences". The choices are in the order of tal_alphabet_choice. */
#define TAL_OPTION_TYPE(WHAT)                                                                   \
    {                                                                                           \
        .name = "type", .kind = TAL_VALUE_CHOICE, .value_name = "TYPE", .default_text = "auto", \
        .choices = "auto|protein|nucleotide",                                                   \
        .help = "what " WHAT " are; auto looks at the first ones",                              \
    }

#define TAL_OPTION_OPEN_FILES                                                                 \
    {                                                                                         \
        .name = "open-files", .kind = TAL_VALUE_INT, .value_name = "N", .default_text = "10", \
        .min = 1, .max = 1000, .conf_key = "input.open_files",                                \
        .help = "input files read at the same time",                                          \
    }

/* DONE: "finished", what of the work is kept. */
#define TAL_OPTION_MAX_TIME(DONE)                                                                 \
    {                                                                                             \
        .name = "max-time", .kind = TAL_VALUE_REAL, .value_name = "SECONDS", .default_text = "0", \
        .max = 1e9,                                                                               \
        .help =                                                                                   \
            "stop in time, keeping what is " DONE                                                 \
            " (exit code 75); 0: two minutes before the end of the Slurm job, if there is one",   \
    }

#endif
