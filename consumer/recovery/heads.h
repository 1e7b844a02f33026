/* heads: how far each stream had come, kept in the ledger, so that one that went back is recognised.
 *
 * A stream goes back when Redis loses what it had acknowledged: flushed, wiped, restored from an older file, a replica
 * promoted that had not heard all. A stream that goes on never has, compared with an earlier look,
 *
 *   no key, or a lesser last ID
 *   fewer entries ever added
 *   more entries than were added since, when all it has came since: another stream under the same key
 *   no entry with the ID that was its last, and older ones: asked about after each new connection
 *   all that it ever had, if that came after what its group was given before the group was lost: also where no look was in
 *   time, in the first second of a stream or behind a long batch
 *
 * The second, the third and the last need Redis 7. Whoever deletes an entry by hand may be taken for the fourth. What
 * is done about it:
 *
 *   FLUSHALL, DEL, a wiped Redis    the group is gone, too: whoever reads next makes it again, from the beginning
 *   failover, an older file         the group belongs to the key and went back with it: some entries come a second time.
 *   the group is ahead of it        of no case that we know of; what is added next would be passed over. It is set to the
 *                                   beginning: a second delivery is harmless
 *
 * and one row of loss tells of it. What it cost is told by gaps, see consumer/recovery/gaps.h. Only the holder of the
 * watermark does this, after each survey. */
#ifndef TASKLEDGER_CONSUMER_RECOVERY_HEADS_H
#define TASKLEDGER_CONSUMER_RECOVERY_HEADS_H

#include "consumer/ledger/columns.h"
#include "consumer/postgres/postgres.h"
#include "consumer/stream/group.h"
#include "consumer/stream/survey.h"

#include <stdbool.h>
#include <stdint.h>

enum { HEADS_WRITE_MS = 2000, HEADS_DETAIL_BYTES = 400 };

/* What was seen of one stream; zeroed: nothing. */
struct heads_head {
    struct stream_id last; /* the greatest ID that it ever gave */
    int64_t added;         /* entries ever; -1: not told */
    int64_t unread;        /* as in the survey */
    int64_t pending;
};

/* What the reader noticed, see group_counters. */
struct heads_loss {
    struct stream_id at; /* the last time */
    bool was_told;       /* before the reader noticed: what it is about to notice is the same */
};

struct heads_counters {
    uint64_t went_back; /* streams */
    uint64_t set_back;  /* groups, to the beginning */
};

struct heads {
    struct postgres *postgres; /* borrowed, as are the next three */
    const struct clock *clock;
    const struct group *source;
    const char *group_name;
    unsigned shards;
    struct heads_head *known;  /* of each shard; owned */
    bool *changed;             /* since it was written; owned */
    struct heads_loss *losses; /* of each shard; owned */
    struct columns columns;    /* owned */
    uint64_t session;          /* in which they were read; 0: not */
    bool in_doubt;             /* the connection is another than the last time */
    int64_t write_due_us;
    char detail[HEADS_DETAIL_BYTES]; /* of the last one that went back */
    struct heads_counters counters;
};

/* The first five are set, the rest is zero. False when memory is short. */
bool heads_init(struct heads *heads);
void heads_close(struct heads *heads);

/* Compare what the survey has just seen of each shard with what is known. We hold the watermark; `line` has nothing
 * outstanding. */
bool heads_compare(struct heads *heads, const struct survey_shard *shards, struct redis *line, struct error *error);

/* From now on the line may be one with another server. */
void heads_doubt(struct heads *heads);

/* Another consumer does this. */
void heads_rest(struct heads *heads);

/* Whether a stream whose group was gone, when it had been given entries up to `last`, is another one now. */
bool heads_is_another(struct stream_id last, const struct survey_shard *now);

/* Whether a stream of which `known` was seen cannot look like this unless it went back; as far as the survey tells. */
bool heads_went_back(const struct heads_head *known, const struct survey_shard *now);

#endif
