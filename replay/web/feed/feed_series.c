#include "replay/web/feed/feed_series.h"

#include <string.h>

enum { MS_PER_S = 1000 };

static struct feed_series_second *at(struct feed_series *series, int64_t second)
{
    return &series->seconds[second % FEED_SERIES_SECONDS];
}

static const struct feed_series_second *seen(const struct feed_series *series, int64_t second)
{
    return &series->seconds[second % FEED_SERIES_SECONDS];
}

static int64_t oldest_s(const struct feed_series *series)
{
    return series->newest_s < FEED_SERIES_SECONDS ? 1 : series->newest_s - FEED_SERIES_SECONDS + 1;
}

/* The series goes up to this second; what it had of an hour before gives way. A clock that went back waits for itself. */
static void go_to(struct feed_series *series, int64_t second)
{
    if (second - series->newest_s >= FEED_SERIES_SECONDS) {
        memset(series->seconds, 0, sizeof series->seconds);
        series->newest_s = second;
    }
    while (series->newest_s < second)
        *at(series, ++series->newest_s) = (struct feed_series_second){.is_known = false};
}

void feed_series_add(struct feed_series *series, enum feed_series_kind kind, int64_t at_ms)
{
    int64_t second = at_ms / MS_PER_S;

    if (second > series->newest_s)
        second = series->newest_s;
    if (second >= oldest_s(series))
        at(series, second)->counts[kind]++;
}

void feed_series_go_on(struct feed_series *series, int64_t now_ms)
{
    go_to(series, now_ms / MS_PER_S);
}

void feed_series_reach(struct feed_series *series, int64_t now_ms)
{
    int64_t now_s = now_ms / MS_PER_S;
    int64_t from_s = series->read_s;

    go_to(series, now_s);
    if (from_s == 0 || now_s <= from_s)
        return;
    if (from_s < oldest_s(series))
        from_s = oldest_s(series);
    for (int64_t second = from_s; second < now_s; second++)
        at(series, second)->is_known = true;
    series->read_s = now_s;
}

/* Of the present second some may be missing. */
void feed_series_begin(struct feed_series *series, int64_t now_ms)
{
    go_to(series, now_ms / MS_PER_S);
    series->read_s = now_ms / MS_PER_S + 1;
}

int64_t feed_series_until_s(const struct feed_series *series)
{
    return series->newest_s - series->newest_s % FEED_SERIES_STEP_S;
}

bool feed_series_step(const struct feed_series *series, enum feed_series_kind kind, unsigned step, double *rate)
{
    int64_t end_s = feed_series_until_s(series) - (int64_t)step * FEED_SERIES_STEP_S;
    uint64_t sum = 0;

    if (end_s - FEED_SERIES_STEP_S < oldest_s(series))
        return false;
    for (int64_t second = end_s - FEED_SERIES_STEP_S; second < end_s; second++) {
        if (!seen(series, second)->is_known)
            return false;
        sum += seen(series, second)->counts[kind];
    }
    *rate = (double)sum / FEED_SERIES_STEP_S;
    return true;
}

unsigned feed_series_window(const struct feed_series *series)
{
    unsigned known = 0;

    while (known < FEED_SERIES_WINDOW_S && series->newest_s - 1 - known >= oldest_s(series) &&
           seen(series, series->newest_s - 1 - known)->is_known)
        known++;
    return known;
}

double feed_series_rate(const struct feed_series *series, enum feed_series_kind kind, unsigned window)
{
    uint64_t sum = 0;

    for (unsigned back = 1; back <= window; back++)
        sum += seen(series, series->newest_s - back)->counts[kind];
    return window == 0 ? 0 : (double)sum / window;
}
