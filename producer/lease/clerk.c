#include "producer/lease/clerk.h"

#include "producer/lease/desk_clerk.h"
#include "proto/arena.h"
#include "proto/backoff.h"
#include "proto/clock.h"
#include "proto/redis.h"
#include "proto/thread.h"

#include <stdlib.h>
#include <unistd.h>

enum { BACKOFF_CAP_MS = 1000 };

struct clerk {
    struct desk *desk; /* held */
    struct redis *redis;
    struct arena answers;
    struct backoff backoff;
    struct desk_clerk_round round;
};

/* ---- one round --------------------------------------------------------------------------------------------------- */

static bool send_all(struct clerk *clerk, struct error *error)
{
    for (size_t i = 0; i < clerk->round.count; i++)
        if (!errand_append(clerk->redis, &clerk->round.items[i].errand, error))
            return false;
    return redis_send(clerk->redis, error);
}

/* An error answer leaves the line open, and was meant for that errand alone. */
static bool receive_one(struct clerk *clerk, size_t number, struct error *error)
{
    struct verdict verdict;

    if (errand_receive(clerk->redis, &clerk->answers, &clerk->round.items[number].errand, &verdict, error))
        desk_clerk_answered(clerk->desk, &clerk->round, number, &verdict);
    else if (redis_is_connected(clerk->redis))
        desk_clerk_refused(clerk->desk, &clerk->round, number, error);
    else
        return false;
    return true;
}

/* What is sent together must not be mixed up with answers to what was sent before: a line that failed is cut. */
static bool run_errands(struct clerk *clerk, struct error *error)
{
    size_t answered = 0;
    bool good = send_all(clerk, error);

    while (good && answered < clerk->round.count) {
        good = receive_one(clerk, answered, error);
        answered += good;
    }
    if (good)
        return true;
    redis_disconnect(clerk->redis);
    for (size_t i = answered; i < clerk->round.count; i++)
        desk_clerk_unanswered(clerk->desk, &clerk->round, i, error);
    return false;
}

static void run_round(struct clerk *clerk)
{
    struct error error;

    clerk->round.count = 0;
    bool good = redis_connect(clerk->redis, &error);
    if (good) {
        desk_clerk_take(clerk->desk, &clerk->round);
        good = run_errands(clerk, &error);
    }
    if (good)
        backoff_reset(&clerk->backoff);
    desk_clerk_done(clerk->desk, good ? NULL : &error, good ? 0 : backoff_next_us(&clerk->backoff));
}

/* ---- the thread -------------------------------------------------------------------------------------------------- */

static void end(struct clerk *clerk)
{
    struct desk *desk = clerk->desk;

    arena_close(&clerk->answers);
    free(clerk);
    desk_release(desk);
}

static void *run(void *self)
{
    struct clerk *clerk = self;

    do {
        while (desk_clerk_wait(clerk->desk))
            run_round(clerk);
        redis_disconnect(clerk->redis);
    } while (!desk_clerk_ends(clerk->desk));
    end(clerk);
    return NULL;
}

/* ---- starting ---------------------------------------------------------------------------------------------------- */

/* Different in every process and for every clerk in it. */
static uint64_t seed(const struct clerk *clerk)
{
    return (uint64_t)clock_system()->unix_us(NULL) ^ (uint64_t)getpid() << 32 ^ (uint64_t)(uintptr_t)clerk;
}

static struct clerk *new_clerk(struct desk *desk, const struct settings *settings)
{
    struct clerk *clerk = calloc(1, sizeof *clerk);
    int base_ms = settings->backoff_base_ms < BACKOFF_CAP_MS ? settings->backoff_base_ms : BACKOFF_CAP_MS;
    int cap_ms = settings->backoff_cap_ms < BACKOFF_CAP_MS ? settings->backoff_cap_ms : BACKOFF_CAP_MS;

    if (clerk == NULL)
        return NULL;
    clerk->desk = desk_hold(desk);
    clerk->redis = desk_clerk_line(desk);
    arena_init(&clerk->answers, 0);
    backoff_init(&clerk->backoff, base_ms, cap_ms, seed(clerk));
    return clerk;
}

bool clerk_ensure(struct desk *desk, const struct settings *settings, struct error *error)
{
    struct clerk *clerk;

    if (!desk_clerk_wanted(desk))
        return true;
    clerk = new_clerk(desk, settings);
    if (clerk != NULL && thread_start(run, clerk))
        return true;
    desk_clerk_failed(desk);
    if (clerk == NULL)
        return error_set(error, ERROR_TRANSIENT, "memory", "could not get memory for the thread of leases");
    error_set_errno(error, ERROR_TRANSIENT, "thread", "could not start the thread of leases");
    end(clerk);
    return false;
}
