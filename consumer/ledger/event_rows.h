/* event_rows: the new events of a batch, copied into task_event. */
#ifndef TASKLEDGER_CONSUMER_LEDGER_EVENT_ROWS_H
#define TASKLEDGER_CONSUMER_LEDGER_EVENT_ROWS_H

#include "consumer/ledger/binary.h"
#include "consumer/ledger/intake.h"
#include "consumer/stream/keys.h"

#include <stdbool.h>

enum { EVENT_ROWS_PART_BYTES = 192 * 1024 }; /* sent together; one row may exceed it */

struct event_rows {
    struct postgres *postgres; /* borrowed */
    const struct keys *keys;   /* borrowed */
    struct binary buffer;      /* owned */
};

/* A transaction begins with BEGIN and the COPY; or with a savepoint in between, if it is only a trial. */
enum event_rows_begin { EVENT_ROWS_BEGIN, EVENT_ROWS_BEGIN_TRIAL };

/* Begin, and send all rows that are new, of which there is at least one; then wait for PostgreSQL's word. On failure
 * the transaction is gone. */
bool event_rows_send(struct event_rows *rows, enum event_rows_begin begin, const struct intake *intake,
                     struct error *error);
bool event_rows_end(struct event_rows *rows, struct error *error);

#endif
