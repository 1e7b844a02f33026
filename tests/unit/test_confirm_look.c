/* confirm: what Redis lost is sent again, what is only late is waited for. */
#include "tests/support/confirming.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { SEEDS = 200 };

/* ---- look -------------------------------------------------------------------------------------------------------- */

static void late_consumers_are_waited_for(void **state)
{
    enum confirm_due what;
    unsigned questions;
    int64_t patience_ms = CONFIRM_PATIENCE_MS;

    (void)state;
    confirming_send(1, 1, 10);
    for (int looks = 0; looks < 10; looks++) {
        int64_t waited_ms = confirming_wait_for_other_ms(1, 0, &what, &questions);

        assert_int_equal(what, CONFIRM_LOOK);
        assert_in_range(waited_ms, patience_ms * 3 / 4, patience_ms * 5 / 4 + CONFIRM_ASK_MAX_MS);
        assert_int_equal(confirm_looked(&confirming.confirm, true), 0);
        patience_ms = 2 * patience_ms < CONFIRM_PATIENCE_MAX_MS ? 2 * patience_ms : CONFIRM_PATIENCE_MAX_MS;
    }
    assert_int_equal(confirm_oldest(&confirming.confirm)->first_ordinal, 1);
}

static void nobody_looks_without_having_asked_since(void **state)
{
    (void)state;
    confirming_send(1, 1, 10);
    confirming_pass_ms(2 * CONFIRM_PATIENCE_MS);
    assert_int_equal(confirming_due(false), CONFIRM_ASK);
    confirming_archive(1, 0);
    assert_int_equal(confirming_due(false), CONFIRM_LOOK);
}

/* The ledger may have it all, and the stream be trimmed. */
static void nobody_looks_who_was_not_answered(void **state)
{
    enum confirm_due what;

    (void)state;
    confirming_send(1, 1, 10);
    confirming_pass_ms(2 * CONFIRM_PATIENCE_MS);
    assert_int_equal(confirming_due(false), CONFIRM_ASK);
    for (int questions = 0; questions < 20; questions++) {
        confirm_unanswered(&confirming.confirm);
        assert_in_range(confirming_wait_ms(&what), 2 * CONFIRM_ASK_MS * 3 / 4, CONFIRM_ASK_MAX_MS * 5 / 4 + 1);
        assert_int_equal(what, CONFIRM_ASK);
    }
    confirming_archive(1, 0);
    assert_int_equal(confirming_due(false), CONFIRM_LOOK);
}

static void what_redis_lost_is_sent_again_from_the_oldest_on(void **state)
{
    (void)state;
    confirming_send(1, 1, 10);
    confirming_send(1, 11, 20);
    confirming_send(1, 21, 30);
    confirming_archive(1, 10);
    assert_int_equal(confirming_next_other(1, 10), CONFIRM_LOOK);
    assert_int_equal(confirm_looked(&confirming.confirm, false), 11);
    assert_null(confirm_oldest(&confirming.confirm));
    assert_int_equal(confirming_archive(1, 10), 0);
}

static void a_watermark_that_moves_begins_a_new_patience(void **state)
{
    enum confirm_due what;
    unsigned questions;

    (void)state;
    confirming_send(1, 1, 10);
    confirming_archive(1, 0);
    confirming_pass_ms(CONFIRM_PATIENCE_MS * 3 / 4 - 1);
    confirming_send(1, 11, 20);
    assert_int_equal(confirming_archive(1, 10), 10);
    assert_in_range(confirming_wait_for_other_ms(1, 10, &what, &questions), CONFIRM_PATIENCE_MS * 3 / 4,
                    CONFIRM_PATIENCE_MS * 5 / 4 + 1);
}

static void one_that_goes_back_does_so_too(void **state)
{
    enum confirm_due what;
    unsigned questions;

    (void)state;
    confirming_send(1, 1, 10);
    confirming_send(1, 11, 20);
    confirming_archive(1, 10);
    for (int looks = 0; looks < 5; looks++) {
        confirming_next_other(1, 10);
        confirm_looked(&confirming.confirm, true);
    }
    assert_int_equal(confirming_archive(1, 0), 0);
    assert_in_range(confirming_wait_for_other_ms(1, 0, &what, &questions), CONFIRM_PATIENCE_MS * 3 / 4,
                    CONFIRM_PATIENCE_MS * 5 / 4 + 1);
    assert_int_equal(confirm_looked(&confirming.confirm, false), 11);
}

static void who_loses_all_again_and_again_is_sent_it_ever_more_rarely(void **state)
{
    enum confirm_due what;
    unsigned questions;
    int64_t waited_ms = 0;

    (void)state;
    for (int losses = 0; losses < 10; losses++) {
        confirming_send(1, 1, 10);
        waited_ms = confirming_wait_for_other_ms(1, 0, &what, &questions);
        assert_int_equal(confirm_looked(&confirming.confirm, false), 1);
    }
    assert_in_range(waited_ms, CONFIRM_PATIENCE_MAX_MS * 3 / 4, CONFIRM_PATIENCE_MAX_MS * 2);
}

static void many_do_not_look_in_step(void **state)
{
    int64_t least = INT64_MAX;
    int64_t most = 0;

    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        confirm_init(&confirming.confirm, &confirming_clock, seed, CONFIRM_PATIENCE_MS);
        confirming_send(1, 1, 1);
        least = confirming.confirm.look_due_us < least ? confirming.confirm.look_due_us : least;
        most = confirming.confirm.look_due_us > most ? confirming.confirm.look_due_us : most;
    }
    assert_true(most - least > INT64_C(1000) * CONFIRM_PATIENCE_MS / 3);
}

/* ---- again ------------------------------------------------------------------------------------------------------- */

static void a_watermark_within_a_mark_has_its_rest_sent_again(void **state)
{
    (void)state;
    confirming_send(1, 1, 100);
    confirming_send(1, 101, 200);
    assert_int_equal(confirming_archive(1, 40), 40);
    assert_int_equal(confirming_next_other(1, 40), CONFIRM_AGAIN);
    assert_int_equal(confirm_watermark(&confirming.confirm), 40);

    struct confirm_mark again = *confirm_oldest(&confirming.confirm);
    assert_int_equal(again.first_ordinal, 41);
    again.placed = true;
    again.id = (struct stream_id){.ms = 777};
    confirm_sent_again(&confirming.confirm, &again);

    assert_int_equal(confirming_next_other(1, 40), CONFIRM_LOOK);
    assert_int_equal(confirm_oldest(&confirming.confirm)->id.ms, 777);
    assert_int_equal(confirm_looked(&confirming.confirm, false), 41);
}

static void of_a_long_mark_a_part_is_sent_again_at_a_time(void **state)
{
    struct confirm_mark part = {
        .first_ordinal = 41,
        .last_ordinal = 60,
        .producer_id = confirming_producer(1),
        .first_sequence = 41,
        .last_sequence = 60,
        .placed = true,
    };

    (void)state;
    confirming_send(1, 1, 100);
    confirming_archive(1, 40);
    confirm_sent_again(&confirming.confirm, &part);
    assert_int_equal(confirm_oldest(&confirming.confirm)->last_ordinal, 60);
    assert_int_equal(confirming_archive(1, 60), 60);
    assert_int_equal(confirm_oldest(&confirming.confirm)->first_ordinal, 61);
    assert_int_equal(confirming_next_other(1, 60), CONFIRM_AGAIN);
    assert_int_equal(confirming_archive(1, 100), 100);
    assert_null(confirm_oldest(&confirming.confirm));
}

static void what_was_confirmed_meanwhile_does_not_come_back(void **state)
{
    struct confirm_mark part = {.first_ordinal = 41,
                                .last_ordinal = 60,
                                .producer_id = confirming_producer(1),
                                .first_sequence = 41,
                                .last_sequence = 60};

    (void)state;
    confirming_send(1, 1, 100);
    confirming_archive(1, 40);
    confirming_archive(1, 80);
    confirm_sent_again(&confirming.confirm, &part);
    assert_int_equal(confirm_oldest(&confirming.confirm)->first_ordinal, 81);
}

static void what_cannot_be_sent_again_is_not_watched(void **state)
{
    (void)state;
    confirming_send(1, 1, 10);
    confirming_send(1, 11, 20);
    confirming_send(1, 21, 30);
    confirm_forget_before(&confirming.confirm, 15);
    assert_int_equal(confirm_oldest(&confirming.confirm)->first_ordinal, 15);
    assert_false(confirm_oldest(&confirming.confirm)->placed);
    confirm_forget_before(&confirming.confirm, 31);
    assert_null(confirm_oldest(&confirming.confirm));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(late_consumers_are_waited_for, confirming_begin),
        cmocka_unit_test_setup(nobody_looks_without_having_asked_since, confirming_begin),
        cmocka_unit_test_setup(nobody_looks_who_was_not_answered, confirming_begin),
        cmocka_unit_test_setup(what_redis_lost_is_sent_again_from_the_oldest_on, confirming_begin),
        cmocka_unit_test_setup(a_watermark_that_moves_begins_a_new_patience, confirming_begin),
        cmocka_unit_test_setup(one_that_goes_back_does_so_too, confirming_begin),
        cmocka_unit_test_setup(who_loses_all_again_and_again_is_sent_it_ever_more_rarely, confirming_begin),
        cmocka_unit_test_setup(many_do_not_look_in_step, confirming_begin),
        cmocka_unit_test_setup(a_watermark_within_a_mark_has_its_rest_sent_again, confirming_begin),
        cmocka_unit_test_setup(of_a_long_mark_a_part_is_sent_again_at_a_time, confirming_begin),
        cmocka_unit_test_setup(what_was_confirmed_meanwhile_does_not_come_back, confirming_begin),
        cmocka_unit_test_setup(what_cannot_be_sent_again_is_not_watched, confirming_begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
