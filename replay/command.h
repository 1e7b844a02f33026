/* command: one question to the ledger, one file.
 *
 * The commands are a table (replay/main.c). Each gets what it needs from struct replay, asks, and writes its answer to
 * the output; what only people should hear goes through replay/console.h. */
#ifndef TASKLEDGER_REPLAY_COMMAND_H
#define TASKLEDGER_REPLAY_COMMAND_H

#include "proto/clock.h"
#include "proto/error.h"
#include "replay/output/output.h"
#include "replay/settings.h"
#include "replay/verify/verdict.h"

#include <stdbool.h>

enum { COMMAND_ARGUMENTS_ANY = 1000 };

struct replay {
    const struct settings *settings;
    struct output *output;
    const struct clock *clock;
};

struct command {
    const char *name;
    const char *arguments; /* as --help shows them: "TASK" */
    int argument_min;
    int argument_max;         /* COMMAND_ARGUMENTS_ANY: as many as there are */
    const char *summary;      /* one line, lower case */
    const char *description;  /* what --help says besides the flags */
    const char *example;      /* command lines, each behind two spaces and with what it is for */
    const char *const *flags; /* its own, of settings.c; ends with NULL */
    bool is_read;             /* its answer is for reading: long ones go to a pager */

    /* `arguments` ends with NULL. Sets *exit when it could answer. Otherwise the error's kind and reason decide the
     * exit code. */
    bool (*run)(struct replay *replay, char *const *arguments, enum exit_code *exit, struct error *error);
};

extern const struct command history_command;
extern const struct command state_command;
extern const struct command tasks_command;
extern const struct command diff_command;
extern const struct command stuck_command;
extern const struct command gaps_command;
extern const struct command verify_command;
extern const struct command seal_command;
extern const struct command rebuild_command;
extern const struct command rejected_command;
extern const struct command export_command;
extern const struct command import_command;
extern const struct command prune_command;
extern const struct command redact_command;

#endif
