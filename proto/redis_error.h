/* redis_error: the one table that says what an error answer of Redis means for us.
 *
 * An answer is recognised by how it begins. One that is not in the table is FATAL, "reply": a bug of ours, or a server
 * we do not know. */
#ifndef TASKLEDGER_PROTO_REDIS_ERROR_H
#define TASKLEDGER_PROTO_REDIS_ERROR_H

#include "proto/error.h"
#include "proto/slice.h"

#include <stdbool.h>

/* Fill `error` by the table and return false. Its text is the answer, which came without its leading hyphen, made
 * printable and cut; the arguments that Redis repeats when it does not know a command are left out, and all of it when
 * it holds the `secret` (empty: none). */
bool redis_error_set(struct error *error, struct slice answer, const char *secret);

/* True when an error was set, and for this reason. */
bool redis_error_is(const struct error *error, const char *reason);

/* True when the server is none, or no longer, that can be written to, so that another may be the master by now: it is a
 * replica, is becoming one, has lost its replicas or its data, or is starting. */
bool redis_error_says_moved(const struct error *error);

#endif
