#include "proto/gate.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>

enum { GATES = GATE_LOOKUP + 1, NAP_US = 100 };

static atomic_int inside[GATES];
static atomic_bool closed[GATES];
static atomic_int forks; /* under way, perhaps in several threads */

static void nap(void)
{
    struct timespec pause = {.tv_nsec = NAP_US * 1000};

    nanosleep(&pause, NULL);
}

/* Nobody enters any more, so there can only be fewer. */
static void wait_until_outside(enum gate gate, int *naps_left)
{
    while (atomic_load(&inside[gate]) > 0 && (*naps_left)-- > 0)
        nap();
}

static void before_fork(void)
{
    int naps_left = GATE_FORK_WAIT_MS * 1000 / NAP_US;

    atomic_fetch_add(&forks, 1);
    wait_until_outside(GATE_TLS, &naps_left);
    wait_until_outside(GATE_LOOKUP, &naps_left);
}

static void after_fork_in_parent(void)
{
    atomic_fetch_sub(&forks, 1);
}

/* Those who were inside, or about to fork, do not exist here. */
static void after_fork_in_child(void)
{
    for (int i = 0; i < GATES; i++)
        atomic_store(&inside[i], 0);
    atomic_store(&forks, 0);
}

static void watch_forks(void)
{
    (void)pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

static void wait_outside(enum gate gate)
{
    while (atomic_load(&closed[gate]))
        pause();
    while (atomic_load(&forks) > 0)
        nap();
}

void gate_enter(enum gate gate)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, watch_forks);
    for (;;) {
        atomic_fetch_add(&inside[gate], 1);
        if (atomic_load(&forks) == 0 && !atomic_load(&closed[gate]))
            return;
        atomic_fetch_sub(&inside[gate], 1);
        wait_outside(gate);
    }
}

void gate_leave(enum gate gate)
{
    atomic_fetch_sub(&inside[gate], 1);
}

void gate_close(enum gate gate, int wait_ms)
{
    int naps_left = wait_ms * 1000 / NAP_US;

    atomic_store(&closed[gate], true);
    wait_until_outside(gate, &naps_left);
}
