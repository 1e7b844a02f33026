/* confirm: what the ledger has may be forgotten, what Redis lost is sent again, and Redis is asked seldom. */
#include "producer/confirm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { SECOND = 1000, SEEDS = 200 };

/* ---- a fixture -------------------------------------------------------------------------------------------------------- */

static int64_t time_us;

static int64_t told(void *self)
{
    (void)self;
    return time_us;
}

static const struct clock stopped = {.monotonic_us = told, .unix_us = told};
static struct confirm confirm;

static int set_up(void **state)
{
    (void)state;
    time_us = INT64_C(5000000000);
    confirm_init(&confirm, &stopped, 42, CONFIRM_PATIENCE_MS);
    return 0;
}

static void pass_ms(int64_t ms)
{
    time_us += ms * 1000;
}

static struct uuid producer(uint8_t number)
{
    return (struct uuid){.bytes = {number}};
}

/* Ordinals and, as long as nothing is dropped, sequences. */
static void send_of(uint8_t number, uint64_t first, uint64_t last)
{
    struct confirm_mark mark = {
        .first_ordinal = first,
        .last_ordinal = last,
        .producer_id = producer(number),
        .first_sequence = first,
        .last_sequence = last,
        .placed = true,
        .id = {.ms = first},
    };

    confirm_sent(&confirm, &mark);
}

static uint64_t archive(uint8_t number, uint64_t sequence)
{
    struct uuid producer_id = producer(number);

    return confirm_archived(&confirm, &producer_id, sequence);
}

static enum confirm_due due(void)
{
    int64_t due_us;

    return confirm_due(&confirm, false, &due_us);
}

static enum confirm_due due_in_a_hurry(void)
{
    int64_t due_us;

    return confirm_due(&confirm, true, &due_us);
}

/* Let time pass until something is due; returns how long that was. */
static int64_t wait_ms(enum confirm_due *what)
{
    int64_t begin_us = time_us;
    int64_t due_us;

    while ((*what = confirm_due(&confirm, false, &due_us)) == CONFIRM_NOTHING) {
        assert_true(due_us > time_us && due_us < INT64_MAX);
        time_us = due_us;
    }
    return (time_us - begin_us) / 1000;
}

/* Answer every question so until another thing is due; returns how long that was, and how many questions there were. */
static int64_t wait_for_other_ms(uint8_t number, uint64_t sequence, enum confirm_due *what, unsigned *questions)
{
    int64_t waited_ms = 0;

    for (*questions = 0;; ++*questions) {
        waited_ms += wait_ms(what);
        if (*what != CONFIRM_ASK)
            return waited_ms;
        archive(number, sequence);
    }
}

static enum confirm_due next_other(uint8_t number, uint64_t sequence)
{
    enum confirm_due what;
    unsigned questions;

    wait_for_other_ms(number, sequence, &what, &questions);
    return what;
}

/* ---- ask -------------------------------------------------------------------------------------------------------------- */

static void who_has_sent_nothing_asks_nothing(void **state)
{
    int64_t due_us;

    (void)state;
    assert_int_equal(confirm_due(&confirm, true, &due_us), CONFIRM_NOTHING);
    assert_true(due_us == INT64_MAX);
    assert_null(confirm_oldest(&confirm));
}

static void what_the_watermark_passed_is_confirmed(void **state)
{
    (void)state;
    send_of(1, 1, 10);
    send_of(1, 11, 20);
    assert_int_equal(archive(1, 10), 10);
    assert_int_equal(confirm_oldest(&confirm)->first_ordinal, 11);
    assert_int_equal(archive(1, 20), 20);
    assert_null(confirm_oldest(&confirm));
}

static void within_a_mark_events_are_counted(void **state)
{
    (void)state;
    send_of(1, 1, 100);
    assert_int_equal(archive(1, 40), 40);
    assert_int_equal(confirm_oldest(&confirm)->first_ordinal, 41);
    assert_int_equal(archive(1, 40), 0);
    assert_int_equal(archive(1, 99), 99);
    assert_int_equal(archive(1, 100), 100);
}

static void holes_are_assumed_where_it_is_worst(void **state)
{
    struct confirm_mark mark = {
        .first_ordinal = 1,
        .last_ordinal = 10,
        .producer_id = producer(1),
        .first_sequence = 1,
        .last_sequence = 15, /* five numbers in here belong to no event */
    };

    (void)state;
    confirm_sent(&confirm, &mark);
    assert_int_equal(archive(1, 5), 0);
    assert_int_equal(archive(1, 8), 3);
    assert_int_equal(archive(1, 14), 9);
    assert_int_equal(archive(1, 15), 10);
}

static void the_first_question_comes_after_about_a_second(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        enum confirm_due what;

        confirm_init(&confirm, &stopped, seed, CONFIRM_PATIENCE_MS);
        send_of(1, 1, 1);
        assert_in_range(wait_ms(&what), CONFIRM_ASK_MS * 3 / 4, CONFIRM_ASK_MS * 5 / 4 + 1);
        assert_int_equal(what, CONFIRM_ASK);
    }
}

static void in_a_hurry_it_comes_at_once(void **state)
{
    (void)state;
    send_of(1, 1, 1);
    assert_int_equal(due_in_a_hurry(), CONFIRM_NOTHING);
    pass_ms(CONFIRM_ASK_HURRY_MS);
    assert_int_equal(due(), CONFIRM_NOTHING);
    assert_int_equal(due_in_a_hurry(), CONFIRM_ASK);
    archive(1, 0);
    assert_int_equal(due_in_a_hurry(), CONFIRM_NOTHING);
}

static void questions_in_vain_become_rarer(void **state)
{
    enum confirm_due what;
    unsigned questions;

    (void)state;
    send_of(1, 1, 1);
    int64_t waited_ms = wait_for_other_ms(1, 0, &what, &questions);

    assert_int_equal(what, CONFIRM_LOOK);
    assert_in_range(waited_ms, CONFIRM_PATIENCE_MS * 3 / 4, CONFIRM_PATIENCE_MS * 5 / 4 + 1);
    assert_in_range(questions, 5, 13);
}

static void who_sends_all_the_time_asks_no_more_often(void **state)
{
    unsigned questions = 0;

    (void)state;
    for (uint64_t event = 1; event <= 6000; event++) {
        send_of(1, event, event);
        if (due() == CONFIRM_ASK) {
            questions++;
            assert_int_equal(archive(1, event - 1), event - 1);
        }
        pass_ms(10);
    }
    assert_in_range(questions, 45, 81);
}

static void each_identity_has_a_watermark_of_its_own(void **state)
{
    (void)state;
    send_of(1, 1, 10);
    send_of(2, 11, 20);
    assert_int_equal(archive(2, 1000), 0);
    assert_int_equal(confirm_watermark(&confirm), 0);
    assert_int_equal(archive(1, 10), 10);
    assert_int_equal(due(), CONFIRM_ASK);
    assert_memory_equal(confirm_oldest(&confirm)->producer_id.bytes, producer(2).bytes, UUID_BYTES);
    assert_int_equal(archive(2, 20), 20);
}

static void an_answer_that_says_nothing_puts_the_question_off(void **state)
{
    enum confirm_due what;

    (void)state;
    send_of(1, 1, 1);
    wait_ms(&what);
    confirm_refused(&confirm);
    assert_in_range(wait_ms(&what), 2 * CONFIRM_ASK_MS * 3 / 4, 2 * CONFIRM_ASK_MS * 5 / 4 + 1);
}

/* ---- look ------------------------------------------------------------------------------------------------------------- */

static void late_consumers_are_waited_for(void **state)
{
    enum confirm_due what;
    unsigned questions;
    int64_t patience_ms = CONFIRM_PATIENCE_MS;

    (void)state;
    send_of(1, 1, 10);
    for (int looks = 0; looks < 10; looks++) {
        int64_t waited_ms = wait_for_other_ms(1, 0, &what, &questions);

        assert_int_equal(what, CONFIRM_LOOK);
        assert_in_range(waited_ms, patience_ms * 3 / 4, patience_ms * 5 / 4 + CONFIRM_ASK_MAX_MS);
        assert_int_equal(confirm_looked(&confirm, true), 0);
        patience_ms = 2 * patience_ms < CONFIRM_PATIENCE_MAX_MS ? 2 * patience_ms : CONFIRM_PATIENCE_MAX_MS;
    }
    assert_int_equal(confirm_oldest(&confirm)->first_ordinal, 1);
}

static void nobody_looks_without_having_asked_since(void **state)
{
    (void)state;
    send_of(1, 1, 10);
    pass_ms(2 * CONFIRM_PATIENCE_MS);
    assert_int_equal(due(), CONFIRM_ASK);
    archive(1, 0);
    assert_int_equal(due(), CONFIRM_LOOK);
}

static void what_redis_lost_is_sent_again_from_the_oldest_on(void **state)
{
    (void)state;
    send_of(1, 1, 10);
    send_of(1, 11, 20);
    send_of(1, 21, 30);
    archive(1, 10);
    assert_int_equal(next_other(1, 10), CONFIRM_LOOK);
    assert_int_equal(confirm_looked(&confirm, false), 11);
    assert_null(confirm_oldest(&confirm));
    assert_int_equal(archive(1, 10), 0);
}

static void a_watermark_that_moves_begins_a_new_patience(void **state)
{
    enum confirm_due what;
    unsigned questions;

    (void)state;
    send_of(1, 1, 10);
    archive(1, 0);
    pass_ms(CONFIRM_PATIENCE_MS * 3 / 4 - 1);
    send_of(1, 11, 20);
    assert_int_equal(archive(1, 10), 10);
    assert_in_range(wait_for_other_ms(1, 10, &what, &questions), CONFIRM_PATIENCE_MS * 3 / 4,
                    CONFIRM_PATIENCE_MS * 5 / 4 + 1);
}

static void one_that_goes_back_does_so_too(void **state)
{
    enum confirm_due what;
    unsigned questions;

    (void)state;
    send_of(1, 1, 10);
    send_of(1, 11, 20);
    archive(1, 10);
    for (int looks = 0; looks < 5; looks++) {
        next_other(1, 10);
        confirm_looked(&confirm, true);
    }
    assert_int_equal(archive(1, 0), 0);
    assert_in_range(wait_for_other_ms(1, 0, &what, &questions), CONFIRM_PATIENCE_MS * 3 / 4,
                    CONFIRM_PATIENCE_MS * 5 / 4 + 1);
    assert_int_equal(confirm_looked(&confirm, false), 11);
}

static void who_loses_all_again_and_again_is_sent_it_ever_more_rarely(void **state)
{
    enum confirm_due what;
    unsigned questions;
    int64_t waited_ms = 0;

    (void)state;
    for (int losses = 0; losses < 10; losses++) {
        send_of(1, 1, 10);
        waited_ms = wait_for_other_ms(1, 0, &what, &questions);
        assert_int_equal(confirm_looked(&confirm, false), 1);
    }
    assert_in_range(waited_ms, CONFIRM_PATIENCE_MAX_MS * 3 / 4, CONFIRM_PATIENCE_MAX_MS * 2);
}

static void many_do_not_look_in_step(void **state)
{
    int64_t least = INT64_MAX;
    int64_t most = 0;

    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        confirm_init(&confirm, &stopped, seed, CONFIRM_PATIENCE_MS);
        send_of(1, 1, 1);
        least = confirm.look_due_us < least ? confirm.look_due_us : least;
        most = confirm.look_due_us > most ? confirm.look_due_us : most;
    }
    assert_true(most - least > INT64_C(1000) * CONFIRM_PATIENCE_MS / 3);
}

/* ---- again ------------------------------------------------------------------------------------------------------------ */

static void a_watermark_within_a_mark_has_its_rest_sent_again(void **state)
{
    (void)state;
    send_of(1, 1, 100);
    send_of(1, 101, 200);
    assert_int_equal(archive(1, 40), 40);
    assert_int_equal(next_other(1, 40), CONFIRM_AGAIN);
    assert_int_equal(confirm_watermark(&confirm), 40);

    struct confirm_mark again = *confirm_oldest(&confirm);
    assert_int_equal(again.first_ordinal, 41);
    again.placed = true;
    again.id = (struct stream_id){.ms = 777};
    confirm_sent_again(&confirm, &again);

    assert_int_equal(next_other(1, 40), CONFIRM_LOOK);
    assert_int_equal(confirm_oldest(&confirm)->id.ms, 777);
    assert_int_equal(confirm_looked(&confirm, false), 41);
}

static void of_a_long_mark_a_part_is_sent_again_at_a_time(void **state)
{
    struct confirm_mark part = {
        .first_ordinal = 41,
        .last_ordinal = 60,
        .producer_id = producer(1),
        .first_sequence = 41,
        .last_sequence = 60,
        .placed = true,
    };

    (void)state;
    send_of(1, 1, 100);
    archive(1, 40);
    confirm_sent_again(&confirm, &part);
    assert_int_equal(confirm_oldest(&confirm)->last_ordinal, 60);
    assert_int_equal(archive(1, 60), 60);
    assert_int_equal(confirm_oldest(&confirm)->first_ordinal, 61);
    assert_int_equal(next_other(1, 60), CONFIRM_AGAIN);
    assert_int_equal(archive(1, 100), 100);
    assert_null(confirm_oldest(&confirm));
}

static void what_was_confirmed_meanwhile_does_not_come_back(void **state)
{
    struct confirm_mark part = {
        .first_ordinal = 41, .last_ordinal = 60, .producer_id = producer(1), .first_sequence = 41, .last_sequence = 60};

    (void)state;
    send_of(1, 1, 100);
    archive(1, 40);
    archive(1, 80);
    confirm_sent_again(&confirm, &part);
    assert_int_equal(confirm_oldest(&confirm)->first_ordinal, 81);
}

static void what_cannot_be_sent_again_is_not_watched(void **state)
{
    (void)state;
    send_of(1, 1, 10);
    send_of(1, 11, 20);
    send_of(1, 21, 30);
    confirm_forget_before(&confirm, 15);
    assert_int_equal(confirm_oldest(&confirm)->first_ordinal, 15);
    assert_false(confirm_oldest(&confirm)->placed);
    confirm_forget_before(&confirm, 31);
    assert_null(confirm_oldest(&confirm));
}

/* ---- bounds ----------------------------------------------------------------------------------------------------------- */

static void marks_are_bounded_and_stay_fine(void **state)
{
    const uint64_t count = 100 * CONFIRM_MARKS_MAX;

    (void)state;
    for (uint64_t event = 1; event <= count; event++)
        send_of(1, event, event);
    assert_int_equal(confirm.count, CONFIRM_MARKS_MAX);
    for (size_t i = 0; i < confirm.count; i++) {
        const struct confirm_mark *mark = &confirm.marks[i];

        assert_int_equal(mark->first_ordinal, i == 0 ? 1 : mark[-1].last_ordinal + 1);
        assert_int_equal(mark->id.ms, mark->first_ordinal);
        assert_in_range(mark->last_ordinal - mark->first_ordinal + 1, 1, 400);
    }
    assert_int_equal(archive(1, count), count);
}

static void no_two_identities_become_one_mark(void **state)
{
    (void)state;
    for (uint64_t event = 1; event <= 1000; event++)
        send_of(event <= 500 ? 1 : 2, event, event);
    assert_int_equal(archive(1, 1000), 500);
    assert_int_equal(archive(2, 1000), 1000);
    assert_null(confirm_oldest(&confirm));
}

static void a_spool_that_nobody_of_us_wrote_is_never_taken_for_confirmed(void **state)
{
    (void)state;
    for (uint64_t event = 1; event <= 2 * CONFIRM_MARKS_MAX; event++)
        send_of((uint8_t)(event % 2), event, event);
    assert_int_equal(confirm.count, CONFIRM_MARKS_MAX);

    uint64_t confirmed = 0;
    for (int rounds = 0; rounds < 2 * CONFIRM_MARKS_MAX; rounds++) {
        uint64_t more = archive((uint8_t)(rounds % 2), 1000000);

        confirmed = more > confirmed ? more : confirmed;
    }
    assert_non_null(confirm_oldest(&confirm));
    assert_true(confirmed < 2 * CONFIRM_MARKS_MAX);
}

static void numbers_that_go_back_confirm_nothing_too_early(void **state)
{
    struct confirm_mark mark = {
        .first_ordinal = 1,
        .last_ordinal = 10,
        .producer_id = producer(1),
        .first_sequence = 100,
        .last_sequence = 50,
    };

    (void)state;
    confirm_sent(&confirm, &mark);
    assert_int_equal(archive(1, 49), 0);
    mark = (struct confirm_mark){
        .first_ordinal = 11, .last_ordinal = 20, .producer_id = producer(1), .first_sequence = 5, .last_sequence = 7};
    confirm_sent(&confirm, &mark);
    assert_int_equal(archive(1, 49), 0);
    assert_int_equal(archive(1, 50), 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(who_has_sent_nothing_asks_nothing, set_up),
        cmocka_unit_test_setup(what_the_watermark_passed_is_confirmed, set_up),
        cmocka_unit_test_setup(within_a_mark_events_are_counted, set_up),
        cmocka_unit_test_setup(holes_are_assumed_where_it_is_worst, set_up),
        cmocka_unit_test_setup(the_first_question_comes_after_about_a_second, set_up),
        cmocka_unit_test_setup(in_a_hurry_it_comes_at_once, set_up),
        cmocka_unit_test_setup(questions_in_vain_become_rarer, set_up),
        cmocka_unit_test_setup(who_sends_all_the_time_asks_no_more_often, set_up),
        cmocka_unit_test_setup(each_identity_has_a_watermark_of_its_own, set_up),
        cmocka_unit_test_setup(an_answer_that_says_nothing_puts_the_question_off, set_up),
        cmocka_unit_test_setup(late_consumers_are_waited_for, set_up),
        cmocka_unit_test_setup(nobody_looks_without_having_asked_since, set_up),
        cmocka_unit_test_setup(what_redis_lost_is_sent_again_from_the_oldest_on, set_up),
        cmocka_unit_test_setup(a_watermark_that_moves_begins_a_new_patience, set_up),
        cmocka_unit_test_setup(one_that_goes_back_does_so_too, set_up),
        cmocka_unit_test_setup(who_loses_all_again_and_again_is_sent_it_ever_more_rarely, set_up),
        cmocka_unit_test_setup(many_do_not_look_in_step, set_up),
        cmocka_unit_test_setup(a_watermark_within_a_mark_has_its_rest_sent_again, set_up),
        cmocka_unit_test_setup(of_a_long_mark_a_part_is_sent_again_at_a_time, set_up),
        cmocka_unit_test_setup(what_was_confirmed_meanwhile_does_not_come_back, set_up),
        cmocka_unit_test_setup(what_cannot_be_sent_again_is_not_watched, set_up),
        cmocka_unit_test_setup(marks_are_bounded_and_stay_fine, set_up),
        cmocka_unit_test_setup(no_two_identities_become_one_mark, set_up),
        cmocka_unit_test_setup(a_spool_that_nobody_of_us_wrote_is_never_taken_for_confirmed, set_up),
        cmocka_unit_test_setup(numbers_that_go_back_confirm_nothing_too_early, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
