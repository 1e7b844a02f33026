/* One appends, one reads and releases, one syncs, one looks, all at once: everything is read, whole and in order. */
#include "producer/spool/spool.h"

#include "tests/support/spool_fixture.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

enum { EVENTS = 4000, BATCH = 5, BEHIND = 100, ENOUGH_S = 80 };

struct race {
    struct spool_fixture *fixture;
    atomic_bool over;
    time_t deadline;
};

static void *append(void *argument)
{
    struct race *race = argument;
    struct error error;

    for (uint64_t next = 1; next <= EVENTS;)
        if (spool_fixture_try(race->fixture, next, BATCH, &error))
            next += BATCH;
        else
            sched_yield(); /* full: the reader makes room */
    return NULL;
}

static void *sync_often(void *argument)
{
    struct race *race = argument;
    struct error error;

    while (!atomic_load(&race->over)) {
        assert_true(spool_sync(race->fixture->spool, &error));
        sched_yield();
    }
    return NULL;
}

static void *look(void *argument)
{
    struct race *race = argument;
    struct spool_look look;

    while (!atomic_load(&race->over)) {
        spool_look(race->fixture->spool, &look);
        assert_true(look.bytes <= SPOOL_BYTES_MIN && look.first <= look.last && look.last <= EVENTS);
        assert_int_equal(look.damaged, 0);
        sched_yield();
    }
    return NULL;
}

/* Returns the ordinal behind what was read. */
static uint64_t read_some(struct race *race, uint64_t from)
{
    struct parcel *parcel = &race->fixture->parcel;
    struct error error;

    parcel_reset(parcel);
    assert_true(spool_read(race->fixture->spool, from, parcel, &error));
    for (size_t i = 0; i < parcel->count; i++, from++) {
        assert_int_equal(parcel->items[i].ordinal, from);
        assert_int_equal(spool_fixture_number(parcel_payload(parcel, &parcel->items[i])), from);
    }
    return from;
}

static void all_is_read_whole_and_in_order_while_it_is_appended_synced_and_released(void **state)
{
    struct race race = {.fixture = *state, .deadline = time(NULL) + ENOUGH_S};
    pthread_t appender, syncer, looker;
    uint64_t next = 1;

    assert_int_equal(pthread_create(&appender, NULL, append, &race), 0);
    assert_int_equal(pthread_create(&syncer, NULL, sync_often, &race), 0);
    assert_int_equal(pthread_create(&looker, NULL, look, &race), 0);
    while (next <= EVENTS) {
        next = read_some(&race, next);
        spool_note_sent(race.fixture->spool, next > BEHIND ? next - BEHIND : 0);
        spool_release(race.fixture->spool, next - 1);
        assert_true(time(NULL) < race.deadline);
        sched_yield();
    }
    assert_int_equal(pthread_join(appender, NULL), 0);
    atomic_store(&race.over, true);
    assert_int_equal(pthread_join(syncer, NULL), 0);
    assert_int_equal(pthread_join(looker, NULL), 0);
    assert_int_equal(spool_fixture_look(race.fixture->spool).unprotected, 0);
}

/* What the appender gives up at the cap may just be being read. */
static void the_reader_goes_on_behind_what_was_given_up(void **state)
{
    struct race race = {.fixture = *state, .deadline = time(NULL) + ENOUGH_S};
    struct parcel *parcel = &race.fixture->parcel;
    pthread_t appender;
    uint64_t next = 1;

    spool_note_sent(race.fixture->spool, EVENTS);
    assert_int_equal(pthread_create(&appender, NULL, append, &race), 0);
    while (next <= EVENTS) {
        struct error error;

        parcel_reset(parcel);
        assert_true(spool_read(race.fixture->spool, next, parcel, &error));
        for (size_t i = 0; i < parcel->count; i++) {
            uint64_t ordinal = parcel->items[i].ordinal;

            assert_true(ordinal >= next);
            assert_int_equal(spool_fixture_number(parcel_payload(parcel, &parcel->items[i])), ordinal);
            next = ordinal + 1;
        }
        assert_true(time(NULL) < race.deadline);
    }
    assert_int_equal(pthread_join(appender, NULL), 0);
    assert_int_equal(spool_fixture_look(race.fixture->spool).damaged, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, spool_fixture_set_up, spool_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_is_read_whole_and_in_order_while_it_is_appended_synced_and_released),
        TEST(the_reader_goes_on_behind_what_was_given_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
