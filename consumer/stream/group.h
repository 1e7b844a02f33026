/* group: the source over a consumer group of Redis.
 *
 * One connection, on which everything of this consumer is said, in order: reads, and the XACKs of what those reads
 * delivered. Its life is that of the delivery: a lost connection forgets its acknowledgements, and what was delivered
 * and not acknowledged is read again, as pending, by the next one.
 *
 *   read    opens what is not open; takes a batch from the present answer; when this one is complete and left something
 *           behind, asks for the next answer, so that Redis works while PostgreSQL does
 *   settle  appends XACKs, which the next read sends along with its question, so that Redis wakes once for both; their
 *           answers are read later, in their order
 *   rewind  hangs up
 *
 * Nothing is read while no name is held: names belong to a PostgreSQL session (consumer/stream/slot.h), so nothing is
 * read while PostgreSQL is away.
 *
 * Memory: at most GROUP_ARENA_BYTES_MAX of payloads, whatever Redis holds and sends. */
#ifndef TASKLEDGER_CONSUMER_STREAM_GROUP_H
#define TASKLEDGER_CONSUMER_STREAM_GROUP_H

#include "consumer/histogram.h"
#include "consumer/source.h"
#include "consumer/stream/acks.h"
#include "proto/redis.h"
#include "proto/stream.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    GROUP_CONSUMER_BYTES_MAX = 16, /* of a consumer's name and the NUL */
    GROUP_WAIT_MS_MAX = 1000,      /* how long Redis may wait for the first entry; below every request timeout */
    GROUP_DELETED_MAX = 1000,      /* entries found deleted and not yet told */
    /* Payloads of a batch, the part that exceeds it, and the ends of blocks that large payloads leave empty. */
    GROUP_ARENA_BYTES_MAX = 2 * (BATCH_BYTES_MAX + 4 * REDIS_PART_BYTES),
};

/* Under which name we read, since when: another tenure is another right, also to the same name. */
struct group_name {
    char consumer[GROUP_CONSUMER_BYTES_MAX];
    uint64_t tenure;
};

/* Who gives names. */
struct group_slot {
    /* The name to read under now; false while there is none to be had. */
    bool (*hold)(void *self, struct group_name *name, struct error *error);
    void *self;
};

struct group_options {
    struct redis_options redis; /* reply_string_max is the group's own affair */
    const char *stream;
    unsigned shards;
    const char *group;
    size_t batch_entries; /* 1 ... BATCH_ENTRIES_MAX; 0: BATCH_ENTRIES_MAX */
    struct group_slot slot;
};

struct group_counters {
    uint64_t connects;
    uint64_t delivered; /* entries, second deliveries too */
    uint64_t groups_made;
    uint64_t groups_lost; /* times that they had to be made again */
    const struct stream_id
        *lost_at; /* per shard: the greatest ID that had come then; 0-0: none. NULL before a greeting */
    struct histogram batch_entries; /* of batches settled, by histogram_batch_entries */
};

struct group;

/* Copies texts; no socket yet. FATAL, "config". */
struct group *group_new(const struct group_options *options, struct error *error);
void group_free(struct group *group);

/* The source; valid as long as the group. Its read fails
 *   TRANSIENT  as the line does, and while no name is to be had; "nogroup": the next read makes the group again, from the
 *              beginning of the stream, since a second delivery is harmless
 *   FATAL      "shards" when the stream has another number of shards than we were told */
struct source group_source(struct group *group);

/* The name read under, "" before the first. Lives as long as the group. */
const char *group_consumer(const struct group *group);

/* The key of a shard. Lives as long as the group. */
const char *group_key(const struct group *group, unsigned shard);

/* Read own pending entries again, as soon as nothing is unsettled: some were claimed. */
void group_reread(struct group *group);

/* True while an answer is owed to us, or has not come out of read whole: entries may be in it. */
bool group_awaits_answer(const struct group *group);

/* From now on a read without entries returns after so long. 0 ... GROUP_WAIT_MS_MAX. */
void group_set_wait_ms(struct group *group, int wait_ms);

/* Entries that Redis no longer has and no longer lists as pending: they come out of read as ENTRY_DELETED, until they
 * are settled. How many more there is room for, and one of them. */
size_t group_deleted_room(const struct group *group);
void group_add_deleted(struct group *group, unsigned shard, struct stream_id id);

bool group_is_connected(const struct group *group);

/* The server without secrets, for logs. Lives as long as the group. */
const char *group_address(const struct group *group);

const struct group_counters *group_counters(const struct group *group);
const struct acks_counters *group_acks_counters(const struct group *group);

#endif
