/* lane: one connection of a group, and the shards that are read over it.
 *
 * Everything of this consumer about these shards is said on it, in order: reads, and the XACKs of what those reads
 * delivered. Its life is that of the delivery: a lost connection forgets its acknowledgements, and what was delivered
 * and not acknowledged is read again, as pending, by the next one.
 *
 * A server is read over one lane that has all shards. In a cluster each shard has a lane of its own: a command about
 * keys of two slots is refused there, and a connection can wait for one command only.
 *
 * Seen by the parts of a group only (consumer/stream/group*.c). */
#ifndef TASKLEDGER_CONSUMER_STREAM_LANE_H
#define TASKLEDGER_CONSUMER_STREAM_LANE_H

#include "consumer/stream/acks.h"
#include "consumer/stream/greeting.h"
#include "consumer/stream/group.h"
#include "consumer/stream/question.h"
#include "consumer/stream/reading.h"
#include "consumer/stream/shelves.h"
#include "proto/arena.h"
#include "proto/redis.h"
#include "proto/stream.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a lane borrows of its group; zeroed otherwise. */
struct lane {
    const char *group;
    const char *const *keys; /* of all shards */
    unsigned first;          /* of the shards that are read here ... */
    unsigned shards;         /* ... and how many */
    struct group_counters *counters;
    struct acks_counters *acks_counters;
    struct stream_id *lost_at; /* of all shards */

    struct redis *redis; /* owned, as is all that follows */
    struct group_name name;
    struct greeting greeting;
    int wait_ms;      /* how long Redis may wait for the first entry */
    size_t bytes_max; /* of payloads read before they are handed out */

    struct reading reading;
    struct question question;
    enum reading_ask ask; /* the answer that is owed to us, or that we are amid of */
    uint64_t asks;        /* that were asked, ever */
    bool unsent;          /* what is appended has to go out before anything is awaited */
    size_t ask_bytes;     /* of payloads, in that answer so far */
    struct acks acks;

    struct shelves shelves; /* what has come of the next batch, and the one that was handed out */
    size_t noted;           /* how many entries of the next batch were taken into account */
    struct error ahead;     /* what reading ahead met with, not told yet */
    struct arena small;     /* of small answers */

    bool connected; /* once */
    bool greeted;   /* once: the groups were there */
    bool dirty;     /* something may be pending for us that we were not given, or that is not acknowledged */
};

/* No socket yet; close it also when that fails. */
bool lane_init(struct lane *lane, const struct group_options *options, const struct redis_options *line,
               struct error *error);
void lane_close(struct lane *lane);

/* Hang up: all that was on the line is forgotten, and what of it was not handed out. */
void lane_forget(struct lane *lane);

/* Say what is appended, if that can be done, and hang up. */
void lane_leave(struct lane *lane);

/* Under this name, greeted. */
bool lane_open(struct lane *lane, const struct group_name *name, struct error *error);

/* Ask and receive until the next batch has entries, or a wait was in vain. */
bool lane_receive(struct lane *lane, struct error *error);

/* What has come; the other shelf is filled from now on. */
struct batch lane_hand_out(struct lane *lane);

/* What is held for good is acknowledged, whatever was met with meanwhile. */
bool lane_acknowledge(struct lane *lane, const struct batch *batch, struct error *error);

/* What reading ahead met with is told as if it were met now. */
bool lane_tell_ahead(const struct lane *lane, struct error *error);

/* As the functions of consumer/stream/group.h that end so. */
bool lane_read_ahead(struct lane *lane);
int lane_descriptor_ahead(const struct lane *lane);

/* Entries may be on the line, or wait to be handed out. */
bool lane_awaits_answer(const struct lane *lane);

/* The same, but for a wait for the first of them that nobody waits along with. */
bool lane_is_amid(const struct lane *lane);

/* ---- of several -------------------------------------------------------------------------------------------------- */

/* Ask for more, if nothing of this lane is unsettled, owed or waits to be handed out. */
bool lane_ask(struct lane *lane, struct error *error);

/* Take what has come, without a wait. */
bool lane_take(struct lane *lane, struct error *error);

/* Wait for the answers to all acknowledgements; only when no other answer is owed. */
bool lane_receive_acks(struct lane *lane, struct error *error);

#endif
