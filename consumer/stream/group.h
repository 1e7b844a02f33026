/* group: the source over a consumer group of Redis.
 *
 * It reads over lanes (consumer/stream/lane.h): one connection to a server, with all shards; in a cluster one for each
 * shard that this consumer reads, since others of the group may read some (consumer/stream/spread.h). There a batch is
 * what has come on all of them, and a lane that fails is opened again by itself while the others go on.
 *
 *   read    opens what is not open; takes a batch from the present answer, or asks for one
 *   settle  appends XACKs, which go along with the next question, so that Redis wakes once for both; their answers are
 *           read later, in their order
 *   rewind  says what is left of the XACKs, and hangs up
 *
 * Who is behind reads the next batch while PostgreSQL applies the present one: group_read_ahead.
 *
 * Nothing is read while no name is held: names belong to a PostgreSQL session (consumer/stream/slot.h), so nothing is
 * read while PostgreSQL is away.
 *
 * Memory: at most twice SHELF_BYTES_MAX of payloads, whatever Redis holds and sends: of the batch that was handed out,
 * and of the next one. Of several lanes each has its part of that, a quarter of a megabyte at least. */
#ifndef TASKLEDGER_CONSUMER_STREAM_GROUP_H
#define TASKLEDGER_CONSUMER_STREAM_GROUP_H

#include "consumer/histogram.h"
#include "consumer/source.h"
#include "consumer/stream/acks.h"
#include "consumer/stream/spread.h"
#include "proto/redis.h"
#include "proto/stream.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    GROUP_CONSUMER_BYTES_MAX = 16, /* of a consumer's name and the NUL */
    GROUP_WAIT_MS_MAX = 1000,      /* how long Redis may wait for the first entry; below every request timeout */
    GROUP_DELETED_MAX = 1000,      /* entries found deleted and not yet told */
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
    bool line_per_shard;  /* in a cluster */
    size_t batch_entries; /* 1 ... BATCH_ENTRIES_MAX; 0: BATCH_ENTRIES_MAX */
    struct group_slot slot;
};

struct group_counters {
    uint64_t connects;
    uint64_t reconnects; /* of those, of a lane that had been connected before */
    uint64_t lanes_lost; /* of several, times that one failed */
    uint64_t delivered;  /* entries, second deliveries too */
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

/* While a batch is out and PostgreSQL is awaited, the next one is asked for and read, so that it is there when this one is
 * settled: it is then that the processor has nothing else to do for us. A call reads a part of it at most, and only if
 * something has come; true when more has. What fails is told by settle, or the next read. */
bool group_read_ahead(struct group *group);

/* Ready to be read when there is more to read ahead: how many of them, at most `max`. Borrowed: for poll alone. */
size_t group_descriptors_ahead(const struct group *group, int *descriptors, size_t max);

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

/* ---- in a cluster, where shards are spread over the consumers of a group ----------------------------------------- */

/* Whether they are; all that follows is about that. */
bool group_is_spread(const struct group *group);

/* From now on we read these. What is ours of others is finished first. */
void group_spread(struct group *group, const struct spread *spread);

/* We read it, or have not finished with it. Without spreading: always. */
bool group_reads(const struct group *group, unsigned shard);

/* Of how many we are connected to the node that has them. */
size_t group_shards_read(const struct group *group);

/* What is wrong with a shard that we should read and cannot, for a while now; NULL: nothing. */
const struct error *group_away(const struct group *group);

/* ------------------------------------------------------------------------------------------------------------------ */

const struct group_counters *group_counters(const struct group *group);
const struct acks_counters *group_acks_counters(const struct group *group);

#endif
