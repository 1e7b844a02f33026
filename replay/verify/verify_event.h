/* verify_event: one stored event: is its payload an event, the one that its row says, and do the columns agree with
 * it? */
#ifndef TASKLEDGER_REPLAY_VERIFY_VERIFY_EVENT_H
#define TASKLEDGER_REPLAY_VERIFY_VERIFY_EVENT_H

#include "consumer/postgres/postgres.h"
#include "proto/arena.h"
#include "proto/error.h"
#include "proto/event.h"
#include "replay/verify/extracted.h"
#include "replay/verify/verify_report.h"

#include <stdbool.h>
#include <stdint.h>

/* The columns of a row of task_event, in the order in which verify_event_read reads them. */
#define VERIFY_EVENT_COLUMNS "producer_id, sequence, recorded_at, payload, " EXTRACTED_COLUMNS

struct verify_event {
    struct uuid producer_id; /* as the row says */
    uint64_t sequence;
    int64_t recorded_at_us;
    struct slice payload;
    bool is_readable;   /* else there is no event */
    struct event event; /* with the row's number, whatever the payload says; its slices borrow from the payload */
    uint64_t said;      /* the number in the payload */
};

/* What a row says by itself. The payload is borrowed from it. */
void verify_event_read(const struct postgres_row *row, struct verify_event *event);

/* Decode its payload and report what is wrong with it. The arena is for comparing, and reset before. */
void verify_event_check(const struct postgres_row *row, struct arena *arena, struct verify_report *report,
                        struct verify_event *event);

/* The same of one whose payload is blank: does a redaction tell of it, and is nothing of its content left? */
void verify_event_check_redacted(const struct postgres_row *row, const struct verify_event *event, bool is_told,
                                 struct verify_report *report);

#endif
