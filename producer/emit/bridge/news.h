/* news: what the bridge tells people: changes of its state once, what it rejects at most once a second, and the sum of
 * it all at the end. */
#ifndef TASKLEDGER_PRODUCER_EMIT_BRIDGE_NEWS_H
#define TASKLEDGER_PRODUCER_EMIT_BRIDGE_NEWS_H

#include "producer/emit/bridge/old_list.h"
#include "producer/emit/configuration.h"
#include "producer/taskledger/producer.h"
#include "proto/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    NEWS_SILENCE_MS = 1000,
    NEWS_AHEAD_S = 10 * 60, /* clocks differ by less than that, zones by more */
};

struct news {
    const struct configuration *configuration; /* borrowed, like the list */
    const struct old_list *list;
    bool list_is_away;
    bool stream_is_away;
    bool told_undated;
    bool told_ahead;
    int64_t open_since_us; /* events wait to become safe; 0: none */
    int64_t speak_at_us;   /* of what was rejected */
    uint64_t untold;
    char reason[ERROR_TEXT_MAX]; /* of the last one */
    uint64_t emitted;
    uint64_t rejected;
    uint64_t undated;
};

struct news_batch {
    size_t emitted;
    size_t rejected;
    size_t undated;
    int64_t latest_us;  /* the latest moment that one of them tells; 0: none does */
    const char *reason; /* of the last one that was rejected */
};

void news_init(struct news *news, const struct configuration *configuration, const struct old_list *list);

/* Items were too long, and are set aside already. */
void news_too_long(struct news *news, uint64_t count);

/* So much is settled. */
void news_settled(struct news *news, const struct news_batch *batch);

/* Events are emitted and not safe. Told when it lasts. */
void news_open(struct news *news, struct taskledger_producer *producer);

/* The list cannot be reached. */
void news_away(struct news *news, const struct error *error);

/* A turn went well. */
void news_turn(struct news *news);

/* Nothing went on for the whole timeout. */
void news_given_up(const struct news *news, struct taskledger_producer *producer);

/* The sum. So many items are in hand and not settled. */
void news_end(struct news *news, size_t unsettled);

/* Something was rejected. */
bool news_has_findings(const struct news *news);

#endif
