/* apply: the sink that is the ledger.
 *
 * A batch is one transaction, in which tables are touched in this order, each in the order of its key, so that two
 * consumers can only wait for each other and never both:
 *
 *   task_event      COPY of the new events                              consumer/ledger/intake.h, consumer/ledger/event_rows.h
 *   task            what they add up to, merged into what is there      consumer/ledger/task_rows.h
 *   producer        what producers say about themselves                 consumer/ledger/producer_rows.h
 *   producer_run    which numbers are held from now on
 *   rejected_event  what can never be an event                          consumer/ledger/fault_rows.h
 *   loss            entries that somebody deleted
 *   entry_trial     what was suspected and is applied now                consumer/ledger/suspects.h
 *
 * Events are taken for new. When the COPY says that one is not, the batch is looked up first and tried again: an
 * identity that is there with the same bytes is a duplicate and left out, with other bytes it is a conflict and set
 * aside. While batches hold duplicates the next one is looked up at once. So each event is merged into its task once,
 * and event_count is exact.
 *
 * Memory is bounded: the decoded batch, and buffers of a megabyte that are sent when they are full. */
#ifndef TASKLEDGER_CONSUMER_LEDGER_APPLY_H
#define TASKLEDGER_CONSUMER_LEDGER_APPLY_H

#include "consumer/histogram.h"
#include "consumer/postgres/postgres.h"
#include "consumer/sink.h"
#include "proto/clock.h"
#include "proto/status.h"

#include <stdint.h>

/* Why something is set aside; the words stand in rejected_event.reason. */
enum apply_reason {
    APPLY_OVERSIZED,
    APPLY_UNDECODABLE,
    APPLY_UNKNOWN_BODY,
    APPLY_UNKNOWN_STATUS,
    APPLY_INVALID,
    APPLY_MALFORMED_ENTRY,   /* not an entry of ours */
    APPLY_IDENTITY_CONFLICT, /* (producer_id, sequence) is there, with other bytes */
    APPLY_REFUSED,           /* PostgreSQL refuses this event and takes another */
    APPLY_CRASHES,           /* whoever applies it does not live to tell */
    APPLY_REASONS,
};

/* "oversized", "undecodable" ... */
extern const char *const apply_reason_names[APPLY_REASONS];

struct apply_options {
    const char *stream; /* its name, for the keys that stand in the ledger */
    unsigned shards;
    const struct clock *clock; /* NULL: the machine's */
};

struct apply_counters {
    uint64_t batches;                 /* committed */
    uint64_t looked_up;               /* batches looked up before they were copied: some of it was there */
    uint64_t events;                  /* stored */
    uint64_t statuses[STATUS_COUNT];  /* of these, what was said of tasks */
    uint64_t duplicates;              /* the same event again */
    uint64_t late;                    /* of pruned producers: held, not stored */
    uint64_t rejected[APPLY_REASONS]; /* set aside */
    uint64_t deleted;                 /* entries gone from the stream before they were applied */
    uint64_t dropped;                 /* events that their producers declared as dropped */
    struct histogram delay_us;        /* from occurred to committed, by histogram_delay_us */
    int64_t last_commit_us;           /* Unix time; 0: none yet */
};

struct apply;

/* Borrows the session, which it opens when it is closed, and the options' texts. FATAL, "memory". */
struct apply *apply_new(struct postgres *postgres, const struct apply_options *options, struct error *error);
void apply_free(struct apply *apply);

/* The sink; valid as long as the apply. */
struct sink apply_sink(struct apply *apply);

/* Set this entry aside as one that crashes whoever applies it. It is not decoded. Fails as the sink does. */
bool apply_set_aside(struct apply *apply, const struct entry *entry, struct error *error);

const struct apply_counters *apply_counters(const struct apply *apply);

#endif
