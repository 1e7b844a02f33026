/* marks: a parcel as confirming sees it (producer/confirm.h): runs of one identity.
 *
 * An identity's events follow each other, so only a few of a parcel's events need be decoded. What has no identity,
 * since it is no event that this version can read, is in no mark: it was sent, and that is all that can be known of
 * it. */
#ifndef TASKLEDGER_PRODUCER_MARKS_H
#define TASKLEDGER_PRODUCER_MARKS_H

#include "producer/confirm.h"
#include "producer/parcel.h"
#include "proto/event.h"

#include <stdbool.h>
#include <stddef.h>

struct marks {
    const struct parcel *parcel; /* borrowed */
    size_t next;
    size_t last;       /* of the mark told last: the place of its last event in the parcel, */
    struct event said; /* and that event; it borrows from the parcel */
};

static inline struct marks marks_of(const struct parcel *parcel)
{
    return (struct marks){.parcel = parcel};
}

/* The next mark; false when there are no more. It is placed where its first event was answered. */
bool marks_next(struct marks *marks, struct confirm_mark *mark);

#endif
