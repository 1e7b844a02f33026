/* run: run a command as a task.
 *
 * RUNNING when it starts; SUCCESS when it exits with 0, else FAILURE with error type ExitStatus, Signal, or Exec when
 * it could not be started. TASKLEDGER_TASK_ID and TASKLEDGER_ATTEMPT tell the command what task it is, so that it can
 * say more about it; the rest of its environment is as we were given it. The last event's data holds exit_code or
 * signal, wall_seconds, cpu_user_seconds, cpu_system_seconds and max_rss_bytes. The command's arguments and environment
 * are not told: they may hold secrets.
 *
 * Whatever happens to Redis, the command starts at once, keeps its input, output and signals (child.h), and its exit
 * status is ours; only our exit may come later, by `timeout_ms` at most. */
#ifndef TASKLEDGER_PRODUCER_EMIT_RUN_H
#define TASKLEDGER_PRODUCER_EMIT_RUN_H

#include "producer/emit/configuration.h"

/* Our own exit codes, as env(1) and timeout(1) have them. */
enum {
    EXIT_RUN_FAILED = 125, /* before the command was started */
    EXIT_RUN_NOT_EXECUTABLE = 126,
    EXIT_RUN_NOT_FOUND = 127,
};

/* `words` are the command and its arguments, a NULL behind them. Returns the exit code, or does not return when the
 * command was killed by a signal: then we die by the same one. */
int run_execute(const struct configuration *configuration, int count, char **words);

#endif
