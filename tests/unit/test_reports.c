#include "producer/reports.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { CAPACITY = 8 };

static const struct uuid one = {.bytes = {1}};
static const struct uuid two = {.bytes = {2}};

static struct reports reports;
static struct runs runs;

static int setup(void **state)
{
    (void)state;
    runs = (struct runs){.count = 0};
    return reports_init(&reports, CAPACITY) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    reports_close(&reports);
    return 0;
}

/* Events with these numbers, one after the other. */
static void note(uint64_t ordinal, struct uuid id, uint64_t first_sequence, uint64_t last_sequence)
{
    for (uint64_t sequence = first_sequence; sequence <= last_sequence; sequence++)
        runs_note(&runs, ordinal++, &id, sequence);
}

static void assert_next(enum taskledger_report_kind kind, struct uuid id, uint64_t first, uint64_t last)
{
    struct report report;

    assert_true(reports_take(&reports, &report));
    assert_int_equal(report.kind, kind);
    assert_memory_equal(&report.producer_id, &id, sizeof id);
    assert_int_equal(report.first_sequence, first);
    assert_int_equal(report.last_sequence, last);
}

static void assert_no_more(void)
{
    struct report report;

    assert_false(reports_take(&reports, &report));
}

static void drop(uint64_t first, uint64_t last, const char *reason)
{
    reports_add(&reports, &(struct report){TASKLEDGER_REPORT_DROPPED, one, first, last, reason});
}

static void ordinals_are_told_as_the_numbers_that_the_ledger_knows(void **state)
{
    (void)state;
    note(1, one, 1, 10);
    note(11, one, 15, 20);
    note(17, two, 1, 4);
    reports_add_ordinals(&reports, &runs, TASKLEDGER_REPORT_SENT, 3, 19);
    assert_next(TASKLEDGER_REPORT_SENT, one, 3, 10);
    assert_next(TASKLEDGER_REPORT_SENT, one, 15, 20);
    assert_next(TASKLEDGER_REPORT_SENT, two, 1, 3);
    assert_no_more();
}

static void what_follows_on_makes_a_report_longer_although_kinds_take_turns(void **state)
{
    (void)state;
    note(1, one, 1, 100);
    for (uint64_t i = 1; i <= 100; i++) {
        reports_add_ordinals(&reports, &runs, TASKLEDGER_REPORT_SPOOLED, i, i);
        reports_add_ordinals(&reports, &runs, TASKLEDGER_REPORT_SENT, i, i);
        reports_add_ordinals(&reports, &runs, TASKLEDGER_REPORT_CONFIRMED, i, i);
    }
    assert_next(TASKLEDGER_REPORT_SPOOLED, one, 1, 100);
    assert_next(TASKLEDGER_REPORT_SENT, one, 1, 100);
    assert_next(TASKLEDGER_REPORT_CONFIRMED, one, 1, 100);
    assert_no_more();
}

static void drops_for_different_reasons_are_different_reports(void **state)
{
    (void)state;
    drop(5, 5, "full");
    drop(6, 7, "full");
    drop(8, 8, "memory");
    drop(10, 10, "memory");
    assert_next(TASKLEDGER_REPORT_DROPPED, one, 5, 7);
    assert_next(TASKLEDGER_REPORT_DROPPED, one, 8, 8);
    assert_next(TASKLEDGER_REPORT_DROPPED, one, 10, 10);
}

static void when_nobody_asks_the_oldest_are_lost_and_counted(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < CAPACITY + 3; i++)
        drop(10 * i, 10 * i, "full");
    assert_int_equal(reports.lost, 3);
    assert_next(TASKLEDGER_REPORT_DROPPED, one, 30, 30);
}

static void nothing_is_kept_when_nothing_is_wanted(void **state)
{
    struct reports none;

    (void)state;
    assert_true(reports_init(&none, 0));
    note(1, one, 1, 3);
    reports_add_ordinals(&none, &runs, TASKLEDGER_REPORT_SENT, 1, 3);
    assert_int_equal(none.count + none.lost, 0);
    reports_close(&none);
}

static void only_the_newest_runs_are_known(void **state)
{
    struct run_range range;

    (void)state;
    for (uint64_t i = 1; i <= RUNS_MAX + 5; i++)
        note(i, one, 10 * i, 10 * i);
    assert_false(runs_find(&runs, 1, 5, &range));
    assert_true(runs_find(&runs, 1, 100, &range));
    assert_int_equal(range.first_sequence, 60);
    assert_int_equal(range.last_sequence, 60);
    assert_int_equal(range.last_ordinal, 6);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ordinals_are_told_as_the_numbers_that_the_ledger_knows),
        TEST(what_follows_on_makes_a_report_longer_although_kinds_take_turns),
        TEST(drops_for_different_reasons_are_different_reports),
        TEST(when_nobody_asks_the_oldest_are_lost_and_counted),
        TEST(nothing_is_kept_when_nothing_is_wanted),
        TEST(only_the_newest_runs_are_known),
    };

    return cmocka_run_group_tests_name("reports", tests, NULL, NULL);
}
