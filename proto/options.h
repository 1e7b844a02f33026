/* options: one table per program makes its flags, its environment, its --help and its configuration page.
 *
 * A value comes from the flag, else from the environment, else from the default; an empty variable counts as not set.
 * An option of the type FILE_OF names a secret's file: its content, without the final newline, becomes the value of the
 * option before it in the table; to set both variables is refused. Secrets are never printed. Wrong values are refused
 * with the flag, the variable, what was expected and what was found. A table with --help takes -h for it. */
#ifndef TASKLEDGER_PROTO_OPTIONS_H
#define TASKLEDGER_PROTO_OPTIONS_H

#include "proto/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum option_type {
    OPTION_TEXT,     /* const char * */
    OPTION_SECRET,   /* const char *, never printed */
    OPTION_FILE_OF,  /* path of a file that holds the value of the option just before; no target of its own */
    OPTION_INTEGER,  /* int64_t, within minimum and maximum */
    OPTION_BOOLEAN,  /* bool; 1/0, true/false, yes/no, on/off; the flag alone means yes, "--flag=no" is no */
    OPTION_CHOICE,   /* const char *, one of the words in `choices` */
    OPTION_DURATION, /* int64_t milliseconds; "500ms", "30s", "5m", "2h", "7d"; a bare number is seconds */
    OPTION_BYTES,    /* int64_t bytes, as proto/bytes.h has them */
};

enum { OPTIONS_FILE_BYTES_MAX = 64 * 1024 }; /* of a secret's file */

struct option_spec {
    const char *flag;     /* "--stream"; NULL: environment only */
    const char *variable; /* "TASKLEDGER_STREAM"; NULL: flag only */
    enum option_type type;
    size_t offset;        /* of the target in the program's struct */
    const char *fallback; /* the default as text; NULL: none */
    int64_t minimum;      /* of INTEGER, DURATION (milliseconds) and BYTES; */
    int64_t maximum;      /* both 0: whatever fits, for a DURATION not below 0 */
    const char *choices;  /* of CHOICE: "json text" */
    const char *value;    /* what --help calls the value: "NAME" */
    const char *help;     /* one line, lower case, no full stop */
};

struct options_table {
    const char *program;
    const struct option_spec *specs;
    size_t count;
};

/* Fill `target` with environment and defaults; an option with neither is left as it is. FATAL, "config"; `target` may
 * then be filled in part. Texts live as long as the process. Not while another thread changes the environment. */
bool options_from_environment(const struct options_table *table, void *target, struct error *error);

/* Take the flags out of argv[1...]: "--flag value", "--flag=value"; "--" ends them and is taken out too, "-" is a word,
 * and so is "-2h". What is left over is moved to the front of argv[1...], a NULL behind it, and `*argc` is adjusted.
 * When `stop_at_word` is set, parsing ends at the first word that is no flag. FATAL, "usage", naming the nearest flag
 * there is when one is unknown; `target` and `argv` may then be used in part. */
bool options_from_arguments(const struct options_table *table, void *target, bool stop_at_word, int *argc, char **argv,
                            struct error *error);

/* The table as people read it, at 80 columns, no heading. In proto/options_print.c. */
void options_print_help(const struct options_table *table, FILE *out);

enum { OPTIONS_PRINT_DETAILS_BYTES = 512 };

/* What a value is called: "NAME", "N"; "": it has none. */
const char *options_print_value_name(const struct option_spec *spec);

/* Limits, default and variable as far as there are any: "a whole number from 1 to 64; default 2; TASKLEDGER_JOBS". */
void options_print_details(const struct option_spec *spec, char details[OPTIONS_PRINT_DETAILS_BYTES]);

/* The same as a table in Markdown, with its head, for deploy/CONFIGURATION.md. */
void options_print_markdown(const struct options_table *table, FILE *out);

#endif
