/* question: XREADGROUP over all shards at once.
 *
 *   XREADGROUP GROUP g c COUNT n [BLOCK ms] STREAMS key ... id ...
 *
 * The id is > for new entries; for own pending ones it is that of the last entry seen, shard by shard, from 0 on. How
 * far each shard has come is remembered, to tell where it was when it was lost. */
#ifndef TASKLEDGER_CONSUMER_STREAM_QUESTION_H
#define TASKLEDGER_CONSUMER_STREAM_QUESTION_H

#include "consumer/stream/reading.h"
#include "proto/entry.h"
#include "proto/redis.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct question {
    const char *group;       /* borrowed */
    const char *const *keys; /* borrowed */
    unsigned shards;
    unsigned first;                /* the shard of the first key */
    struct question_place *places; /* per shard: how far own pending entries were read; owned */
    struct stream_id *lost_at;     /* per shard; owned */
    struct slice *words;           /* owned */
};

/* What to ask, on whose behalf. */
struct question_terms {
    enum reading_ask ask; /* not NOTHING */
    const char *consumer;
    size_t count; /* of each shard, at most */
    int wait_ms;  /* of NEW_WAITING, above 0 */
};

/* FATAL when memory is short. */
bool question_init(struct question *question, const char *group, const char *const *keys, unsigned shards,
                   struct error *error);
void question_close(struct question *question);

/* Append the command; nothing is sent. PENDING_FIRST starts over. */
bool question_append(struct question *question, struct redis *redis, const struct question_terms *terms,
                     struct error *error);

/* An entry came: the next page of own pending ones begins behind it. */
void question_passed(struct question *question, const struct entry *entry);

/* So many groups were not there any more; how far each shard had come, when there were any the last time. */
const struct stream_id *question_lost(struct question *question, uint64_t groups);

#endif
