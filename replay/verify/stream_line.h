/* stream_line: the line to Redis of a command that looks at the stream beside the ledger. */
#ifndef TASKLEDGER_REPLAY_VERIFY_STREAM_LINE_H
#define TASKLEDGER_REPLAY_VERIFY_STREAM_LINE_H

#include "proto/clock.h"
#include "proto/error.h"
#include "proto/redis.h"
#include "replay/settings.h"

#include <stdbool.h>

/* Connected; owned by the caller. NULL when it is not configured (settings->redis_url) or when that failed. */
bool stream_line_open(const struct settings *settings, const struct clock *clock, struct redis **redis,
                      struct error *error);

/* Nobody is there, or does not let us in: what the ledger says is good without the stream. Other errors are ours, or
 * the ledger's. */
bool stream_line_is_shut(const struct error *error);

#endif
