/* The callers' and the sender's side of an outbox, without a sender: this test is it. */
#include "producer/outbox_adopt.h"
#include "producer/outbox_chain.h"
#include "producer/outbox_inside.h"
#include "producer/outbox_sender.h"
#include "tests/support/auditor.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { THREADS = 4, EMITS = 1000, ALONE = 5000, ENOUGH_MS = 30000 };

struct world {
    struct outbox *outbox;
    struct parcel parcel;
    struct auditor auditor;
    struct arena arena;
    struct draft draft;
    atomic_ulong taken;
};

static int setup(void **state)
{
    static struct world world;
    struct taskledger_options options = TASKLEDGER_OPTIONS_INIT;
    struct event event = {.body = EVENT_TASK_STATUS};
    struct settings settings;
    struct error error;

    world = (struct world){.outbox = NULL};
    options.spool = TASKLEDGER_SPOOL_OFF;
    event.task_status.task_id = slice_from_text("task");
    event.task_status.status = STATUS_RUNNING;
    assert_true(settings_init(&settings, &options, &error));
    world.outbox = outbox_new(&settings, &error);
    assert_non_null(world.outbox);
    settings_close(&settings);
    assert_true(event_encode_body(&event, &world.arena, &world.draft.body, &error));
    assert_true(parcel_init(&world.parcel));
    auditor_init(&world.auditor);
    *state = &world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;

    outbox_release(world->outbox);
    parcel_close(&world->parcel);
    auditor_close(&world->auditor);
    arena_close(&world->arena);
    return 0;
}

static enum taskledger_result put(struct world *world)
{
    struct outbox_identity identity;

    return outbox_put(world->outbox, &world->draft, &identity);
}

/* A parcel, all of which is answered; how much was in it. */
static size_t deliver(struct world *world)
{
    struct parcel *parcel = &world->parcel;

    parcel_reset(parcel);
    outbox_sender_take(world->outbox, parcel);
    for (size_t i = 0; i < parcel->count; i++) {
        auditor_read(&world->auditor, parcel_payload(parcel, &parcel->items[i]));
        parcel->items[i].state = PARCEL_ANSWERED;
    }
    outbox_sender_settle(world->outbox, parcel, 0);
    atomic_fetch_add(&world->taken, parcel->count);
    return parcel->count;
}

static size_t deliver_all(struct world *world)
{
    size_t count = 0;

    for (size_t some; (some = deliver(world)) > 0;)
        count += some;
    return count;
}

static void start(pthread_t threads[THREADS], void *(*run)(void *), struct world *world)
{
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run, world), 0);
}

/* How many the threads said. */
static size_t join(pthread_t threads[THREADS])
{
    size_t all = 0;
    void *some;

    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], &some);
        all += (uintptr_t)some;
    }
    return all;
}

/* ---- held -------------------------------------------------------------------------------------------------------- */

static void *emit_many(void *self)
{
    uintptr_t accepted = 0;

    for (int i = 0; i < EMITS; i++)
        accepted += put(self) == TASKLEDGER_ACCEPTED;
    return (void *)accepted;
}

/* What this thread does not do in between, another one might: it has lost its processor there. */
static void who_is_held_between_his_place_and_his_event_holds_up_nobody_who_emits(void **state)
{
    struct world *world = *state;
    struct queue *queue = &world->outbox->queue;
    pthread_t threads[THREADS];
    struct lane_place place;

    assert_int_equal(put(world), TASKLEDGER_ACCEPTED);
    assert_true(queue_reserve(queue, world->draft.body.size, outbox_now_us(), &place));
    start(threads, emit_many, world);
    assert_int_equal(join(threads), THREADS * EMITS);
    assert_int_equal(deliver_all(world), 2);

    struct queue_raw raw = {.producer_id = place.producer_id, .sequence = place.sequence, .occurred_at_us = 1};
    queue_commit(queue, &place, 0, &raw, world->draft.body);
    assert_int_equal(deliver_all(world), THREADS * EMITS + 1);
}

/* ---- asleep ------------------------------------------------------------------------------------------------------ */

/* Without a hole or another identity its ordinal is its number. */
static bool wait_until_sent(struct world *world, uint64_t sequence)
{
    int64_t deadline_us = outbox_now_us() + ENOUGH_MS * 1000;

    while (!outbox_adopt_has_sent(world->outbox, sequence)) {
        if (outbox_now_us() > deadline_us)
            return false;
        sched_yield();
    }
    return true;
}

/* Waits for what it has emitted, and a moment of its own each time, before it emits again: sooner or later it does so at
 * every instant of the sender's falling asleep. */
static void *emit_alone(void *self)
{
    struct world *world = self;
    struct outbox_identity identity;
    uintptr_t sent = 0;

    for (unsigned i = 0; i < ALONE; i++) {
        for (atomic_uint moment = 0; moment < i % 512; moment++)
            continue;
        if (outbox_put(world->outbox, &world->draft, &identity) != TASKLEDGER_ACCEPTED ||
            !wait_until_sent(world, identity.sequence))
            break;
        sent++;
    }
    outbox_stop(world->outbox, 0);
    return (void *)sent;
}

static void no_event_is_left_lying_while_the_sender_sleeps(void **state)
{
    struct world *world = *state;
    pthread_t emitter;
    void *sent;

    assert_int_equal(pthread_create(&emitter, NULL, emit_alone, world), 0);
    while (outbox_sender_wait(world->outbox, INT64_MAX))
        deliver(world);
    pthread_join(emitter, &sent);
    assert_int_equal((uintptr_t)sent, ALONE);
}

static void *wait_for_work(void *self)
{
    struct world *world = self;

    return (void *)(uintptr_t)outbox_sender_wait(world->outbox, outbox_now_us() + ENOUGH_MS * 1000);
}

/* By a helper, before the one who committed it comes to look whether the sender sleeps. */
static void who_committed_an_event_that_was_linked_at_once_wakes_the_sender_all_the_same(void **state)
{
    struct world *world = *state;
    struct accept_place place;
    pthread_t sender;
    void *has_work;

    put(world);
    deliver_all(world);
    assert_int_equal(pthread_create(&sender, NULL, wait_for_work, world), 0);
    while (atomic_load(&world->outbox->sender) != OUTBOX_SENDER_SLEEPS)
        sched_yield();
    int64_t start_us = outbox_now_us();
    assert_true(accept_at_once(&world->outbox->accept, &world->draft, &place));
    outbox_chain_some(world->outbox);
    outbox_note_committed(world->outbox, place.ordinal);
    pthread_join(sender, &has_work);
    assert_true(has_work != NULL && outbox_now_us() - start_us < ENOUGH_MS * 1000);
    assert_int_equal(deliver_all(world), 1);
}

/* ---- closed ------------------------------------------------------------------------------------------------------ */

static void *emit_until_closed(void *self)
{
    enum taskledger_result result;
    uintptr_t accepted = 0;

    while ((result = put(self)) != TASKLEDGER_CLOSED)
        accepted += result == TASKLEDGER_ACCEPTED;
    return (void *)accepted;
}

static void close_amid_emits_is_behind_all_that_was_accepted(void **state)
{
    struct world *world = *state;
    pthread_t threads[THREADS];

    start(threads, emit_until_closed, world);
    while (atomic_load(&world->taken) < EMITS)
        deliver(world);
    outbox_close(world->outbox);
    size_t accepted = join(threads);
    deliver_all(world);
    assert_int_equal(world->auditor.statuses, accepted);
    assert_int_equal(world->auditor.last.body, EVENT_PRODUCER_CLOSED);
    assert_int_equal(outbox_stop(world->outbox, 0), 0);
}

/* What was refused would never be tried again where something comes all the time. */
static void what_comes_interrupts_a_rest_but_not_its_end(void **state)
{
    struct world *world = *state;
    const struct outbox_rest over = outbox_sender_rest_of(0);
    const struct outbox_rest rest = outbox_sender_rest_of(INT64_C(1000) * ENOUGH_MS);

    assert_int_equal(put(world), TASKLEDGER_ACCEPTED);
    assert_true(outbox_sender_rest(world->outbox, &rest, 0));
    assert_false(outbox_sender_rest(world->outbox, &over, 0));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_is_held_between_his_place_and_his_event_holds_up_nobody_who_emits),
        TEST(no_event_is_left_lying_while_the_sender_sleeps),
        TEST(who_committed_an_event_that_was_linked_at_once_wakes_the_sender_all_the_same),
        TEST(close_amid_emits_is_behind_all_that_was_accepted),
        TEST(what_comes_interrupts_a_rest_but_not_its_end),
    };

    return cmocka_run_group_tests_name("outbox", tests, NULL, NULL);
}
