/* spread: which shards a consumer reads, so that those of a group share them.
 *
 * Nothing is assigned and nothing locked: each computes the same from who lives, the numbers of the slots that are held
 * (consumer/stream/slot.h). Where there are fewer consumers than shards, each shard has one reader and their shares
 * differ by one at most; where there are more, each consumer has one shard and shares it.
 *
 * A preference, not a fence: while two see different lives, a shard may have two readers for a moment, or none. The
 * first is what groups are for, the second a delay. */
#ifndef TASKLEDGER_CONSUMER_STREAM_SPREAD_H
#define TASKLEDGER_CONSUMER_STREAM_SPREAD_H

#include <stdbool.h>
#include <stddef.h>

struct spread {
    size_t place; /* of ours among those that live, from 0 on */
    size_t count; /* of them; 0: it is not known who lives */
    unsigned shards;
};

/* `live` are the numbers of those that live, in any order, each once. Ours is `own`: we live, whether we are among them
 * or not. */
struct spread spread_among(const unsigned *live, size_t count, unsigned own, unsigned shards);

/* Whether we read it. All of them while it is not known who lives: zeroed but for the shards. */
bool spread_has(const struct spread *spread, unsigned shard);

#endif
