/* shell: a word of a command that people will copy into their shell. */
#ifndef TASKLEDGER_REPLAY_SHELL_H
#define TASKLEDGER_REPLAY_SHELL_H

#include "proto/arena.h"
#include "proto/slice.h"

/* The text as one word that a shell reads back as it was, whatever is in it, and that a terminal may show: as it is
 * when nothing in it means anything, else '...', else, with characters that must not reach a terminal, $'...' with
 * octal numbers, which bash, zsh, ksh and BusyBox read. Data is NULL when the arena is exhausted. */
struct slice shell_quote(struct slice text, struct arena *arena);

#endif
