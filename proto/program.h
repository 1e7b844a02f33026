/* program: what a program takes, for everybody who tells it: --help, the manual, the completions of shells.
 *
 * Texts are prose (proto/prose.h). A paragraph "Exit codes: ..." is the description's last. */
#ifndef TASKLEDGER_PROTO_PROGRAM_H
#define TASKLEDGER_PROTO_PROGRAM_H

#include "proto/options.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Borrows all. */
struct program_command {
    const char *name;
    const char *arguments;        /* "TASK TIME [TIME]"; "": none */
    const char *usage;            /* behind its name, with its options; NULL: its arguments, then [OPTION...] */
    const char *summary;          /* one line, lower case */
    const char *description;      /* NULL: the summary says it all, and there is no page about it */
    const char *example;          /* lines for a shell; NULL: none */
    struct options_table options; /* its own */
    bool stops_at_word;           /* behind its first argument nothing is ours */
};

struct program {
    const char *name;
    int section; /* of the manual */
    const char *version;
    const char *summary;
    const char *usage; /* behind its name: "COMMAND [OPTION...]" */
    const char *description;
    const struct program_command *commands;
    size_t count;
    struct options_table alone;  /* what is taken without a command */
    struct options_table shared; /* by all commands */
};

void program_print_help(const struct program *program, FILE *out);
void program_print_command_help(const struct program *program, const struct program_command *command, FILE *out);

#endif
