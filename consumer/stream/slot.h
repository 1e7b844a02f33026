/* slot: the right to a consumer name of one group: c-1, c-2 ... c-1024.
 *
 * A slot is an advisory lock of our PostgreSQL session, pg_advisory_lock(class of the group, number): it ends with the
 * session, and so with the process or its machine, and a free one proves that whoever had it is gone. It is a
 * convenience, not a fence: two holders of one name would apply some events twice, which changes nothing. */
#ifndef TASKLEDGER_CONSUMER_STREAM_SLOT_H
#define TASKLEDGER_CONSUMER_STREAM_SLOT_H

#include "consumer/postgres/postgres.h"
#include "consumer/stream/group.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SLOT_NUMBER_MAX = 1024 };

struct slot {
    struct postgres *postgres; /* borrowed */
    int32_t lock_class;
    int32_t number;   /* 0: none yet */
    uint64_t session; /* of PostgreSQL, in which we took it */
};

void slot_init(struct slot *slot, struct postgres *postgres, const char *group);

/* The name that is ours in this session of PostgreSQL, which is open; the lowest free number when the session is new.
 * TRANSIENT, "slot", when all are taken. */
bool slot_hold(struct slot *slot, struct group_name *name, struct error *error);

/* True when we hold one in a session that is still open. */
bool slot_is_held(const struct slot *slot);

/* Somebody else's slot: `*taken` tells whether it was free; it is then ours until it is given back. */
bool slot_try(struct slot *slot, unsigned number, bool *taken, struct error *error);
bool slot_give_back(struct slot *slot, unsigned number, struct error *error);

/* Slots of others whose session has left the server waiting for so long. That alone does not prove its owner frozen. */
struct slot_numbers {
    size_t count;
    unsigned numbers[SLOT_NUMBER_MAX];
};
bool slot_silent(struct slot *slot, int64_t silent_ms, struct slot_numbers *numbers, struct error *error);

/* Slots of the others; of each session the lowest. */
bool slot_live(struct slot *slot, int64_t silent_ms, struct slot_numbers *numbers, struct error *error);

/* All that are held, by whomever. A server that only follows another one does not see that one's locks. */
bool slot_held_numbers(struct slot *slot, struct slot_numbers *numbers, struct error *error);

/* End the session that holds this slot, if it is still that silent: what it has locked, this slot too, is free a moment
 * later. FATAL, "rights", when the session is another user's and we may not. */
bool slot_end(struct slot *slot, unsigned number, int64_t silent_ms, bool *ended, struct error *error);

/* "c-12" is 12; 0 for a name that is none of ours. */
unsigned slot_number(struct slice consumer);

#endif
