/* seen_events: which events were shown already. */
#ifndef TASKLEDGER_REPLAY_HISTORY_SEEN_EVENTS_H
#define TASKLEDGER_REPLAY_HISTORY_SEEN_EVENTS_H

#include "proto/error.h"
#include "proto/uuid.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SEEN_EVENTS_MAX = 1000000 };

struct seen_event;

/* A zeroed one is empty. */
struct seen_events {
    struct seen_event *slots; /* owned; a power of two of them */
    size_t room;
    size_t count;
};

/* Note it; `*is_new` unless it was noted before. FATAL, "memory", also beyond SEEN_EVENTS_MAX. */
bool seen_events_note(struct seen_events *seen, const struct uuid *producer_id, uint64_t sequence, bool *is_new,
                      struct error *error);
void seen_events_close(struct seen_events *seen);

#endif
