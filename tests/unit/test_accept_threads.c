/* Many threads that emit as fast as they can into one chain, while it is linked, delivered, renewed and closed: every event
 * that was accepted comes out once, in the order of its thread, with the next number and a later time, and every number
 * that does not is declared. */
#include "tests/support/accepting.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { THREADS = 4, EMITS = 8000, LARGE_BYTES = 9000 };

#define RENEW_US (INT64_C(86400000000) * ACCEPT_RENEW_DAYS)

struct world {
    struct accepting accepting;
    pthread_mutex_t lock;
    bool is_closed;
    atomic_uint at_work;
    struct emitter {
        struct world *world;
        pthread_t thread;
        unsigned number;
        size_t accepted;
        size_t refused;
        uint32_t heard; /* the last of its events that came out */
    } emitters[THREADS];
    int64_t time_us;
};

/* ---- who emits --------------------------------------------------------------------------------------------------- */

/* False: it is closed. */
static bool put_with_lock(struct emitter *emitter, const struct draft *draft)
{
    struct world *world = emitter->world;

    pthread_mutex_lock(&world->lock);
    bool is_closed = world->is_closed;
    bool accepted = !is_closed && accept_event(&world->accepting.accept, draft);
    pthread_mutex_unlock(&world->lock);
    emitter->accepted += accepted;
    emitter->refused += !accepted && !is_closed;
    if (!accepted)
        sched_yield();
    return !is_closed;
}

static bool emit(struct emitter *emitter, struct arena *arena, uint32_t number)
{
    struct accepting *accepting = &emitter->world->accepting;
    const char step[] = {(char)('0' + emitter->number), '\0'};
    size_t message_bytes = number % 100 == 99 ? LARGE_BYTES : number * 7 % 300;
    struct draft draft = {.body = accepting_status(arena, step, number, message_bytes)};
    struct accept_place place;

    if (!accept_at_once(&accepting->accept, &draft, &place))
        return put_with_lock(emitter, &draft);
    emitter->accepted++;
    return true;
}

/* The clock goes, steps back, and leaps now and then. */
static void move_clocks(struct accepting *accepting, unsigned thread, uint32_t number)
{
    atomic_fetch_add(&accepting->unix_us, number % 50 == 0 ? -100 : 1);
    if (thread == 0 && number % 1000 == 0)
        atomic_fetch_add(&accepting->monotonic_us, RENEW_US);
}

static void *run(void *self)
{
    struct emitter *emitter = self;
    struct arena arena = {0};

    for (uint32_t number = 1; number <= EMITS && emit(emitter, &arena, number); number++) {
        move_clocks(&emitter->world->accepting, emitter->number, number);
        arena_reset(&arena, SIZE_MAX);
    }
    arena_close(&arena);
    atomic_fetch_sub(&emitter->world->at_work, 1);
    return NULL;
}

/* ---- who takes --------------------------------------------------------------------------------------------------- */

static void hear(struct world *world, struct slice payload)
{
    const struct event *event = &world->accepting.auditor.last;

    auditor_read(&world->accepting.auditor, payload);
    assert_true(event->occurred_at_us > world->time_us);
    world->time_us = event->occurred_at_us;
    if (event->body != EVENT_TASK_STATUS)
        return;

    struct emitter *emitter = &world->emitters[event->task_status.step.data[0] - '0'];
    assert_true(event->task_status.attempt > emitter->heard);
    emitter->heard = event->task_status.attempt;
}

/* Links without the lock, and takes some with it. */
static void take(struct world *world)
{
    struct accepting *accepting = &world->accepting;
    struct queue_event event;

    accepting_link(accepting);
    pthread_mutex_lock(&world->lock);
    uint64_t ordinal = accepting->queue.first;
    for (int i = 0; i < 100 && queue_next(&accepting->queue, &ordinal, &event); i++)
        hear(world, event.payload);
    queue_release(&accepting->queue, ordinal);
    if (!world->is_closed)
        accept_declare(&accepting->accept);
    if (queue_count(&accepting->queue) == 0)
        accept_refresh(&accepting->accept);
    pthread_mutex_unlock(&world->lock);
}

static void end(struct world *world)
{
    pthread_mutex_lock(&world->lock);
    accept_close(&world->accepting.accept);
    world->is_closed = true;
    pthread_mutex_unlock(&world->lock);
}

/* ---- the story --------------------------------------------------------------------------------------------------- */

static void begin(struct world *world, size_t queue_events)
{
    *world = (struct world){.is_closed = false};
    accepting_begin(&world->accepting, queue_events, true);
    pthread_mutex_init(&world->lock, NULL);
    atomic_store(&world->at_work, THREADS);
    for (unsigned i = 0; i < THREADS; i++) {
        world->emitters[i] = (struct emitter){.world = world, .number = i};
        assert_int_equal(pthread_create(&world->emitters[i].thread, NULL, run, &world->emitters[i]), 0);
    }
}

/* How many were refused. */
static size_t finish(struct world *world)
{
    struct accepting *accepting = &world->accepting;
    size_t accepted = 0, refused = 0;

    for (int i = 0; i < THREADS; i++) {
        pthread_join(world->emitters[i].thread, NULL);
        accepted += world->emitters[i].accepted;
        refused += world->emitters[i].refused;
    }
    if (!world->is_closed)
        end(world);
    while (queue_count(&accepting->queue) > 0)
        take(world);
    assert_int_equal(accepting->auditor.statuses, accepted);
    assert_int_equal(accepting->auditor.dropped, refused);
    assert_int_equal(accepting->auditor.closed, accepting->auditor.identities);
    assert_int_equal(accepting->auditor.again, 0);
    pthread_mutex_destroy(&world->lock);
    accepting_end(accepting);
    return refused;
}

static void each_event_comes_out_once_and_in_order_however_small_the_queue(void **state)
{
    static const size_t sizes[] = {QUEUE_EVENTS_MIN, 50, 400, 5000};
    static struct world world;
    size_t refused = 0, renewed = 0; /* a large queue may never be empty: then nothing is renewed */

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        begin(&world, sizes[i]);
        while (atomic_load(&world.at_work) > 0)
            take(&world);
        assert_in_range(world.accepting.auditor.identities, 0, 1 + EMITS / 1000);
        renewed += world.accepting.auditor.identities > 1;
        refused += finish(&world);
    }
    assert_true(refused > 100 && renewed > 0);
}

static void what_is_accepted_while_it_is_closed_comes_before_the_last_word(void **state)
{
    static struct world world;

    (void)state;
    for (size_t many = 100; many < 20000; many += 1000) {
        begin(&world, 1000);
        while (world.accepting.auditor.statuses < many && atomic_load(&world.at_work) > 0)
            take(&world);
        end(&world);
        finish(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_event_comes_out_once_and_in_order_however_small_the_queue),
        cmocka_unit_test(what_is_accepted_while_it_is_closed_comes_before_the_last_word),
    };

    return cmocka_run_group_tests_name("accept_threads", tests, NULL, NULL);
}
