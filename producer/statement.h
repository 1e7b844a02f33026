/* statement: what a caller says about a task, checked and encoded, or the reason why it cannot be said.
 *
 * This is the large part of accepting an event, and it happens outside the producer's lock. What passes here can never
 * be refused by the ledger.
 *
 * A data_json that does not fit is replaced by a mark that tells what was there, as large as there is room for:
 *
 *   {"taskledger_cut":{"bytes":N,"sha256":"HEX","head":"its first bytes, cut at a character"}} */
#ifndef TASKLEDGER_PRODUCER_STATEMENT_H
#define TASKLEDGER_PRODUCER_STATEMENT_H

#include "producer/accept.h"
#include "producer/taskledger/producer.h"
#include "proto/arena.h"
#include "proto/error.h"
#include "proto/event.h"

#include <stdbool.h>

enum { STATEMENT_BYTES_MAX = EVENT_BYTES_MAX - EVENT_HEAD_BYTES_MAX };

/* What a statement takes from the producer that says it. */
struct speaker {
    const char *worker; /* for an event that names none */
    unsigned shards;
};

/* What was given, whole: a caller built against an older header has a shorter struct. Borrows the texts. REJECTED when
 * it does not say how long it is. */
bool statement_take(const struct taskledger_event *given, struct taskledger_event *said, struct error *error);

/* `draft` borrows from the arena. REJECTED: "oversized" when the event is too large even without data_json, else a
 * field breaks its limit; the text names it. FATAL, "memory". */
bool statement_make(const struct taskledger_event *said, const struct speaker *speaker, struct arena *arena,
                    struct draft *draft, struct error *error);

#endif
