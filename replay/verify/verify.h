/* verify: the whole audit, as one command made of several checks.
 *
 *   verify_chains    every event: its payload, its columns, its number, its digest      one scan, as the events lie;
 *                                                                                       in their order for a part, or a seal
 *   verify_seal      what an earlier seal tells of                                      along with these
 *   verify_tasks     every task: its row against the fold of its events                 along with these, then the rows
 *   verify_numbers   quick, instead of the chains: every number                         a scan of the index alone
 *   verify_counts    quick, instead of the tasks: how many events each has              another
 *   verify_books     what was set aside, and what was recorded as lost
 *   verify_stream    what is settled in Redis and missing in the ledger
 *   verify_holes     what looked missing, looked at again when the consumers have settled
 *   verify_filled    what has filled a hole since, checked like all other events
 *
 * The first three are of one snapshot. Memory does not depend on the size of the ledger, but for the
 * buffers of what was spilled (replay/spill.h). */
#ifndef TASKLEDGER_REPLAY_VERIFY_VERIFY_H
#define TASKLEDGER_REPLAY_VERIFY_VERIFY_H

#include "proto/redis.h"
#include "replay/console.h"
#include "replay/gather.h"
#include "replay/ledger.h"
#include "replay/settings.h"
#include "replay/verify/part.h"
#include "replay/verify/verify_holes.h"
#include "replay/verify/verify_report.h"

#include <stdbool.h>
#include <stdint.h>

struct verify_totals {
    uint64_t events;
    uint64_t producers;
    uint64_t tasks;
    uint64_t redactions;
    uint64_t set_aside;
    uint64_t losses;
    uint64_t entries;
    uint64_t filled; /* events that filled a hole */
};

struct verify_seal;

struct verify {
    const struct settings *settings;
    const struct clock *clock;
    struct part part; /* of the producers and tasks */
    struct ledger ledger;
    struct redis *redis; /* NULL: not asked, or not reachable */
    struct verify_report report;
    struct verify_seal *seal; /* NULL: none was given */
    struct gather *tasks;     /* what the events add up to */
    struct verify_holes holes;
    struct verify_totals totals;
    struct console_progress progress;
    uint64_t expected_events;
};

/* How far it has come, and what was found. */
void verify_tell(struct verify *verify, const char *phase, uint64_t done, uint64_t expected);

/* With every payload. The chains' scan gathers the tasks on its way; of a part of the tasks the events are other ones
 * than of a part of the producers, and another scan does. */
bool verify_chains(struct verify *verify, struct error *error);
bool verify_tasks(struct verify *verify, struct error *error);

/* The same by the indexes alone. */
bool verify_numbers(struct verify *verify, struct error *error);
bool verify_counts(struct verify *verify, struct error *error);

bool verify_books(struct verify *verify, struct error *error);
bool verify_stream(struct verify *verify, struct error *error);

/* Check what has filled this hole, in a fresh snapshot. */
bool verify_filled(struct verify *verify, const struct verify_hole *hole, struct error *error);

/* Judge the entries that were deleted; last of all. */
void verify_deleted(struct verify *verify);

/* Judge the holes; after the other checks, since it takes fresh snapshots. */
bool verify_judge(struct verify *verify, struct error *error);

#endif
