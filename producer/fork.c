#include "producer/fork.h"

#include "proto/generation.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

/* A child sees this table as it was at the instant of the fork, so the order of the stores matters: when there is a line
 * in a place, the descriptor beside it is that line's. */
static struct owned {
    atomic_bool taken;
    atomic_int descriptor;
    _Atomic(struct redis *) line;
} owned[FORK_SENDERS_MAX];

static void enter_child(void)
{
    for (size_t i = 0; i < FORK_SENDERS_MAX; i++) {
        struct redis *line = atomic_exchange(&owned[i].line, NULL);

        if (line != NULL) {
            redis_abandon(line);
            close(atomic_load(&owned[i].descriptor));
        }
        atomic_store(&owned[i].taken, false);
    }
}

static bool watching;

static void prepare(void)
{
    watching = generation_watch() && pthread_atfork(NULL, NULL, enter_child) == 0;
}

bool fork_watch(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, prepare);
    return watching;
}

int fork_own(struct redis *redis, int descriptor)
{
    for (int place = 0; place < FORK_SENDERS_MAX; place++) {
        if (atomic_exchange(&owned[place].taken, true))
            continue;
        atomic_store(&owned[place].descriptor, descriptor);
        atomic_store(&owned[place].line, redis);
        return place;
    }
    return -1;
}

void fork_disown(int place)
{
    if (place < 0)
        return;
    atomic_store(&owned[place].line, NULL);
    atomic_store(&owned[place].taken, false);
}
