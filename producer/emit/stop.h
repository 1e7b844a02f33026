/* stop: somebody wants us to end: SIGINT, SIGTERM or SIGHUP. */
#ifndef TASKLEDGER_PRODUCER_EMIT_STOP_H
#define TASKLEDGER_PRODUCER_EMIT_STOP_H

#include "proto/error.h"

#include <stdbool.h>

/* From here on these signals end nothing, but make `*stop_fd` readable; the caller closes it. Those that are ignored
 * stay ignored: under nohup SIGHUP is none. FATAL, "signal". */
bool stop_open(int *stop_fd, struct error *error);

/* Whether one of them has come; never when `stop_fd` is negative. */
bool stop_is_wanted(int stop_fd);

#endif
