#include "producer/fork.h"

#include "proto/generation.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

/* A child sees this table as it was at the instant of the fork, so the order of the stores matters: when there is a self
 * in a place, the function beside it is for that one. */
static struct owned {
    atomic_bool taken;
    void (*_Atomic abandon)(void *self);
    void *_Atomic self;
} owned[FORK_OWNED_MAX];

static void enter_child(void)
{
    for (size_t i = 0; i < FORK_OWNED_MAX; i++) {
        void *self = atomic_exchange(&owned[i].self, NULL);

        if (self != NULL)
            atomic_load (&owned[i].abandon)(self);
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

int fork_own(void (*abandon)(void *self), void *self)
{
    for (int place = 0; place < FORK_OWNED_MAX; place++) {
        if (atomic_exchange(&owned[place].taken, true))
            continue;
        atomic_store(&owned[place].abandon, abandon);
        atomic_store(&owned[place].self, self);
        return place;
    }
    return -1;
}

void fork_disown(int place)
{
    if (place < 0)
        return;
    atomic_store(&owned[place].self, NULL);
    atomic_store(&owned[place].taken, false);
}
