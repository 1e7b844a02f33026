#include "replay/web/stats/stats.h"

#include "proto/thread.h"
#include "replay/web/stats/stats_inside.h"

#include <math.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { US_PER_S = 1000 * 1000, NS_PER_US = 1000 };

/* ---- life -------------------------------------------------------------------------------------------------------- */

static void free_stats(struct stats *stats)
{
    stats_stream_close(&stats->stream);
    redis_free(stats->line);
    ledger_close(&stats->ledger);
    if (stats->stop_descriptor >= 0)
        close(stats->stop_descriptor);
    pthread_cond_destroy(&stats->changed);
    pthread_mutex_destroy(&stats->lock);
    free(stats);
}

static struct stats *new_stats(const struct stats_options *options)
{
    struct stats *stats = calloc(1, sizeof *stats);
    pthread_condattr_t attributes;

    if (stats == NULL)
        return NULL;
    stats->options = *options;
    stats->clock = options->clock;
    stats->stop_descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    for (size_t i = 0; i < STATS_LAG_STEPS; i++)
        stats->now.lag[i] = (double)NAN;
    pthread_mutex_init(&stats->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&stats->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    return stats;
}

static bool start(struct stats *stats, void *(*run)(void *), struct error *error)
{
    pthread_mutex_lock(&stats->lock);
    bool good = thread_start(run, stats);
    stats->threads += good;
    pthread_mutex_unlock(&stats->lock);
    return good || error_set_errno(error, ERROR_FATAL, "memory", "cannot start a thread of the numbers");
}

static bool open_reader(struct stats *stats, struct error *error)
{
    const struct stats_options *options = &stats->options;
    struct redis_options redis = options->redis;

    if (redis.url == NULL)
        return true;
    redis.cancel_descriptor = stats->stop_descriptor;
    stats->line = redis_new(&redis, error);
    return stats->line != NULL &&
           stats_stream_init(&stats->stream, options->stream, options->shards, options->group, error) &&
           start(stats, stats_reader, error);
}

struct stats *stats_open(const struct stats_options *options, struct error *error)
{
    struct stats *stats = new_stats(options);

    if (stats == NULL || stats->stop_descriptor < 0) {
        error_set(error, ERROR_FATAL, "memory", "cannot make the numbers: no memory or no descriptor");
        stats_close(stats);
        return NULL;
    }
    if (!open_reader(stats, error) || !start(stats, stats_clerk, error)) {
        stats_close(stats);
        return NULL;
    }
    return stats;
}

void stats_close(struct stats *stats)
{
    if (stats == NULL)
        return;
    pthread_mutex_lock(&stats->lock);
    stats->is_stopping = true;
    if (stats->stop_descriptor >= 0)
        eventfd_write(stats->stop_descriptor, 1);
    pthread_cond_broadcast(&stats->changed);
    while (stats->threads > 0)
        pthread_cond_wait(&stats->changed, &stats->lock);
    pthread_mutex_unlock(&stats->lock);
    free_stats(stats);
}

void stats_thread_ends(struct stats *stats)
{
    pthread_mutex_lock(&stats->lock);
    stats->threads--;
    pthread_cond_broadcast(&stats->changed);
    pthread_mutex_unlock(&stats->lock);
}

int64_t stats_clock_us(const struct stats *stats)
{
    return stats->clock->monotonic_us(stats->clock->self);
}

/* ---- turns ------------------------------------------------------------------------------------------------------- */

static bool is_wanted(const struct stats *stats)
{
    return stats->wanted_us != 0 && stats_clock_us(stats) - stats->wanted_us < INT64_C(1000) * STATS_WANTED_MS;
}

static bool is_due(const struct stats *stats, const struct stats_turn *turn)
{
    return is_wanted(stats) && stats_clock_us(stats) >= turn->due_us;
}

bool stats_is_due(struct stats *stats, const struct stats_turn *turn)
{
    pthread_mutex_lock(&stats->lock);
    bool due = is_due(stats, turn);
    pthread_mutex_unlock(&stats->lock);
    return due;
}

void stats_looked(struct stats *stats, struct stats_turn *turn, int64_t again_ms)
{
    turn->looked_us = stats_clock_us(stats);
    turn->due_us = clock_deadline_us(stats->clock, again_ms);
    pthread_cond_broadcast(&stats->changed);
}

/* Until then, or until something changes. */
static void wait(struct stats *stats, int64_t until_us)
{
    const struct timespec deadline = {.tv_sec = until_us / US_PER_S, .tv_nsec = until_us % US_PER_S * NS_PER_US};

    pthread_cond_timedwait(&stats->changed, &stats->lock, &deadline);
}

/* While nobody wants to know, whoever asks wakes us. */
static void wait_for_turn(struct stats *stats, const struct stats_turn *one, const struct stats_turn *other)
{
    if (!is_wanted(stats))
        pthread_cond_wait(&stats->changed, &stats->lock);
    else
        wait(stats, other == NULL || one->due_us < other->due_us ? one->due_us : other->due_us);
}

bool stats_rest(struct stats *stats, const struct stats_turn *one, const struct stats_turn *other)
{
    pthread_mutex_lock(&stats->lock);
    while (!stats->is_stopping && !is_due(stats, one) && (other == NULL || !is_due(stats, other)))
        wait_for_turn(stats, one, other);
    bool goes_on = !stats->is_stopping;
    pthread_mutex_unlock(&stats->lock);
    return goes_on;
}

/* ---- who asks ---------------------------------------------------------------------------------------------------- */

/* What was due long ago is old. A failure is as fresh as anything: then nothing better is to be had. */
static bool is_fresh(const struct stats *stats, const struct stats_turn *turn)
{
    return turn->looked_us != 0 && turn->due_us >= stats_clock_us(stats) - INT64_C(1000) * STATS_FRESH_MS;
}

static bool is_all_fresh(const struct stats *stats)
{
    return stats->is_stopping || (is_fresh(stats, &stats->for_books) && is_fresh(stats, &stats->for_tasks) &&
                                  (stats->line == NULL || is_fresh(stats, &stats->for_readers)));
}

/* Who asks later finds what was asked for since, or what can't be had: he does not wait. */
void stats_ask(struct stats *stats, int64_t patience_ms, struct stats_now *now)
{
    pthread_mutex_lock(&stats->lock);
    bool was_wanted = is_wanted(stats);
    stats->wanted_us = stats_clock_us(stats);
    if (!was_wanted) {
        stats->wanted_since_us = stats->wanted_us;
        pthread_cond_broadcast(&stats->changed);
    }
    int64_t deadline_us = stats->wanted_since_us + 1000 * patience_ms;
    while (!is_all_fresh(stats) && stats_clock_us(stats) < deadline_us)
        wait(stats, deadline_us);
    *now = stats->now;
    pthread_mutex_unlock(&stats->lock);
}

/* What was in a step that nobody looked in is not known. */
void stats_note_lag(struct stats *stats, double entries)
{
    int64_t step = stats->clock->unix_us(stats->clock->self) / US_PER_S / FEED_SERIES_STEP_S;

    pthread_mutex_lock(&stats->lock);
    if (step - stats->lag_step > STATS_LAG_STEPS)
        stats->lag_step = step - STATS_LAG_STEPS;
    while (stats->lag_step < step)
        stats->now.lag[++stats->lag_step % STATS_LAG_STEPS] = (double)NAN;
    stats->now.lag[stats->lag_step % STATS_LAG_STEPS] = entries;
    pthread_mutex_unlock(&stats->lock);
}
