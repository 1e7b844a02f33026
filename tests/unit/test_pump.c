/* pump: what each kind of failure leads to. */
#include "consumer/pump.h"
#include "tests/support/fakes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct fixture {
    struct fake_pipeline fake;
    struct clock clock;
    struct pump pump;
    struct error error;
    volatile sig_atomic_t stop;
    unsigned troubles; /* times the observer was told of a failure */
    unsigned recoveries;
    unsigned turns;
    unsigned stop_after_turns;
};

static void on_change(void *observer, const struct error *error)
{
    struct fixture *fixture = observer;

    if (error != NULL)
        fixture->troubles++;
    else
        fixture->recoveries++;
}

static void on_turn(void *observer)
{
    struct fixture *fixture = observer;

    if (++fixture->turns == fixture->stop_after_turns)
        fixture->stop = 1;
}

static struct fixture *set_up(unsigned entries, unsigned batch_max)
{
    static struct fixture fixture;

    fixture = (struct fixture){.error = {.kind = ERROR_NONE}};
    fake_pipeline_init(&fixture.fake, entries, batch_max);
    fixture.clock = fake_pipeline_clock(&fixture.fake);
    fixture.pump = (struct pump){
        .source = fake_pipeline_source(&fixture.fake),
        .sink = fake_pipeline_sink(&fixture.fake),
        .clock = &fixture.clock,
        .on_change = on_change,
        .on_turn = on_turn,
        .observer = &fixture,
    };
    backoff_init(&fixture.pump.backoff, 10, 500, 1);
    return &fixture;
}

static bool run(struct fixture *fixture)
{
    return pump_run(&fixture->pump, &fixture->stop, &fixture->error);
}

static void everything_is_stored_once_and_settled(void **state)
{
    struct fixture *fixture = set_up(10, 4);

    (void)state;
    assert_true(run(fixture));
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(fixture->fake.stored[i], 1);
        assert_true(fixture->fake.settled[i]);
    }
    assert_int_equal(fixture->pump.counters.batches, 3);
    assert_int_equal(fixture->pump.counters.entries, 10);
    assert_int_equal(fixture->fake.sleeps, 0);
}

static void only_the_poisoned_entry_is_set_aside(void **state)
{
    struct fixture *fixture = set_up(16, 16);

    (void)state;
    fixture->fake.poison[11] = true;
    assert_true(run(fixture));
    for (unsigned i = 0; i < 16; i++) {
        assert_int_equal(fixture->fake.set_aside[i], i == 11);
        assert_int_equal(fixture->fake.stored[i], i != 11);
        assert_true(fixture->fake.settled[i]);
    }
    assert_int_equal(fixture->pump.counters.condemned, 1);
    assert_int_equal(fixture->pump.counters.bisected, 4);
}

static void a_sick_server_condemns_nothing(void **state)
{
    struct fixture *fixture = set_up(8, 8);

    (void)state;
    fixture->fake.server_is_sick = true;
    fixture->stop_after_turns = 5;
    assert_true(run(fixture));
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(fixture->fake.set_aside[i], 0);
        assert_false(fixture->fake.settled[i]);
    }
    assert_true(fixture->fake.sleeps > 0);
}

static void a_transient_failure_backs_off_and_is_told(void **state)
{
    struct fixture *fixture = set_up(4, 4);

    (void)state;
    fixture->fake.fault = (struct fault){.countdown = 2, .times = 3}; /* the apply, then two reads */
    assert_true(run(fixture));
    assert_int_equal(fixture->pump.counters.retries, 3);
    assert_int_equal(fixture->fake.sleeps, 3);
    assert_int_equal(fixture->troubles, 3);
    assert_int_equal(fixture->recoveries, 1);
    assert_int_equal(fixture->pump.backoff.failures, 0);
}

static bool fatal_apply(void *self, const struct batch *batch, struct error *error)
{
    (void)self;
    (void)batch;
    return error_set(error, ERROR_FATAL, "schema", "cannot use this ledger");
}

static void a_fatal_failure_ends_the_run_and_settles_nothing(void **state)
{
    struct fixture *fixture = set_up(4, 4);

    (void)state;
    fixture->pump.sink.apply = fatal_apply;
    assert_false(run(fixture));
    assert_int_equal(fixture->error.kind, ERROR_FATAL);
    assert_string_equal(fixture->error.reason, "schema");
    for (unsigned i = 0; i < 4; i++)
        assert_false(fixture->fake.settled[i]);
}

static void a_stop_settles_what_was_delivered_and_asks_for_no_more(void **state)
{
    struct fixture *fixture = set_up(10, 4);

    (void)state;
    fixture->stop_after_turns = 1;
    assert_true(run(fixture));
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(fixture->fake.settled[i], i < 4);
}

static void a_stop_while_the_server_is_away_does_not_wait_for_it(void **state)
{
    struct fixture *fixture = set_up(4, 4);

    (void)state;
    fixture->fake.fault = (struct fault){.countdown = 1, .times = 1000000};
    fixture->stop_after_turns = 3;
    assert_true(run(fixture));
    assert_true(fixture->fake.sleeps <= 4);
}

static void what_takes_too_long_is_halved_until_it_does_not(void **state)
{
    struct fixture *fixture = set_up(40, 40);

    (void)state;
    fixture->fake.too_many = 6;
    assert_true(run(fixture));
    for (unsigned i = 0; i < 40; i++) {
        assert_int_equal(fixture->fake.stored[i] > 0, true);
        assert_true(fixture->fake.settled[i]);
    }
    assert_int_equal(fixture->pump.counters.halved, 3);
    assert_int_equal(fixture->pump.part_max, 6);
}

static void parts_grow_again_when_all_goes_well(void **state)
{
    struct fixture *fixture = set_up(40, 4);

    (void)state;
    fixture->pump.part_max = 1;
    assert_true(run(fixture));
    assert_int_equal(fixture->pump.counters.halved, 0);
    assert_true(fixture->pump.part_max > 8);
    fixture->pump.part_max = BATCH_ENTRIES_MAX - 1;
    fake_pipeline_init(&fixture->fake, 1, 1);
    assert_true(run(fixture));
    assert_int_equal(fixture->pump.part_max, 0);
}

static void a_single_entry_is_tried_for_ever(void **state)
{
    struct fixture *fixture = set_up(3, 3);

    (void)state;
    fixture->fake.too_many = 1;
    fixture->stop_after_turns = 20;
    assert_true(run(fixture));
    assert_int_equal(fixture->pump.part_max, 1);
    assert_false(fixture->fake.settled[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_stored_once_and_settled),
        cmocka_unit_test(only_the_poisoned_entry_is_set_aside),
        cmocka_unit_test(a_sick_server_condemns_nothing),
        cmocka_unit_test(a_transient_failure_backs_off_and_is_told),
        cmocka_unit_test(a_fatal_failure_ends_the_run_and_settles_nothing),
        cmocka_unit_test(a_stop_settles_what_was_delivered_and_asks_for_no_more),
        cmocka_unit_test(a_stop_while_the_server_is_away_does_not_wait_for_it),
        cmocka_unit_test(what_takes_too_long_is_halved_until_it_does_not),
        cmocka_unit_test(parts_grow_again_when_all_goes_well),
        cmocka_unit_test(a_single_entry_is_tried_for_ever),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
