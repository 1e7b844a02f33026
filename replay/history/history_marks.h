/* history_marks: which events of a task came too late to move its state, or ended it a second time
 * (replay/history/timeline.h).
 *
 * Marks are found in the order in which events arrived and wanted in the order in which they are shown; events without
 * one, which is nearly all, take no memory. */
#ifndef TASKLEDGER_REPLAY_HISTORY_HISTORY_MARKS_H
#define TASKLEDGER_REPLAY_HISTORY_HISTORY_MARKS_H

#include "proto/error.h"
#include "replay/history/timeline.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HISTORY_MARKS_MAX = 100000 };

/* A zeroed one is empty. */
struct history_marks {
    struct timeline_marker marker;
    struct history_mark *items; /* owned */
    size_t count;
    uint64_t lost; /* marks beyond HISTORY_MARKS_MAX */
};

/* The next event arrived. FATAL, "memory". */
bool history_marks_arrived(struct history_marks *marks, const struct event *event, struct error *error);

/* All have; from now on history_marks_of may be asked. */
void history_marks_sort(struct history_marks *marks);

/* The mark of an event that arrived. */
enum timeline_mark history_marks_of(const struct history_marks *marks, const struct event *event);

void history_marks_close(struct history_marks *marks);

#endif
