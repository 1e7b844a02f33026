/* fake_redis: the functions of proto/redis.h over a Redis in memory: streams, one group, and faults on command.
 *
 * Linked into a test it takes the place of the real line. Commands are done when they are sent, in order, and each is
 * kept as text; answers are given as they are received. There is one server, since proto/redis.h has no place to say
 * which, for any number of lines; it knows what a consumer says: SETNX, GET, XGROUP CREATE, XREADGROUP, XACK.
 *
 * It insists on what Redis would punish: nothing may be said behind a read that waits. */
#ifndef TASKLEDGER_TESTS_SUPPORT_FAKE_REDIS_H
#define TASKLEDGER_TESTS_SUPPORT_FAKE_REDIS_H

#include "proto/redis.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    FAKE_REDIS_ENTRIES_MAX = 600,
    FAKE_REDIS_COMMANDS_MAX = 512,
    FAKE_REDIS_COMMAND_BYTES = 8192,
    FAKE_REDIS_DESCRIPTOR = 1000, /* of no file */
};

struct fake_redis_entry {
    unsigned shard;
    size_t payload_bytes;
    bool deleted;
    char owner[16]; /* "" : given to nobody yet */
    bool acked;
    unsigned deliveries;
};

struct fake_redis {
    unsigned shards;
    struct fake_redis_entry entries[FAKE_REDIS_ENTRIES_MAX]; /* the ID of the i-th is i+1 - 0 */
    size_t entry_count;
    bool has_group;
    bool at_maxmemory;
    char shards_in_force[16];  /* "": not said */
    size_t answer_entries_max; /* whatever COUNT says; 0: no bound */
    size_t entries_per_part;   /* how much of an answer comes at once; 0: all of it */
    bool waits_last;           /* a read that waits has no answer before there is an entry */
    unsigned away;             /* whoever speaks of the shard before this one loses his line; 0: of none */
    unsigned away_too;         /* the same */
    bool books_away;           /* whoever asks how many shards are in force loses his line */
    void (*in_vain)(void);     /* called when somebody speaks of what is away; NULL: nothing */
    bool is_slow;              /* answers are not there yet; who receives waits for them */

    char commands[FAKE_REDIS_COMMANDS_MAX][FAKE_REDIS_COMMAND_BYTES]; /* as they were sent */
    const void *said_by[FAKE_REDIS_COMMANDS_MAX];                     /* over which line; NULL: it was sent */
    size_t command_count;
    size_t sent_count; /* how many of them, up to now: the others are appended */
    size_t waits;      /* reads that waited in vain */

    int fails_at; /* the call that fails, counted from 1; 0: none */
    int calls;    /* that could have failed */
};

extern struct fake_redis fake_redis;

/* An empty server with one stream or several. */
void fake_redis_reset(unsigned shards);

/* Add entries to a shard. */
void fake_redis_add(unsigned shard, size_t count, size_t payload_bytes);

/* The last command sent; "" before the first. */
const char *fake_redis_last(void);

/* How many commands began so. */
size_t fake_redis_count(const char *start);

#endif
