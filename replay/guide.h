/* guide: the table of commands, as people and shells read it. */
#ifndef TASKLEDGER_REPLAY_GUIDE_H
#define TASKLEDGER_REPLAY_GUIDE_H

#include "proto/program.h"
#include "replay/command.h"

#include <stddef.h>

enum { GUIDE_COMMANDS_MAX = 32 };

/* What taskledger-replay takes; lives as long as the process. To be called once. */
const struct program *guide_of(const struct command *const *commands, size_t count);

/* Its part about this command, which is one of those. */
const struct program_command *guide_find(const struct program *guide, const char *name);

/* The options as a part of deploy/CONFIGURATION.md. */
void guide_print_configuration(const struct program *guide);

#endif
