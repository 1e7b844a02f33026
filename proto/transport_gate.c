#include "proto/transport_gate.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>

enum { NAP_NS = 1000000, NAPS = TRANSPORT_GATE_WAIT_MS };

static atomic_int inside;
static atomic_bool closed;

/* Called by the library, in the thread that ends the process. */
static void close_gate(void)
{
    struct timespec nap = {.tv_nsec = NAP_NS};

    atomic_store(&closed, true);
    for (int naps = 0; atomic_load(&inside) > 0 && naps < NAPS; naps++)
        nanosleep(&nap, NULL);
}

/* Not atexit(3): only the library knows when it goes. */
static void hear_of_the_end(void)
{
    (void)OPENSSL_atexit(close_gate);
}

void transport_gate_enter(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, hear_of_the_end);
    atomic_fetch_add(&inside, 1);
    if (!atomic_load(&closed))
        return;

    atomic_fetch_sub(&inside, 1);
    for (;;)
        pause();
}

void transport_gate_leave(void)
{
    atomic_fetch_sub(&inside, 1);
}

void transport_gate_reset(void)
{
    atomic_store(&inside, 0);
}
