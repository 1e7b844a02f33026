/* feed_series: how much came into the streams, second by second, of the last hour. Pure.
 *
 * An event counts in the second of its ID, so what is read late counts where it belongs. Of a second it is known what
 * came in it once everything up to its end was read without a hole; of others nothing is told, not even 0. */
#ifndef TASKLEDGER_REPLAY_WEB_FEED_FEED_SERIES_H
#define TASKLEDGER_REPLAY_WEB_FEED_FEED_SERIES_H

#include <stdbool.h>
#include <stdint.h>

enum {
    FEED_SERIES_SECONDS = 3600,
    FEED_SERIES_STEP_S = 10,
    FEED_SERIES_STEPS = FEED_SERIES_SECONDS / FEED_SERIES_STEP_S,
    FEED_SERIES_WINDOW_S = 60,
};

enum feed_series_kind {
    FEED_SERIES_EVENTS,   /* of tasks */
    FEED_SERIES_STARTED,  /* attempts, see feed_starts.h */
    FEED_SERIES_FINISHED, /* however it went */
    FEED_SERIES_FAILED,   /* of these: FAILURE and PARTIAL_FAILURE */
    FEED_SERIES_KINDS,
};

struct feed_series_second {
    uint32_t counts[FEED_SERIES_KINDS];
    bool is_known;
};

/* A zeroed one is empty. */
struct feed_series {
    struct feed_series_second seconds[FEED_SERIES_SECONDS]; /* second s at s % FEED_SERIES_SECONDS */
    int64_t newest_s;                                       /* Unix time */
    int64_t read_s; /* what came before it was read, or is lost; 0: reading has not begun */
};

/* One of a kind came at this moment (Unix milliseconds). What is older than the series is passed over; what is ahead of
 * it counts now. */
void feed_series_add(struct feed_series *series, enum feed_series_kind kind, int64_t at_ms);

/* It is now (Unix milliseconds). */
void feed_series_go_on(struct feed_series *series, int64_t now_ms);

/* The same, and all that came until now was read. */
void feed_series_reach(struct feed_series *series, int64_t now_ms);

/* The same, and reading begins here: what came before, and was not read, is not known. */
void feed_series_begin(struct feed_series *series, int64_t now_ms);

/* Where the last whole step ends, in Unix seconds. */
int64_t feed_series_until_s(const struct feed_series *series);

/* Per second, on average, in a step; 0 is the one that ends at feed_series_until_s, 1 the one before. False: not known. */
bool feed_series_step(const struct feed_series *series, enum feed_series_kind kind, unsigned step, double *rate);

/* How many of the latest whole seconds are known without a gap, at most FEED_SERIES_WINDOW_S; and the average of them. */
unsigned feed_series_window(const struct feed_series *series);
double feed_series_rate(const struct feed_series *series, enum feed_series_kind kind, unsigned window);

#endif
