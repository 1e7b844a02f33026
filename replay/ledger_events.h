/* ledger_events: the stored events of one task, decoded from their payloads, as they stream in. */
#ifndef TASKLEDGER_REPLAY_LEDGER_EVENTS_H
#define TASKLEDGER_REPLAY_LEDGER_EVENTS_H

#include "proto/arena.h"
#include "proto/error.h"
#include "proto/event.h"
#include "replay/ledger.h"

#include <stdbool.h>
#include <stdint.h>

enum ledger_order {
    LEDGER_BY_ARRIVAL,   /* as the ledger learnt them */
    LEDGER_BY_ATTEMPT,   /* attempt by attempt, as they happened */
    LEDGER_NEWEST_FIRST, /* the other way round */
};

/* What the ledger adds to an event. */
struct ledger_event {
    struct event event;
    bool is_readable; /* else only identity, occurred_at, task_id, status and attempt are known ... */
    bool is_redacted; /* ... as they shall be */
    struct slice redacted_because;
    bool is_contested; /* other bytes with the same identity were set aside */
    int64_t recorded_at_us;
    struct slice stream;
    uint64_t stream_ms;
    uint64_t stream_sequence;
    struct slice payload; /* as it was received */
};

/* Called for each event; slices are borrowed for the call, but for those of a readable one: they live in the arena. */
typedef bool ledger_events_visitor(void *self, const struct ledger_event *event, struct error *error);

/* `arena` is where an event outlives its row; it is reset before each one. */
bool ledger_events_read(struct ledger *ledger, struct slice task_id, enum ledger_order order, struct arena *arena,
                        ledger_events_visitor *visit, void *self, struct error *error);

/* One event's place by attempt. */
struct ledger_events_place {
    uint32_t attempt;
    int64_t occurred_at_us;
    struct uuid producer_id;
    uint64_t sequence;
};

/* Which ones. */
struct ledger_events_part {
    struct slice task_id;
    struct ledger_events_place from; /* with the one that is there; zeroed: from the first */
    uint64_t limit;
};

/* A part of them by attempt, likewise. */
bool ledger_events_read_part(struct ledger *ledger, const struct ledger_events_part *part, struct arena *arena,
                             ledger_events_visitor *visit, void *self, struct error *error);

/* Called for each event of which only what is compared was read: identity, occurred_at, status and attempt. */
typedef bool ledger_events_outline_visitor(void *self, const struct event *event, struct error *error);

/* The first ones in that order, at most so many, by their columns alone: much cheaper where there are many. */
bool ledger_events_outline(struct ledger *ledger, struct slice task_id, enum ledger_order order, uint64_t limit,
                           ledger_events_outline_visitor *visit, void *self, struct error *error);

#endif
