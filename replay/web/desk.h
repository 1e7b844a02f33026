/* desk: what a worker of the monitor has of its own: a session with PostgreSQL, opened when it is needed, and again when
 * it was lost.
 *
 * Statements are bounded by --query-timeout, and the session is read-only. Between questions no transaction is open: a
 * monitor must not sit in a snapshot. */
#ifndef TASKLEDGER_REPLAY_WEB_DESK_H
#define TASKLEDGER_REPLAY_WEB_DESK_H

#include "proto/error.h"
#include "proto/json_writer.h"
#include "replay/ledger.h"

#include <stdbool.h>
#include <stdint.h>

struct monitor;

struct desk {
    struct monitor *monitor;
    struct ledger ledger; /* with a snapshot, after desk_begin */
};

/* For workers_options; `self` is the monitor. */
void *desk_new(void *self);
void desk_free(void *self);

/* A fresh snapshot; ledger.now_us is its time. Ends by itself when the handler is done. TRANSIENT, FATAL. */
bool desk_begin(struct desk *desk, struct error *error);
void desk_end(struct desk *desk);

/* "now": the ledger's time, behind desk_begin. */
void desk_write_now(const struct desk *desk, struct json_writer *json);

#endif
