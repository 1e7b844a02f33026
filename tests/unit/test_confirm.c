/* confirm: what the ledger has may be forgotten, Redis is asked seldom, and memory is bounded. */
#include "tests/support/confirming.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { SEEDS = 200 };

/* ---- ask --------------------------------------------------------------------------------------------------------- */

static void who_has_sent_nothing_asks_nothing(void **state)
{
    int64_t due_us;

    (void)state;
    assert_int_equal(confirm_due(&confirming.confirm, true, &due_us), CONFIRM_NOTHING);
    assert_true(due_us == INT64_MAX);
    assert_null(confirm_oldest(&confirming.confirm));
}

static void what_the_watermark_passed_is_confirmed(void **state)
{
    (void)state;
    confirming_send(1, 1, 10);
    confirming_send(1, 11, 20);
    assert_int_equal(confirming_archive(1, 10), 10);
    assert_int_equal(confirm_oldest(&confirming.confirm)->first_ordinal, 11);
    assert_int_equal(confirming_archive(1, 20), 20);
    assert_null(confirm_oldest(&confirming.confirm));
}

static void within_a_mark_events_are_counted(void **state)
{
    (void)state;
    confirming_send(1, 1, 100);
    assert_int_equal(confirming_archive(1, 40), 40);
    assert_int_equal(confirm_oldest(&confirming.confirm)->first_ordinal, 41);
    assert_int_equal(confirming_archive(1, 40), 0);
    assert_int_equal(confirming_archive(1, 99), 99);
    assert_int_equal(confirming_archive(1, 100), 100);
}

static void holes_are_assumed_where_it_is_worst(void **state)
{
    struct confirm_mark mark = {
        .first_ordinal = 1,
        .last_ordinal = 10,
        .producer_id = confirming_producer(1),
        .first_sequence = 1,
        .last_sequence = 15, /* five numbers in here belong to no event */
    };

    (void)state;
    confirm_sent(&confirming.confirm, &mark);
    assert_int_equal(confirming_archive(1, 5), 0);
    assert_int_equal(confirming_archive(1, 8), 3);
    assert_int_equal(confirming_archive(1, 14), 9);
    assert_int_equal(confirming_archive(1, 15), 10);
}

static void the_first_question_comes_after_about_a_second(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        enum confirm_due what;

        confirm_init(&confirming.confirm, &confirming_clock, seed, CONFIRM_PATIENCE_MS);
        confirming_send(1, 1, 1);
        assert_in_range(confirming_wait_ms(&what), CONFIRM_ASK_MS * 3 / 4, CONFIRM_ASK_MS * 5 / 4 + 1);
        assert_int_equal(what, CONFIRM_ASK);
    }
}

static void in_a_hurry_it_comes_at_once(void **state)
{
    (void)state;
    confirming_send(1, 1, 1);
    assert_int_equal(confirming_due(true), CONFIRM_NOTHING);
    confirming_pass_ms(CONFIRM_ASK_HURRY_MS);
    assert_int_equal(confirming_due(false), CONFIRM_NOTHING);
    assert_int_equal(confirming_due(true), CONFIRM_ASK);
    confirming_archive(1, 0);
    assert_int_equal(confirming_due(true), CONFIRM_NOTHING);
}

static void questions_in_vain_become_rarer(void **state)
{
    enum confirm_due what;
    unsigned questions;

    (void)state;
    confirming_send(1, 1, 1);
    int64_t waited_ms = confirming_wait_for_other_ms(1, 0, &what, &questions);

    assert_int_equal(what, CONFIRM_LOOK);
    assert_in_range(waited_ms, CONFIRM_PATIENCE_MS * 3 / 4, CONFIRM_PATIENCE_MS * 5 / 4 + 1);
    assert_in_range(questions, 5, 13);
}

static void who_sends_all_the_time_asks_no_more_often(void **state)
{
    unsigned questions = 0;

    (void)state;
    for (uint64_t event = 1; event <= 6000; event++) {
        confirming_send(1, event, event);
        if (confirming_due(false) == CONFIRM_ASK) {
            questions++;
            assert_int_equal(confirming_archive(1, event - 1), event - 1);
        }
        confirming_pass_ms(10);
    }
    assert_in_range(questions, 45, 81);
}

static void each_identity_has_a_watermark_of_its_own(void **state)
{
    (void)state;
    confirming_send(1, 1, 10);
    confirming_send(2, 11, 20);
    assert_int_equal(confirming_archive(2, 1000), 0);
    assert_int_equal(confirm_watermark(&confirming.confirm), 0);
    assert_int_equal(confirming_archive(1, 10), 10);
    assert_int_equal(confirming_due(false), CONFIRM_ASK);
    assert_memory_equal(confirm_oldest(&confirming.confirm)->producer_id.bytes, confirming_producer(2).bytes,
                        UUID_BYTES);
    assert_int_equal(confirming_archive(2, 20), 20);
}

static void an_answer_that_says_nothing_puts_the_question_off(void **state)
{
    enum confirm_due what;

    (void)state;
    confirming_send(1, 1, 1);
    confirming_wait_ms(&what);
    confirm_refused(&confirming.confirm);
    assert_in_range(confirming_wait_ms(&what), 2 * CONFIRM_ASK_MS * 3 / 4, 2 * CONFIRM_ASK_MS * 5 / 4 + 1);
}

/* ---- bounds ------------------------------------------------------------------------------------------------------ */

static void marks_are_bounded_and_stay_fine(void **state)
{
    const uint64_t count = 100 * CONFIRM_MARKS_MAX;

    (void)state;
    for (uint64_t event = 1; event <= count; event++)
        confirming_send(1, event, event);
    assert_int_equal(confirming.confirm.count, CONFIRM_MARKS_MAX);
    for (size_t i = 0; i < confirming.confirm.count; i++) {
        const struct confirm_mark *mark = &confirming.confirm.marks[i];

        assert_int_equal(mark->first_ordinal, i == 0 ? 1 : mark[-1].last_ordinal + 1);
        assert_int_equal(mark->id.ms, mark->first_ordinal);
        assert_in_range(mark->last_ordinal - mark->first_ordinal + 1, 1, 400);
    }
    assert_int_equal(confirming_archive(1, count), count);
}

static void no_two_identities_become_one_mark(void **state)
{
    (void)state;
    for (uint64_t event = 1; event <= 1000; event++)
        confirming_send(event <= 500 ? 1 : 2, event, event);
    assert_int_equal(confirming_archive(1, 1000), 500);
    assert_int_equal(confirming_archive(2, 1000), 1000);
    assert_null(confirm_oldest(&confirming.confirm));
}

static void a_spool_that_nobody_of_us_wrote_is_never_taken_for_confirmed(void **state)
{
    (void)state;
    for (uint64_t event = 1; event <= 2 * CONFIRM_MARKS_MAX; event++)
        confirming_send((uint8_t)(event % 2), event, event);
    assert_int_equal(confirming.confirm.count, CONFIRM_MARKS_MAX);

    uint64_t confirmed = 0;
    for (int rounds = 0; rounds < 2 * CONFIRM_MARKS_MAX; rounds++) {
        uint64_t more = confirming_archive((uint8_t)(rounds % 2), 1000000);

        confirmed = more > confirmed ? more : confirmed;
    }
    assert_non_null(confirm_oldest(&confirming.confirm));
    assert_true(confirmed < 2 * CONFIRM_MARKS_MAX);
}

static void numbers_that_go_back_confirm_nothing_too_early(void **state)
{
    struct confirm_mark mark = {
        .first_ordinal = 1,
        .last_ordinal = 10,
        .producer_id = confirming_producer(1),
        .first_sequence = 100,
        .last_sequence = 50,
    };

    (void)state;
    confirm_sent(&confirming.confirm, &mark);
    assert_int_equal(confirming_archive(1, 49), 0);
    mark = (struct confirm_mark){.first_ordinal = 11,
                                 .last_ordinal = 20,
                                 .producer_id = confirming_producer(1),
                                 .first_sequence = 5,
                                 .last_sequence = 7};
    confirm_sent(&confirming.confirm, &mark);
    assert_int_equal(confirming_archive(1, 49), 0);
    assert_int_equal(confirming_archive(1, 50), 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(who_has_sent_nothing_asks_nothing, confirming_begin),
        cmocka_unit_test_setup(what_the_watermark_passed_is_confirmed, confirming_begin),
        cmocka_unit_test_setup(within_a_mark_events_are_counted, confirming_begin),
        cmocka_unit_test_setup(holes_are_assumed_where_it_is_worst, confirming_begin),
        cmocka_unit_test_setup(the_first_question_comes_after_about_a_second, confirming_begin),
        cmocka_unit_test_setup(in_a_hurry_it_comes_at_once, confirming_begin),
        cmocka_unit_test_setup(questions_in_vain_become_rarer, confirming_begin),
        cmocka_unit_test_setup(who_sends_all_the_time_asks_no_more_often, confirming_begin),
        cmocka_unit_test_setup(each_identity_has_a_watermark_of_its_own, confirming_begin),
        cmocka_unit_test_setup(an_answer_that_says_nothing_puts_the_question_off, confirming_begin),
        cmocka_unit_test_setup(marks_are_bounded_and_stay_fine, confirming_begin),
        cmocka_unit_test_setup(no_two_identities_become_one_mark, confirming_begin),
        cmocka_unit_test_setup(a_spool_that_nobody_of_us_wrote_is_never_taken_for_confirmed, confirming_begin),
        cmocka_unit_test_setup(numbers_that_go_back_confirm_nothing_too_early, confirming_begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
