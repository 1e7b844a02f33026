/* completion: what a shell proposes when somebody presses TAB behind a program's name: commands, flags, words that a
 * flag takes, files where it takes a file. A script for bash, zsh or fish, of the program's tables. */
#ifndef TASKLEDGER_PROTO_COMPLETION_H
#define TASKLEDGER_PROTO_COMPLETION_H

#include "proto/program.h"

#define COMPLETION_SHELLS "bash zsh fish"

/* False, and nothing printed, when there is no such shell in COMPLETION_SHELLS. */
bool completion_print(const struct program *program, const char *shell, FILE *out);

#endif
