#include "producer/lease/farewell.h"

#include "proto/clock.h"
#include "proto/generation.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

/* Whoever takes a desk out of its place has it alone, so there is no lock that a child could inherit. Of a desk that is
 * in its place only the generation may be asked, which stands beside it: it may be gone at any moment. */
static struct place {
    _Atomic(uint64_t) generation; /* of the process that used it last */
    _Atomic(struct desk *) desk;
} places[FAREWELL_DESKS_MAX];

static void part(void)
{
    struct desk *parting[FAREWELL_DESKS_MAX];
    int64_t deadline_us = clock_deadline_us(clock_system(), FAREWELL_MS);
    size_t count = 0;

    for (size_t i = 0; i < FAREWELL_DESKS_MAX; i++) {
        struct desk *desk = atomic_exchange(&places[i].desk, NULL);

        if (desk != NULL && desk_generation(desk) == generation_present())
            parting[count++] = desk;
    }
    for (size_t i = 0; i < count; i++)
        desk_close(parting[i]);
    for (size_t i = 0; i < count; i++) {
        desk_finish(parting[i], deadline_us);
        desk_release(parting[i]);
    }
}

static void watch(void)
{
    (void)atexit(part);
}

/* A place that an ancestor's desk has is free. */
static bool take_place(struct place *place, struct desk *desk)
{
    struct desk *seen = atomic_load(&place->desk);

    if (seen != NULL && atomic_load(&place->generation) == generation_present())
        return false;
    atomic_store(&place->generation, generation_present());
    return atomic_compare_exchange_strong(&place->desk, &seen, desk);
}

void farewell_add(struct desk *desk)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, watch);
    desk_hold(desk);
    for (size_t i = 0; i < FAREWELL_DESKS_MAX; i++)
        if (take_place(&places[i], desk))
            return;
    desk_release(desk);
}

void farewell_remove(struct desk *desk)
{
    for (size_t i = 0; i < FAREWELL_DESKS_MAX; i++) {
        struct desk *seen = desk;

        if (atomic_compare_exchange_strong(&places[i].desk, &seen, NULL)) {
            desk_release(desk);
            return;
        }
    }
}
