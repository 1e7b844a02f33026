#include "replay/rebuild/crew.h"

#include "proto/backoff.h"
#include "proto/thread.h"
#include "replay/rebuild/session.h"

#include <assert.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

enum { TRIES = 8, BACKOFF_BASE_MS = 100, BACKOFF_CAP_MS = 5000, TELL_EVERY_MS = 200 };

struct crew {
    const struct rebuild *rebuild;
    const struct crew_options *options;
    struct ranges ranges;
    atomic_uint_least64_t seen; /* events */

    pthread_mutex_t mutex; /* of what follows */
    pthread_cond_t someone_ended;
    size_t next;
    size_t running;
    struct error error; /* the first */
    uint64_t events;
};

/* ---- a thread --------------------------------------------------------------------------------------------------- */

/* The next range, or NULL when there is none, or somebody has failed. */
static const struct range *take(struct crew *crew)
{
    const struct range *range = NULL;

    pthread_mutex_lock(&crew->mutex);
    if (crew->error.kind == ERROR_NONE && crew->next < crew->ranges.count)
        range = &crew->ranges.range[crew->next++];
    pthread_mutex_unlock(&crew->mutex);
    return range;
}

static void give_back(struct crew *crew, uint64_t events)
{
    pthread_mutex_lock(&crew->mutex);
    crew->events += events;
    pthread_mutex_unlock(&crew->mutex);
}

static void end(struct crew *crew, const struct error *error)
{
    pthread_mutex_lock(&crew->mutex);
    if (error->kind != ERROR_NONE && crew->error.kind == ERROR_NONE)
        crew->error = *error;
    crew->running--;
    pthread_cond_signal(&crew->someone_ended);
    pthread_mutex_unlock(&crew->mutex);
}

static bool do_once(struct crew *crew, struct change *session, const struct range *range, struct range_counts *counts,
                    struct error *error)
{
    const struct crew_options *options = crew->options;
    const struct run *run = &crew->rebuild->run;

    if (session->postgres != NULL && !postgres_is_open(session->postgres))
        change_close(session);
    if (session->postgres == NULL && !session_open(session, crew->rebuild, error))
        return false;

    const struct crew_means means = {
        .postgres = session->postgres,
        .seen = &crew->seen,
        .temporary = crew->rebuild->replay->settings->temporary,
    };
    return session_begin(session->postgres, run, error) && options->work(&means, range, counts, error) &&
           rebuild_ranges_done(session->postgres, run, options->todo, range, counts, error) &&
           session_commit(session->postgres, error);
}

static bool do_range(struct crew *crew, struct change *session, const struct range *range, struct error *error)
{
    const struct clock *clock = crew->rebuild->replay->clock;
    struct range_counts counts;
    struct backoff backoff;

    backoff_init(&backoff, BACKOFF_BASE_MS, BACKOFF_CAP_MS, (uint64_t)getpid() + (uint64_t)range->number);
    for (int try = 1; !do_once(crew, session, range, &counts, error); try++) {
        struct error why = *error;

        session_abandon(session);
        if (why.kind != ERROR_TRANSIENT || try == TRIES)
            return false;
        error->kind = ERROR_NONE;
        clock->sleep_us(clock->self, backoff_next_us(&backoff));
    }
    give_back(crew, counts.events);
    return true;
}

static void *work(void *self)
{
    struct crew *crew = self;
    struct change session = {.postgres = NULL};
    struct error error = {.kind = ERROR_NONE};
    const struct range *range;

    while ((range = take(crew)) != NULL && do_range(crew, &session, range, &error))
        ;
    change_close(&session);
    end(crew, &error);
    return NULL;
}

/* ---- all of them ------------------------------------------------------------------------------------------------ */

static bool start(struct crew *crew, struct error *error)
{
    size_t wanted = crew->ranges.count < (size_t)crew->rebuild->jobs ? crew->ranges.count : (size_t)crew->rebuild->jobs;

    pthread_mutex_lock(&crew->mutex);
    while (crew->running < wanted && thread_start(work, crew))
        crew->running++;
    bool any = crew->running > 0 || wanted == 0;
    pthread_mutex_unlock(&crew->mutex);
    return any || error_set_errno(error, ERROR_FATAL, "memory", "cannot start a thread");
}

static void wait_a_while(struct crew *crew)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += TELL_EVERY_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_cond_timedwait(&crew->someone_ended, &crew->mutex, &until);
}

static void watch(struct crew *crew, struct console_progress *progress)
{
    pthread_mutex_lock(&crew->mutex);
    while (crew->running > 0) {
        wait_a_while(crew);
        console_progress_tell(progress, crew->options->phase, atomic_load(&crew->seen), crew->rebuild->expected_events);
    }
    pthread_mutex_unlock(&crew->mutex);
}

static void init(struct crew *crew)
{
    pthread_condattr_t monotonic;

    pthread_mutex_init(&crew->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&crew->someone_ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

static void dissolve(struct crew *crew)
{
    assert(crew->running == 0);
    pthread_cond_destroy(&crew->someone_ended);
    pthread_mutex_destroy(&crew->mutex);
    rebuild_ranges_close(&crew->ranges);
}

bool crew_run(struct rebuild *rebuild, const struct crew_options *options, uint64_t *events, struct error *error)
{
    struct crew crew = {.rebuild = rebuild, .options = options, .error = {.kind = ERROR_NONE}};

    if (!rebuild_ranges_read(rebuild->change.postgres, &rebuild->run, options->todo, &crew.ranges, error))
        return false;
    init(&crew);
    bool started = start(&crew, error);
    if (started)
        watch(&crew, &rebuild->progress);
    console_progress_end(&rebuild->progress);
    *events = crew.events;
    bool good = started && crew.error.kind == ERROR_NONE;
    if (started && !good)
        *error = crew.error;
    dissolve(&crew);
    return good;
}
