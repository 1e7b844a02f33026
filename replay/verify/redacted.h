/* redacted: what is known of an event whose content was blanked. */
#ifndef TASKLEDGER_REPLAY_VERIFY_REDACTED_H
#define TASKLEDGER_REPLAY_VERIFY_REDACTED_H

#include "consumer/postgres/postgres.h"
#include "proto/digest.h"
#include "proto/error.h"
#include "proto/event.h"
#include "proto/uuid.h"

#include <stdbool.h>
#include <stdint.h>

struct redacted {
    bool is_known; /* else no redaction tells of it */
    struct digest digest;
    bool has_previous;
    struct digest previous_digest;
    bool is_first; /* it carried no digest, as a producer's first event */
};

/* A payload that is blank, as no event's is. */
static inline bool redacted_is(struct slice payload)
{
    return payload.size == 0;
}

bool redacted_find(struct postgres *postgres, const struct uuid *producer_id, uint64_t sequence,
                   struct redacted *redacted, struct error *error);

/* As far as a chain is concerned. False when what it carried is not known. Borrows from `redacted`. */
bool redacted_event(const struct redacted *redacted, const struct uuid *producer_id, uint64_t sequence,
                    struct event *event);

#endif
