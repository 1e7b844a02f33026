/* event_rows: the new events of a batch, copied into task_event. */
#ifndef TASKLEDGER_CONSUMER_EVENT_ROWS_H
#define TASKLEDGER_CONSUMER_EVENT_ROWS_H

#include "consumer/binary.h"
#include "consumer/intake.h"
#include "consumer/keys.h"

#include <stdbool.h>

enum { EVENT_ROWS_PART_BYTES = 192 * 1024 }; /* sent together; one row may exceed it */

struct event_rows {
    struct postgres *postgres; /* borrowed */
    const struct keys *keys;   /* borrowed */
    struct binary buffer;      /* owned */
};

/* What a transaction may begin with: BEGIN, then the COPY; or with a savepoint in between. */
#define EVENT_ROWS_COPY                                                                                              \
    "COPY taskledger.task_event (producer_id, sequence, occurred_at, task_id, status, attempt, task_name,"           \
    " parent_task_id, queue, worker, step, progress, message, error_type, error_message, data, traceparent, stream," \
    " stream_ms, stream_seq, payload) FROM STDIN (FORMAT binary)"

/* Run `sql`, which ends in EVENT_ROWS_COPY, with all rows that are new. On failure the transaction is gone. */
bool event_rows_copy(struct event_rows *rows, const char *sql, const struct intake *intake, struct error *error);

#endif
