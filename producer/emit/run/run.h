/* run: run a command as a task.
 *
 * RUNNING when it starts, and again each heartbeat; then SUCCESS or FAILURE (outcome.h), or RETRY when it is tried
 * again. TASKLEDGER_TASK_ID and TASKLEDGER_ATTEMPT tell the command what task it is, so that it can say more about it;
 * the rest of its environment is as we were given it.
 *
 *     attempts ─▶ attempt ─▶ child             the command, and how it ended: outcome
 *                    └─────▶ tree ─▶ usage     what it costs
 *         └─▶ account ─▶ producer              what is told of all this
 *
 * Whatever happens to Redis, the command starts at once, keeps its input, output and signals (child.h), and its exit
 * status is ours; only our exit may come later, by `timeout_ms` at most. */
#ifndef TASKLEDGER_PRODUCER_EMIT_RUN_RUN_H
#define TASKLEDGER_PRODUCER_EMIT_RUN_RUN_H

#include "producer/emit/configuration.h"

/* `words` are the command and its arguments, a NULL behind them. Returns the exit code, or does not return when the
 * command was killed by a signal: then we die by the same one. */
int run_execute(const struct configuration *configuration, int count, char **words);

#endif
