/* units: what can be pruned: partitions of past months, and what stands in the way of each. */
#ifndef TASKLEDGER_REPLAY_RETENTION_UNITS_H
#define TASKLEDGER_REPLAY_RETENTION_UNITS_H

#include "consumer/postgres/postgres.h"
#include "proto/error.h"
#include "replay/ledger.h"
#include "replay/seal/seal_scan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { UNITS_MAX = 1200 /* a hundred years */, UNIT_NAME_BYTES = 64 };

struct unit {
    char name[UNIT_NAME_BYTES];
    struct seal_scan_range range; /* producers born in that month */
    int64_t bytes;                /* on disk */

    /* By units_look. */
    uint64_t events;
    uint64_t producers;
    int64_t newest_us; /* 0: there is nothing in it */
    uint64_t young;    /* producers with an event that is not old enough */
    uint64_t live;     /* producers that have not closed and may still say something */
    uint64_t aside;    /* of its producers, set aside and not resolved */
};

struct units {
    struct unit unit[UNITS_MAX];
    size_t count;
    uint64_t others; /* events in task_event_other, at most 1: which is never pruned as a whole */
};

/* Partitions of months that began before then, the oldest first. */
bool units_read(struct units *units, struct postgres *postgres, int64_t before_us, struct error *error);

/* What is in it, in the open snapshot. */
bool units_look(struct unit *unit, struct postgres *postgres, int64_t before_us, struct error *error);

#endif
