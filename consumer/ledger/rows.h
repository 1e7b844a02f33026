/* rows: what one transaction writes, table by table in the order that all consumers keep (see apply.h). */
#ifndef TASKLEDGER_CONSUMER_LEDGER_ROWS_H
#define TASKLEDGER_CONSUMER_LEDGER_ROWS_H

#include "consumer/ledger/columns.h"
#include "consumer/ledger/event_rows.h"
#include "consumer/ledger/fault_rows.h"
#include "consumer/ledger/intake.h"
#include "consumer/ledger/late.h"
#include "consumer/ledger/task_rows.h"
#include "consumer/stream/keys.h"
#include "proto/digester.h"

#include <stdbool.h>

struct rows {
    struct postgres *postgres; /* borrowed */
    struct event_rows events;  /* the rest is owned */
    struct task_rows tasks;
    struct columns producers;
    struct columns runs;
    struct fault_rows faults;
    struct columns suspects;
    struct late late;
    const struct keys *keys; /* borrowed */
};

/* Borrows all that it is given. */
void rows_init(struct rows *rows, struct postgres *postgres, const struct keys *keys, struct digester *digester);
void rows_close(struct rows *rows);

/* Begin a transaction with the new events of the intake. What they add up to is made while PostgreSQL takes them in. */
bool rows_begin(struct rows *rows, struct intake *intake, struct error *error);

/* Everything behind the events, and COMMIT. Of tasks, what the beginning left. */
bool rows_finish(struct rows *rows, struct intake *intake, const struct batch *batch, struct error *error);

/* Begin a transaction with a trial: whether the intake's events could be stored. They are not; the transaction goes
 * on. */
bool rows_try(struct rows *rows, struct intake *intake, struct error *error);

#endif
