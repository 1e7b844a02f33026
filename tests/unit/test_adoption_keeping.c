/* adoption: what must be kept until the ledger has it is, and what nobody of us wrote does no harm. */
#include "tests/support/adopting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* ---- keeping ----------------------------------------------------------------------------------------------------- */

static void what_keeps_stays_until_the_ledger_has_it(void **state)
{
    (void)state;
    adopting_leave(1, true, 1000);
    assert_true(adopting_look());
    assert_int_equal(adopting_send_on(), 1000);
    assert_false(adoption_finish(adopting.adoption));
    assert_int_equal(adopting_left(), 1000);
    adopting_archive(1, 700);
    assert_int_equal(adopting_left(), 300);
    assert_false(adoption_finish(adopting.adoption));
    assert_int_equal(adopting_folders(), 1);
    adopting_archive(1, 1000);
    assert_int_equal(adopting_left(), 0);
    assert_true(adoption_finish(adopting.adoption));
    assert_int_equal(adopting_folders(), 0);
}

static void what_redis_lost_is_sent_again(void **state)
{
    struct confirm *confirm;

    (void)state;
    adopting_leave(1, true, 1000);
    assert_true(adopting_look());
    adopting_send_on();
    confirm = adoption_confirm(adopting.adoption);
    adopting_archive(1, 100);
    uint64_t from = confirm_looked(confirm, false);
    assert_int_equal(from, 101);
    adoption_rewind(adopting.adoption, from);
    assert_false(adoption_is_sent(adopting.adoption));
    assert_false(adoption_finish(adopting.adoption));
    assert_int_equal(adopting_send_on(), 900);
    assert_int_equal(adoption_counters(adopting.adoption)->events, 1000);
    adopting_archive(1, 1000);
    assert_true(adoption_finish(adopting.adoption));
}

static void who_hands_it_back_leaves_everything_to_the_next(void **state)
{
    (void)state;
    adopting_leave(1, true, 1000);
    assert_true(adopting_look());
    adopting_send_on();
    adoption_let_go(adopting.adoption);
    assert_int_equal(adopting_count_abandoned(), 1000);
    assert_false(adopting_look());
    assert_true(adopting_look());
    assert_int_equal(adopting_send_on(), 1000);
}

static void the_end_of_a_spool_stays_until_all_is_said(void **state)
{
    (void)state;
    adopting_leave(1, false, 10);
    assert_true(adopting_look());
    adopting_send_on();
    adoption_let_go(adopting.adoption);
    assert_true(adopting_count_abandoned() > 0);
}

/* ---- what nobody of us wrote ------------------------------------------------------------------------------------- */

static void what_is_no_event_is_sent_on_and_told_of_nobody(void **state)
{
    struct spool *spool = adopting_live(1, true);
    size_t count;

    (void)state;
    adopting_append(spool, 1, slice_from_text("no event"));
    spool_close(spool);
    assert_true(adopting_look());
    assert_int_equal(adopting_send_on(), 1);
    adoption_identities(adopting.adoption, &count);
    assert_int_equal(count, 0);
    assert_true(adoption_finish(adopting.adoption));
}

static void identities_are_bounded(void **state)
{
    struct spool *spool = adopting_live(1, false);
    size_t count;

    (void)state;
    for (uint8_t number = 0; number < 2 * ADOPTION_IDENTITIES_MAX; number++)
        adopting_append(spool, number + 1U, adopting_make_event(number, 5, false));
    spool_close(spool);
    assert_true(adopting_look());
    assert_int_equal(adopting_send_on(), 2 * ADOPTION_IDENTITIES_MAX);
    adoption_identities(adopting.adoption, &count);
    assert_int_equal(count, ADOPTION_IDENTITIES_MAX);
}

static void who_cannot_hash_says_nothing(void **state)
{
    size_t count;

    (void)state;
    adopting.hashes = false;
    adopting_leave(1, false, 10);
    assert_true(adopting_look());
    adopting_send_on();
    assert_int_equal(adoption_identities(adopting.adoption, &count)->last_sequence, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, adopting_set_up, adopting_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_keeps_stays_until_the_ledger_has_it),
        TEST(what_redis_lost_is_sent_again),
        TEST(who_hands_it_back_leaves_everything_to_the_next),
        TEST(the_end_of_a_spool_stays_until_all_is_said),
        TEST(what_is_no_event_is_sent_on_and_told_of_nobody),
        TEST(identities_are_bounded),
        TEST(who_cannot_hash_says_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
