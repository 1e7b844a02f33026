/* The owner's side of a spool: what is appended is read, until it is released or the cap takes it. */
#include "producer/spool/spool.h"

#include "tests/support/spool_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static void what_is_appended_is_read_in_order_and_whole(void **state)
{
    struct spool_fixture *fixture = *state;

    spool_fixture_append(fixture, 1, 500);
    assert_true(spool_fixture_count(fixture, ".segment") > 3);
    spool_fixture_assert_reads(fixture, 1, 500);
    spool_fixture_assert_reads(fixture, 1, 500);
}

static void reading_begins_anywhere(void **state)
{
    struct spool_fixture *fixture = *state;

    spool_fixture_append(fixture, 1, 300);
    spool_fixture_assert_reads(fixture, 299, 300);
    for (uint64_t from = 1; from <= 300; from += 37)
        spool_fixture_assert_reads(fixture, from, 300);
    spool_fixture_assert_reads(fixture, 301, 300);
}

static void events_of_any_size_are_kept(void **state)
{
    static const size_t sizes[] = {8, 9, EVENT_BYTES_MAX - 1, EVENT_BYTES_MAX, 250};
    struct spool_fixture *fixture = *state;

    for (uint64_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        fixture->event_bytes = sizes[i];
        spool_fixture_append(fixture, i + 1, 1);
    }
    spool_fixture_assert_reads(fixture, 1, 5);
}

static void the_reader_follows_the_appender(void **state)
{
    struct spool_fixture *fixture = *state;

    spool_fixture_assert_reads(fixture, 1, 0);
    for (uint64_t i = 1; i < 200; i += 10) {
        spool_fixture_append(fixture, i, 10);
        spool_fixture_assert_reads(fixture, i, i + 9);
        spool_fixture_assert_reads(fixture, i, i + 9);
    }
}

static void ordinals_that_are_missing_are_passed_over(void **state)
{
    struct spool_fixture *fixture = *state;

    spool_fixture_append(fixture, 5, 5);
    spool_fixture_append(fixture, 20, 5);
    assert_int_equal(spool_fixture_count(fixture, ".segment"), 2);
    assert_int_equal(spool_fixture_read(fixture, fixture->spool, 1), 10);
    assert_int_equal(spool_fixture_read(fixture, fixture->spool, 10), 5);
    assert_int_equal(spool_fixture_look(fixture->spool).first, 5);
    assert_int_equal(spool_fixture_look(fixture->spool).last, 24);
    assert_int_equal(spool_fixture_look(fixture->spool).events, 10);
}

/* ---- releasing -------------------------------------------------------------------------------------------------- */

static void segments_go_when_all_of_them_is_released(void **state)
{
    struct spool_fixture *fixture = *state;

    spool_fixture_append(fixture, 1, 400);
    size_t segments = spool_fixture_count(fixture, ".segment");
    spool_release(fixture->spool, 1);
    assert_int_equal(spool_fixture_count(fixture, ".segment"), segments);
    spool_release(fixture->spool, 200);
    assert_true(spool_fixture_count(fixture, ".segment") < segments);
    assert_true(spool_fixture_look(fixture->spool).first <= 201);
    spool_fixture_assert_reads(fixture, 201, 400);
    assert_int_equal(spool_fixture_look(fixture->spool).unprotected, 0);
}

static void nothing_stays_of_an_overflow_that_is_over(void **state)
{
    struct spool_fixture *fixture = *state;

    spool_close(fixture->spool);
    fixture->options.keeps = false;
    fixture->spool = spool_open(&fixture->options, &(struct error){.kind = ERROR_NONE});
    assert_non_null(fixture->spool);
    for (uint64_t i = 1; i < 100; i += 10) {
        spool_fixture_append(fixture, i, 10);
        spool_release(fixture->spool, i + 9);
        assert_int_equal(spool_fixture_count(fixture, ".segment"), 0);
        assert_int_equal(spool_fixture_look(fixture->spool).bytes, 0);
    }
}

/* A few events a second, confirmed as quickly, would each make and remove a file. */
static void what_is_kept_stays_in_one_small_segment_until_the_end(void **state)
{
    struct spool_fixture *fixture = *state;

    fixture->event_bytes = 250;
    for (uint64_t i = 1; i < 100; i++) {
        spool_fixture_append(fixture, i, 1);
        spool_release(fixture->spool, i);
        assert_int_equal(spool_fixture_count(fixture, ".segment"), 1);
    }
    spool_close(fixture->spool);
    fixture->spool = NULL;
    assert_false(spool_fixture_is_there(fixture));
}

static void what_is_not_released_outlives_its_owner(void **state)
{
    struct spool_fixture *fixture = *state;

    spool_fixture_append(fixture, 1, 100);
    spool_release(fixture->spool, 99);
    spool_close(fixture->spool);
    fixture->spool = NULL;
    assert_true(spool_fixture_count(fixture, ".segment") > 0);
}

static void an_unused_spool_leaves_nothing(void **state)
{
    struct spool_fixture *fixture = *state;

    assert_true(spool_fixture_is_there(fixture));
    spool_close(fixture->spool);
    fixture->spool = NULL;
    assert_false(spool_fixture_is_there(fixture));
}

/* ---- the cap ---------------------------------------------------------------------------------------------------- */

static void at_the_cap_the_oldest_that_were_sent_are_given_up_and_counted(void **state)
{
    struct spool_fixture *fixture = *state;

    fixture->event_bytes = 1000;
    spool_fixture_append(fixture, 1, 600);
    spool_note_sent(fixture->spool, 600);
    spool_fixture_append(fixture, 601, 900);

    struct spool_look look = spool_fixture_look(fixture->spool);
    assert_true(look.bytes <= SPOOL_BYTES_MIN);
    assert_true(look.first > 1 && look.first <= 601);
    assert_int_equal(look.unprotected, look.first - 1);
    spool_fixture_assert_reads(fixture, look.first, 1500);
}

static void what_was_released_is_not_unprotected(void **state)
{
    struct spool_fixture *fixture = *state;

    fixture->event_bytes = 1000;
    spool_fixture_append(fixture, 1, 600);
    spool_note_sent(fixture->spool, 600);
    spool_release(fixture->spool, 30);
    spool_fixture_append(fixture, 601, 900);

    struct spool_look look = spool_fixture_look(fixture->spool);
    assert_int_equal(look.unprotected, look.first - 1 - 30);
}

/* Append until it is refused. Returns how many were accepted. */
static uint64_t fill(struct spool_fixture *fixture, uint64_t from, struct error *error)
{
    while (spool_fixture_try(fixture, from, 10, error))
        from += 10;
    return from - 1;
}

static void what_was_not_sent_is_never_given_up(void **state)
{
    struct spool_fixture *fixture = *state;
    struct error error;

    fixture->event_bytes = 1000;
    uint64_t last = fill(fixture, 1, &error);
    assert_int_equal(error.kind, ERROR_TRANSIENT);
    assert_string_equal(error.reason, "spool_full");
    assert_true(last > 1000);
    spool_fixture_assert_reads(fixture, 1, last);

    spool_note_sent(fixture->spool, last);
    spool_fixture_append(fixture, last + 1, 10);
    spool_note_sent(fixture->spool, 0); /* Redis has lost everything */
    uint64_t then = fill(fixture, last + 11, &error);
    assert_string_equal(error.reason, "spool_full");
    spool_fixture_assert_reads(fixture, spool_fixture_look(fixture->spool).first, then);
}

static void releasing_makes_room_again(void **state)
{
    struct spool_fixture *fixture = *state;
    struct error error;

    fixture->event_bytes = 1000;
    uint64_t last = fill(fixture, 1, &error);
    spool_release(fixture->spool, last / 2);
    uint64_t then = fill(fixture, last + 1, &error);
    assert_true(then > last + last / 4);
    spool_fixture_assert_reads(fixture, last / 2 + 1, then);
}

static void what_is_larger_than_the_cap_is_refused(void **state)
{
    struct spool_fixture *fixture = *state;
    struct error error;

    fixture->event_bytes = EVENT_BYTES_MAX;
    assert_false(spool_fixture_try(fixture, 1, 16, &error));
    assert_string_equal(error.reason, "spool_full");
    assert_int_equal(spool_fixture_count(fixture, ".segment"), 0);
    spool_fixture_append(fixture, 1, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, spool_fixture_set_up, spool_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_appended_is_read_in_order_and_whole),
        TEST(reading_begins_anywhere),
        TEST(events_of_any_size_are_kept),
        TEST(the_reader_follows_the_appender),
        TEST(ordinals_that_are_missing_are_passed_over),
        TEST(segments_go_when_all_of_them_is_released),
        TEST(nothing_stays_of_an_overflow_that_is_over),
        TEST(what_is_kept_stays_in_one_small_segment_until_the_end),
        TEST(what_is_not_released_outlives_its_owner),
        TEST(an_unused_spool_leaves_nothing),
        TEST(at_the_cap_the_oldest_that_were_sent_are_given_up_and_counted),
        TEST(what_was_released_is_not_unprotected),
        TEST(what_was_not_sent_is_never_given_up),
        TEST(releasing_makes_room_again),
        TEST(what_is_larger_than_the_cap_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
