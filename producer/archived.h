/* archived: what a producer asks Redis when it wants to know whether its events are safe.
 *
 *   the watermark    HGET taskledger:archived <producer_id>      a number, or nothing
 *   an entry         XRANGE <key> <id> <id> COUNT 1              [[id, [event, <payload>]]], or nothing
 *
 * Appended and answered as anything else on the line (proto/redis.h), so that a question goes along with events. An
 * error answer to a question, no right to ask it above all, is told by its kind: it must not hold up the events. */
#ifndef TASKLEDGER_PRODUCER_ARCHIVED_H
#define TASKLEDGER_PRODUCER_ARCHIVED_H

#include "proto/arena.h"
#include "proto/error.h"
#include "proto/redis.h"
#include "proto/slice.h"
#include "proto/stream.h"
#include "proto/uuid.h"

#include <stdbool.h>
#include <stdint.h>

bool archived_append(struct redis *redis, const struct uuid *producer_id, struct error *error);

/* Its answer: 0 when there is no watermark, also when there is something else than a number. The line is closed when
 * the answer is none to this question. */
bool archived_receive(struct redis *redis, struct arena *arena, uint64_t *sequence, struct error *error);

bool archived_append_look(struct redis *redis, const char *key, struct stream_id id, struct error *error);

/* Its answer: whether the entry is there and holds exactly this payload. */
bool archived_receive_look(struct redis *redis, struct arena *arena, struct slice payload, bool *is_there,
                           struct error *error);

#endif
