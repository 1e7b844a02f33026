/* health: ask a consumer how it is, over its own HTTP address; for container health checks, and by hand. */
#ifndef TASKLEDGER_CONSUMER_DAEMON_HEALTH_H
#define TASKLEDGER_CONSUMER_DAEMON_HEALTH_H

#include "proto/error.h"

#include <stdbool.h>

enum { HEALTH_TIMEOUT_MS = 2000, HEALTH_ANSWER_MAX = 8192 };

/* GET `path` of who listens there. `*status` is the HTTP status, `body` what it said. TRANSIENT when nobody answers in
 * time, FATAL, "config", for an address that is none. */
bool health_ask(const char *listen, const char *path, int *status, char body[HEALTH_ANSWER_MAX], struct error *error);

#endif
