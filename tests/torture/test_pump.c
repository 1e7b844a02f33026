/* The pump's story with every fallible call failing in turn: nothing lost, nothing settled before it is held, the good
 * never set aside. */
#include "consumer/pump.h"
#include "tests/support/fakes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { ENTRIES = 20, BATCH = 7, POISONED = 12 };

/* The real source, watched: settling what the ledger does not hold is the one unforgivable thing. */
static bool settle_watched(void *self, const struct batch *batch, struct error *error)
{
    struct fake_pipeline *fake = self;

    for (size_t i = 0; i < batch->count; i++) {
        unsigned number = (unsigned)batch->entries[i].id.sequence;
        assert_true(fake->stored[number] > 0 || fake->set_aside[number] > 0);
    }
    return fake_pipeline_source(fake).settle(self, batch, error);
}

static void run_story(struct fake_pipeline *fake)
{
    struct clock clock = fake_pipeline_clock(fake);
    volatile sig_atomic_t stop = 0;
    struct error error;
    struct pump pump = {
        .source = fake_pipeline_source(fake),
        .sink = fake_pipeline_sink(fake),
        .clock = &clock,
    };

    pump.source.settle = settle_watched;
    backoff_init(&pump.backoff, 1, 10, 1);
    assert_true(pump_run(&pump, &stop, &error));
}

static void prepare(struct fake_pipeline *fake)
{
    fake_pipeline_init(fake, ENTRIES, BATCH);
    fake->poison[POISONED] = true;
}

static void assert_whole(const struct fake_pipeline *fake)
{
    for (unsigned i = 0; i < ENTRIES; i++) {
        assert_true(fake->settled[i]);
        assert_int_equal(fake->stored[i] > 0, i != POISONED);
        assert_int_equal(fake->set_aside[i] > 0, i == POISONED);
    }
}

static unsigned calls_without_faults(void)
{
    struct fake_pipeline fake;

    prepare(&fake);
    run_story(&fake);
    assert_whole(&fake);
    return fake.calls;
}

static void torture(int times, bool after_effect)
{
    int calls = (int)calls_without_faults();

    assert_true(calls > 10);
    for (int at = 1; at <= calls; at++) {
        struct fake_pipeline fake;

        prepare(&fake);
        fake.fault = (struct fault){.countdown = at, .times = times, .after_effect = after_effect};
        run_story(&fake);
        assert_whole(&fake);
    }
}

static void one_call_fails(void **state)
{
    (void)state;
    torture(1, false);
}

static void one_call_works_and_its_answer_is_lost(void **state)
{
    (void)state;
    torture(1, true);
}

static void five_calls_in_a_row_fail(void **state)
{
    (void)state;
    torture(5, false);
}

static void five_answers_in_a_row_are_lost(void **state)
{
    (void)state;
    torture(5, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_call_fails),
        cmocka_unit_test(one_call_works_and_its_answer_is_lost),
        cmocka_unit_test(five_calls_in_a_row_fail),
        cmocka_unit_test(five_answers_in_a_row_are_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
