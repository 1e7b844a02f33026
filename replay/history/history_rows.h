/* history_rows: an event, and an attempt, as rows of an answer. */
#ifndef TASKLEDGER_REPLAY_HISTORY_HISTORY_ROWS_H
#define TASKLEDGER_REPLAY_HISTORY_HISTORY_ROWS_H

#include "proto/event.h"
#include "replay/history/timeline.h"
#include "replay/output/output.h"

#include <stdint.h>

extern const struct section history_rows_events;
extern const struct section history_rows_attempts;

/* What is known of an event besides itself. */
struct history_rows_event {
    const struct event *event;
    bool is_readable;
    bool is_archived;
    int64_t recorded_at_us; /* PROJECTION_NEVER: not archived yet */
    int64_t after_us;       /* since the event before it in the same attempt */
    bool has_after;
    enum timeline_mark mark;
};

void history_rows_write_event(struct output *output, const struct history_rows_event *row);
void history_rows_write_attempt(struct output *output, const struct timeline_attempt *attempt);

#endif
