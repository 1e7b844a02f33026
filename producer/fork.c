#include "producer/fork.h"

#include "proto/generation.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* A child sees this table as it was at the instant of the fork, so the order of the stores matters: when there is a
 * self in a place, the function beside it is for that one. */
static struct owned {
    atomic_bool taken;
    _Atomic(uint64_t) generation; /* of the process that took it */
    void (*_Atomic close_all)(void *self);
    void *_Atomic self;
} owned[FORK_OWNED_MAX];

static void abandon(struct owned *place)
{
    void *self = atomic_exchange(&place->self, NULL);
    void (*close_all)(void *self) = atomic_load(&place->close_all);

    if (self != NULL)
        close_all(self);
    atomic_store(&place->taken, false);
}

static void enter_child(void)
{
    for (size_t i = 0; i < FORK_OWNED_MAX; i++)
        abandon(&owned[i]);
}

void fork_catch_up(void)
{
    for (size_t i = 0; i < FORK_OWNED_MAX; i++)
        if (atomic_load(&owned[i].self) != NULL && atomic_load(&owned[i].generation) != generation_present())
            abandon(&owned[i]);
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

int fork_own(void (*close_all)(void *self), void *self)
{
    for (int place = 0; place < FORK_OWNED_MAX; place++) {
        if (atomic_exchange(&owned[place].taken, true))
            continue;
        atomic_store(&owned[place].generation, generation_present());
        atomic_store(&owned[place].close_all, close_all);
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
