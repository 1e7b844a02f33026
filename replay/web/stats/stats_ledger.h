/* stats_ledger: what PostgreSQL knows of the pipeline: who produces, what is lost or set aside, who consumes; and how many
 * tasks have which status.
 *
 * Tasks are counted as consumer/upkeep/stuck.h walks through the table: a stretch of pages with one GROUP BY after the
 * other, so that no statement is long and no snapshot old, however large the table. A task that is written to meanwhile
 * may move within the table, and so be counted twice or not at all; in a table of one stretch that cannot be. */
#ifndef TASKLEDGER_REPLAY_WEB_STATS_STATS_LEDGER_H
#define TASKLEDGER_REPLAY_WEB_STATS_STATS_LEDGER_H

#include "consumer/postgres/postgres.h"
#include "consumer/stream/slot.h"
#include "proto/error.h"
#include "proto/status.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    STATS_LEDGER_PAGES = 4096, /* of 8 KiB, of a stretch */
    STATS_LEDGER_STATUSES = STATUS_CANCELLED + 1,
};

struct stats_books {
    int64_t producers_open;
    int64_t producers_closed;
    int64_t producers_silent; /* open, and not heard of for more than five minutes */
    int64_t losses_open;
    int64_t losses;
    int64_t rejected_open;
    int64_t rejected;
    bool has_slots;            /* false: a server that does not see the locks of the one that is written to */
    struct slot_numbers slots; /* of the group, that are held */
};

/* The session is open. */
bool stats_ledger_books(struct postgres *postgres, const char *group, struct stats_books *books, struct error *error);

struct stats_tasks {
    int64_t by_status[STATS_LEDGER_STATUSES];
    int64_t counted_us; /* when that began, by the server's clock */
    int64_t stuck;      /* RUNNING or in RETRY, and silent for more than STUCK_AFTER_S */
};

/* One round. A zeroed one begins. */
struct stats_round {
    uint32_t table; /* its OID; 0: nothing was looked at yet */
    uint64_t next_page;
    struct stats_tasks tasks;
};

/* Count the next stretch; `*is_whole`: it was the last one. A table that was put in the place of the one that was being
 * counted begins the round again. */
bool stats_ledger_count(struct stats_round *round, struct postgres *postgres, bool *is_whole, struct error *error);

#endif
