/* held: numbers that are held without an event, since what came under them was set aside; in the order of (producer,
 * number), paged along with the events. */
#ifndef TASKLEDGER_REPLAY_VERIFY_HELD_H
#define TASKLEDGER_REPLAY_VERIFY_HELD_H

#include "proto/digest.h"
#include "proto/error.h"
#include "proto/uuid.h"
#include "replay/pages.h"
#include "replay/verify/part.h"

#include <stdbool.h>
#include <stdint.h>

struct held {
    /* The present one; valid unless `ended`. */
    struct uuid producer_id;
    uint64_t sequence;
    bool has_digest; /* of its bytes; not known when they were not kept whole */
    struct digest digest;
    int64_t rejected_at_us;
    bool ended;

    struct pages pages; /* its own */
};

/* Stands at the first one of these producers. `postgres` and `part` are borrowed. A zeroed one can be closed. */
bool held_open(struct held *held, struct postgres *postgres, const struct part *part, struct error *error);

/* Is there one before this number of this producer? NULL: any. */
bool held_is_before(const struct held *held, const struct uuid *producer_id, uint64_t sequence);

bool held_next(struct held *held, struct error *error);

void held_close(struct held *held);

#endif
