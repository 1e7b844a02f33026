/* skeleton: what is left of an event that was redacted.
 *
 * Redaction takes the content and leaves what the order of a task's events rests on: who said it and as which number,
 * when, of which task, its status and its attempt. It folds as an event that says nothing else. Its payload is
 * empty. */
#ifndef TASKLEDGER_REPLAY_SKELETON_H
#define TASKLEDGER_REPLAY_SKELETON_H

#include "proto/event.h"

#include <stdbool.h>

/* NULL for a whole event, else the skeleton's columns as bytes: a column of a query over taskledger.task_event. */
#define SKELETON_COLUMN                                                                          \
    "CASE WHEN octet_length(payload) = 0 THEN uuid_send(producer_id) || int8send(sequence)"      \
    " || timestamptz_send(occurred_at) || int4send(attempt) || convert_to(status::text, 'UTF8')" \
    " END"

/* The event of such a column's value. Borrows task_id. False when it is none. */
bool skeleton_read(struct slice value, struct slice task_id, struct event *event);

#endif
