#include "tests/support/fake_leases.h"

#include "proto/redis.h"
#include "tests/support/fake_lease_keeper.h"

#include <assert.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { OUTSTANDING_MAX = 256, DEADLINE_S = 30, POLL_MS = 5 };

struct redis {
    int cancel_descriptor;
    int request_timeout_ms;
    bool connected;
    struct fake_lease_command commands[OUTSTANDING_MAX];
    size_t count;
    size_t answered;
    enum fake_leases_trouble sent_in;
    struct reply elements[6];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t change = PTHREAD_COND_INITIALIZER;
static enum fake_leases_trouble trouble;
static unsigned calls, lost_call, lines;

/* ---- for the test ------------------------------------------------------------------------------------------------ */

void fake_leases_reset(void)
{
    pthread_mutex_lock(&lock);
    trouble = FAKE_LEASES_GOOD;
    fake_lease_keeper_reset();
    calls = lost_call = 0;
    pthread_mutex_unlock(&lock);
}

void fake_leases_set_trouble(enum fake_leases_trouble next)
{
    pthread_mutex_lock(&lock);
    trouble = next;
    pthread_mutex_unlock(&lock);
}

void fake_leases_flush(void)
{
    pthread_mutex_lock(&lock);
    fake_lease_keeper_flush();
    pthread_mutex_unlock(&lock);
}

void fake_leases_lose_call(unsigned number)
{
    pthread_mutex_lock(&lock);
    lost_call = number == 0 ? 0 : calls + number;
    pthread_mutex_unlock(&lock);
}

unsigned fake_leases_calls(void)
{
    pthread_mutex_lock(&lock);
    unsigned made = calls;
    pthread_mutex_unlock(&lock);
    return made;
}

static size_t count_now(const char *name, bool waits)
{
    pthread_mutex_lock(&lock);
    size_t count = fake_lease_keeper_count(name, waits);
    pthread_mutex_unlock(&lock);
    return count;
}

size_t fake_leases_held(const char *name)
{
    return count_now(name, false);
}

size_t fake_leases_waiting(const char *name)
{
    return count_now(name, true);
}

struct wish {
    const char *name; /* NULL: of no claim and no permit */
    bool waits;
    size_t count;
    unsigned calls;
    unsigned lines_at_most;
};

/* With the lock held. */
static bool is_fulfilled(const struct wish *wish)
{
    return calls >= wish->calls && lines <= wish->lines_at_most &&
           (wish->name == NULL || fake_lease_keeper_count(wish->name, wish->waits) == wish->count);
}

static bool wait_for(const struct wish *wish)
{
    struct timespec deadline;
    int late = 0;

    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += DEADLINE_S;
    pthread_mutex_lock(&lock);
    while (!is_fulfilled(wish) && late == 0)
        late = pthread_cond_clockwait(&change, &lock, CLOCK_MONOTONIC, &deadline);
    pthread_mutex_unlock(&lock);
    return late == 0;
}

bool fake_leases_wait_for_held(const char *name, size_t count)
{
    return wait_for(&(struct wish){.name = name, .count = count, .lines_at_most = UINT_MAX});
}

bool fake_leases_wait_for_waiting(const char *name, size_t count)
{
    return wait_for(&(struct wish){.name = name, .waits = true, .count = count, .lines_at_most = UINT_MAX});
}

bool fake_leases_wait_for_calls(unsigned made)
{
    return wait_for(&(struct wish){.calls = made, .lines_at_most = UINT_MAX});
}

bool fake_leases_wait_for_freed(void)
{
    return wait_for(&(struct wish){.lines_at_most = 0});
}

/* ---- the line ---------------------------------------------------------------------------------------------------- */

static void count_line(unsigned more)
{
    pthread_mutex_lock(&lock);
    lines += more;
    pthread_cond_broadcast(&change);
    pthread_mutex_unlock(&lock);
}

struct redis *redis_new(const struct redis_options *options, struct error *error)
{
    struct redis *redis = calloc(1, sizeof *redis);

    if (redis == NULL) {
        error_set(error, ERROR_TRANSIENT, "memory", "could not get memory");
        return NULL;
    }
    count_line(1);
    redis->cancel_descriptor = options->cancel_descriptor;
    redis->request_timeout_ms = options->request_timeout_ms;
    return redis;
}

void redis_free(struct redis *redis)
{
    if (redis != NULL)
        count_line(-1U);
    free(redis);
}

void redis_disconnect(struct redis *redis)
{
    redis->connected = false;
    redis->count = redis->answered = 0;
}

bool redis_is_connected(const struct redis *redis)
{
    return redis->connected;
}

void redis_abandon(struct redis *redis)
{
    (void)redis;
}

static bool lose(struct redis *redis, struct error *error, const char *reason)
{
    redis_disconnect(redis);
    return error_set(error, ERROR_TRANSIENT, reason, "could not: %s", reason);
}

static bool begin_call(struct redis *redis, struct error *error)
{
    pthread_mutex_lock(&lock);
    calls++;
    pthread_cond_broadcast(&change);
    bool lost = calls == lost_call || trouble == FAKE_LEASES_AWAY;
    pthread_mutex_unlock(&lock);
    return lost ? lose(redis, error, "connection") : true;
}

bool redis_connect(struct redis *redis, struct error *error)
{
    if (redis->connected)
        return true;
    redis->connected = begin_call(redis, error);
    return redis->connected;
}

bool redis_append(struct redis *redis, const struct slice *words, size_t count, struct error *error)
{
    if (!redis->connected || !begin_call(redis, error))
        return lose(redis, error, "connection");
    assert(redis->count < OUTSTANDING_MAX && redis->answered == 0);
    fake_lease_keeper_read(&redis->commands[redis->count++], words, count);
    return true;
}

static bool refuses(enum fake_leases_trouble now)
{
    return now == FAKE_LEASES_FULL || now == FAKE_LEASES_FORBIDDEN;
}

bool redis_send(struct redis *redis, struct error *error)
{
    if (!redis->connected || !begin_call(redis, error))
        return lose(redis, error, "connection");
    pthread_mutex_lock(&lock);
    redis->sent_in = trouble;
    for (size_t i = 0; i < redis->count && !refuses(trouble); i++)
        fake_lease_keeper_run(&redis->commands[i]);
    pthread_cond_broadcast(&change);
    pthread_mutex_unlock(&lock);
    return true;
}

/* Until time is up, or somebody cancels. */
static bool wait_in_silence(struct redis *redis, struct error *error)
{
    struct pollfd cancel = {.fd = redis->cancel_descriptor, .events = POLLIN};

    for (int waited_ms = 0; waited_ms < redis->request_timeout_ms; waited_ms += POLL_MS)
        if (poll(&cancel, 1, POLL_MS) > 0)
            return lose(redis, error, "canceled");
    return lose(redis, error, "timeout");
}

static struct reply answer_to(struct redis *redis, const struct fake_lease_command *command)
{
    size_t numbers = command->is_permit ? 4 : 5;

    for (size_t i = 0; i < numbers; i++)
        redis->elements[i] = (struct reply){.type = REPLY_INTEGER, .integer = command->numbers[i]};
    redis->elements[5] = (struct reply){.type = REPLY_STRING, .text = slice_from_text(command->text)};
    return (struct reply){
        .type = REPLY_ARRAY, .elements = redis->elements, .count = numbers + (command->is_permit ? 0 : 1)};
}

bool redis_receive(struct redis *redis, struct arena *arena, int extra_wait_ms, struct reply *reply,
                   struct error *error)
{
    (void)arena;
    (void)extra_wait_ms;
    if (!redis->connected || !begin_call(redis, error))
        return lose(redis, error, "connection");
    if (redis->sent_in == FAKE_LEASES_SILENT)
        return wait_in_silence(redis, error);

    const struct fake_lease_command *command = &redis->commands[redis->answered++];
    if (redis->answered == redis->count)
        redis->answered = redis->count = 0;
    if (redis->sent_in == FAKE_LEASES_FULL)
        return error_set(error, ERROR_TRANSIENT, "oom", "OOM used memory > maxmemory");
    if (redis->sent_in == FAKE_LEASES_FORBIDDEN)
        return error_set(error, ERROR_FATAL, "noperm", "NOPERM no permissions");
    *reply = answer_to(redis, command);
    if (redis->sent_in == FAKE_LEASES_UNREADABLE)
        reply->type = REPLY_INTEGER;
    return true;
}
