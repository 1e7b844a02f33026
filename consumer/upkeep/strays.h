/* strays: keys that this stream had with another number of shards.
 *
 * Nobody reads them any more. What a producer of the old number still adds there, or what was not settled when the
 * number was changed, would lie there unseen; and what is settled would never be trimmed. So all keys that the stream
 * may ever have had are looked at, a page every few seconds, a whole pass in ten seconds: entries that some group has
 * not settled are counted and told, the others are trimmed by the rule of consumer/upkeep/trim.h. A key that somebody
 * is reading now is left to him. */
#ifndef TASKLEDGER_CONSUMER_UPKEEP_STRAYS_H
#define TASKLEDGER_CONSUMER_UPKEEP_STRAYS_H

#include "consumer/upkeep/trim.h"
#include "proto/arena.h"
#include "proto/redis.h"
#include "proto/stream.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    STRAYS_MS = 2000,                    /* between two pages; */
    STRAYS_PAGE = 256,                   /* keys of one, */
    STRAYS_KEYS = STREAM_SHARDS_MAX + 1, /* of so many */
    STRAYS_ACTIVE_MS = 60000,            /* who has asked a key so lately reads it */
};

/* What was found in some keys. */
struct strays_found {
    int64_t unsettled;              /* entries that ours or another group has not settled; an estimate unless 0 */
    int64_t settled;                /* the others */
    int64_t busy;                   /* keys that some group is reading; of these no entries are counted */
    char key[STREAM_KEY_BYTES_MAX]; /* the first that holds unsettled ones, else the first that holds any; "": none */
};

struct strays {
    const char *stream; /* borrowed, as is the next; */
    const char *group;
    unsigned shards; /* in force */

    unsigned next;            /* where the next page begins */
    struct strays_found pass; /* as far as it has come */
    struct strays_found found;
    bool is_known; /* a whole pass was made, or something was found */
    struct arena arena;
};

/* The first three are set, the rest is zero. */
void strays_init(struct strays *strays);
void strays_close(struct strays *strays);

/* One page, over `line`, which is connected and has nothing outstanding. `trim` takes what is settled; NULL: it
 * stays. */
bool strays_round(struct strays *strays, struct trim *trim, struct redis *line, struct error *error);

/* Another consumer looks: forget what was found. */
void strays_rest(struct strays *strays);

/* The key at `place`, below STRAYS_KEYS; false when it is in force, and so no stray. */
bool strays_key(const struct strays *strays, unsigned place, char key[STREAM_KEY_BYTES_MAX]);

/* Add what is in `key`. The arena holds the answers. */
bool strays_weigh(const struct strays *strays, const char *key, struct redis *line, struct arena *arena,
                  struct strays_found *found, struct error *error);

#endif
