/* arrived: what Redis has of a parcel of which some was refused, for whoever reads it again instead of keeping it. */
#ifndef TASKLEDGER_PRODUCER_ARRIVED_H
#define TASKLEDGER_PRODUCER_ARRIVED_H

#include "producer/parcel.h"
#include "proto/stream.h"

#include <stddef.h>
#include <stdint.h>

struct arrived_event {
    uint64_t ordinal;
    struct stream_id id;
};

/* Zeroed: nothing. */
struct arrived {
    struct arrived_event events[PARCEL_EVENTS_MAX]; /* ordinals ascend */
    size_t count;
};

/* What was answered in this parcel, and nothing else. */
void arrived_note(struct arrived *arrived, const struct parcel *parcel);

/* In a parcel that was read again: it is answered. */
void arrived_tell(const struct arrived *arrived, struct parcel *parcel);

#endif
