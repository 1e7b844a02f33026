/* verify_look: one stored event by itself: payload, columns, what it adds to its task; and what it is to the events
 * before and behind it, whoever follows these. */
#ifndef TASKLEDGER_REPLAY_VERIFY_VERIFY_LOOK_H
#define TASKLEDGER_REPLAY_VERIFY_VERIFY_LOOK_H

#include "proto/arena.h"
#include "proto/digester.h"
#include "proto/error.h"
#include "replay/verify/redacted.h"
#include "replay/verify/verify.h"
#include "replay/verify/verify_event.h"

#include <stdbool.h>

/* Zeroed, but for `verify` and `digester`, it has seen nothing. */
struct verify_look {
    struct verify *verify;     /* borrowed */
    struct digester *digester; /* borrowed */

    /* Of the event that was looked at last, as long as its row is there. */
    struct verify_event stored;
    const struct event *event; /* as a chain sees it; NULL: what it carries is not known */
    bool has_digest;
    struct digest digest;

    /* The rest is its own. */
    struct event left; /* of a redacted one */
    struct redacted redacted;
    struct arena arena;
};

/* Looks at a row of VERIFY_EVENT_COLUMNS, and counts it. What is wrong with it is reported. */
bool verify_look_at(struct verify_look *look, const struct postgres_row *row, struct error *error);

void verify_look_close(struct verify_look *look);

#endif
