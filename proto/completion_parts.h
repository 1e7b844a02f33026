/* completion_parts: what the three scripts have in common. For proto/completion*.c alone. */
#ifndef TASKLEDGER_PROTO_COMPLETION_PARTS_H
#define TASKLEDGER_PROTO_COMPLETION_PARTS_H

#include "proto/program.h"

#include <stdbool.h>

enum { COMPLETION_WORDS_BYTES = 512, COMPLETION_PLACES_MAX = 4 };

enum completion_kind {
    COMPLETION_ANYTHING, /* nothing to propose */
    COMPLETION_WORDS,
    COMPLETION_FILES,
    COMPLETION_FOLDERS,
    COMPLETION_COMMANDS, /* of the system */
};

/* What belongs in a place. */
struct completion_value {
    enum completion_kind kind;
    char words[COMPLETION_WORDS_BYTES]; /* with a space between */
};

/* Behind a flag that takes a value. */
void completion_parts_of_option(const struct option_spec *spec, struct completion_value *value);

/* In the command's argument of this number, from 0. */
void completion_parts_of_argument(const struct program_command *command, size_t number, struct completion_value *value);

/* It has one behind it: "--flag VALUE". */
bool completion_parts_takes_value(const struct option_spec *spec);

/* The text within '...', with what ends that quoted as this shell has it, and `escaped` characters behind a
 * backslash. */
void completion_parts_print_quoted(const char *text, const char *escaped, const char *quote, FILE *out);

void completion_bash_print(const struct program *program, FILE *out);
void completion_zsh_print(const struct program *program, FILE *out);
void completion_fish_print(const struct program *program, FILE *out);

#endif
