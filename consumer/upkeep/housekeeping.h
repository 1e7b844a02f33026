/* housekeeping: what has to be done beside the stream, in moments between two turns of the pump.
 *
 *   the watermark   folded and told, up to ten times a second
 *   claims          once a second
 *   reprieve        once: what an older version did not understand, by the holder of the watermark
 *   setback         once in each session with PostgreSQL: whether Redis was told of more than the ledger holds ...
 *   retrace         ... and whether it holds what was settled last. Before anything is trimmed
 *   upkeep          the stream is trimmed, and more: by the holder of the watermark
 *   gaps            every few seconds, by the holder of the watermark
 *   stuck tasks     a few pages of `task` at a time, by the holder of the watermark
 *   the survey      once a second; with many shards, so that it costs no more than that. What it sees of the streams is
 *                   compared with what was there before
 *
 * On a connection of its own, so that nothing waits behind a read. Only while PostgreSQL and Redis are there and a slot
 * is held. */
#ifndef TASKLEDGER_CONSUMER_UPKEEP_HOUSEKEEPING_H
#define TASKLEDGER_CONSUMER_UPKEEP_HOUSEKEEPING_H

#include "consumer/recovery/gaps.h"
#include "consumer/recovery/heads.h"
#include "consumer/recovery/reprieve.h"
#include "consumer/recovery/retrace.h"
#include "consumer/recovery/setback.h"
#include "consumer/recovery/watermark.h"
#include "consumer/stream/claim.h"
#include "consumer/stream/group.h"
#include "consumer/stream/roster.h"
#include "consumer/stream/slot.h"
#include "consumer/stream/survey.h"
#include "consumer/upkeep/stuck.h"
#include "consumer/upkeep/upkeep.h"
#include "proto/event.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    HOUSEKEEPING_CLAIM_MS = 1000,
    HOUSEKEEPING_SURVEY_MS = 1000,                 /* for each 32 shards */
    HOUSEKEEPING_STRING_MAX = EVENT_BYTES_MAX + 1, /* of strings in answers */
};

struct housekeeping_options {
    struct redis_options redis;
    const char *group_name;
    unsigned shards;
    int64_t claim_idle_ms;
    int64_t loss_grace_ms;
    bool tells_watermark;
    struct upkeep_options upkeep;
    struct sink sink;
    const char *stream;
    const char *version; /* of this program */
};

struct housekeeping {
    struct group *group; /* borrowed, as are the next three */
    struct slot *slot;
    struct postgres *postgres;
    const struct clock *clock;

    const char *group_name; /* borrowed */
    struct redis *line;
    struct roster roster;
    struct claim *claim;
    struct watermark watermark;
    struct gaps gaps;
    struct stuck stuck;
    struct upkeep upkeep;
    struct heads heads;
    struct setback setback;
    struct retrace retrace;
    struct reprieve reprieve;
    struct survey_shard *shards;
    unsigned shard_count;
    int64_t claim_due_us;
    int64_t survey_due_us;
    int64_t not_before_us; /* after a failure */
    uint64_t failures;
    bool failed; /* the last time */
};

/* `housekeeping` has its borrowed things set and is zero otherwise. FATAL, "config" or "memory". */
bool housekeeping_init(struct housekeeping *housekeeping, const struct housekeeping_options *options,
                       struct error *error);
void housekeeping_close(struct housekeeping *housekeeping);

/* Do what is due. A failure concerns nobody but whoever looks after this: it is tried again when it is due again. */
bool housekeeping_turn(struct housekeeping *housekeeping, struct error *error);

/* Whether Redis answers at all, asked while nothing else may be asked of it. */
bool housekeeping_probe(struct housekeeping *housekeeping, struct error *error);

/* Its line, connected, for who has a question between two turns; NULL when it cannot be. Nothing may be left
 * outstanding. */
struct redis *housekeeping_line(struct housekeeping *housekeeping);

/* Its line is connected. */
bool housekeeping_is_connected(const struct housekeeping *housekeeping);

/* The last thing before leaving: what was applied is folded and told, if it is us who do that. A failure leaves it to
 * the next holder. */
void housekeeping_finish(struct housekeeping *housekeeping);

/* The last time that something was due it went well. */
bool housekeeping_is_well(const struct housekeeping *housekeeping);

/* How long until something is due: at most GROUP_WAIT_MS_MAX, at least 1. */
int housekeeping_wait_ms(const struct housekeeping *housekeeping);

#endif
