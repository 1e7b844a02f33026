/* line: one JSON object of `taskledger-emit lines`, as an event.
 *
 *   key                                           value
 *   task_id, status                               strings; status is one of the eight, in any case
 *   attempt                                       a whole number from 1
 *   progress                                      a number from 0 to 1
 *   task_name, worker, step, message, queue,
 *   parent_task_id, traceparent                   strings
 *   error                                         an object with the strings type, message, traceback
 *   data_json, or data                            an object, or a string that holds one; an object's bytes go into the
 *                                                 event as they are written
 *   occurred_at                                   a string, RFC 3339; without it, now
 *
 * null is the same as no key. A key that is not in this table, or comes twice, is an error: a typo must not vanish. */
#ifndef TASKLEDGER_PRODUCER_EMIT_LINE_H
#define TASKLEDGER_PRODUCER_EMIT_LINE_H

#include "producer/taskledger/producer.h"
#include "proto/error.h"

#include <stdbool.h>
#include <stddef.h>

struct line {
    struct taskledger_event event;
    const char *data_key; /* by which data was given; static storage, NULL when it was not */
};

/* `text` has `size` bytes and a NUL behind them; it is used up, and the event borrows from it. Limits that the library
 * checks are not checked here. REJECTED, "invalid", naming the key. */
bool line_parse(char *text, size_t size, struct line *line, struct error *error);

#endif
