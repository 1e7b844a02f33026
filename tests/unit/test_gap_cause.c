#include "replay/verify/gap_cause.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static enum gap_cause of(struct gap_facts facts)
{
    return gap_cause_of(&facts);
}

static void a_declared_hole_has_the_producer_s_reason(void **state)
{
    (void)state;
    struct gap_facts facts = {.kind = CHAIN_DECLARED, .reason = slice_from_text("full"), .was_trimmed = true};

    assert_int_equal(of(facts), GAP_QUEUE_FULL);
    facts.confirms = true;
    assert_int_equal(of(facts), GAP_SPOOL_CAP);
    facts.reason = slice_from_text("memory");
    assert_int_equal(of(facts), GAP_OUT_OF_MEMORY);
    facts.reason = slice_from_text("fuller");
    assert_int_equal(of(facts), GAP_DECLARED);
}

static void numbers_that_the_chain_holds_across_were_never_accepted(void **state)
{
    (void)state;
    struct gap_facts facts = {.kind = CHAIN_HOLE, .link = CHAIN_LINK_HOLDS, .stream_went_back = true};

    assert_int_equal(of(facts), GAP_UNDECLARED);
    facts.was_held = true;
    assert_int_equal(of(facts), GAP_REMOVED);
}

static void of_what_was_accepted_the_first_thing_that_went_wrong_counts(void **state)
{
    (void)state;
    struct gap_facts facts = {.kind = CHAIN_HOLE,
                              .link = CHAIN_LINK_BROKEN,
                              .was_held = true,
                              .ledger_went_back = true,
                              .was_trimmed = true,
                              .stream_went_back = true,
                              .is_silent = true};

    assert_int_equal(of(facts), GAP_REMOVED);
    facts.was_held = false;
    assert_int_equal(of(facts), GAP_LEDGER_WENT_BACK);
    facts.ledger_went_back = false;
    assert_int_equal(of(facts), GAP_TRIMMED);
    facts.was_trimmed = false;
    assert_int_equal(of(facts), GAP_STREAM_WENT_BACK);
    facts.stream_went_back = false;
    assert_int_equal(of(facts), GAP_PRODUCER_SILENT);
    facts.is_closed = true;
    assert_int_equal(of(facts), GAP_LOST);
    facts.kind = CHAIN_TAIL;
    assert_int_equal(of(facts), GAP_END_MISSING);
    facts.kind = CHAIN_OPEN_END;
    assert_int_equal(of(facts), GAP_TAIL_UNKNOWN);
}

static void each_cause_has_a_name_of_its_own_and_a_meaning(void **state)
{
    (void)state;
    for (int cause = 0; cause < GAP_CAUSES; cause++) {
        assert_non_null(gap_cause_meaning((enum gap_cause)cause));
        for (int other = 0; other < cause; other++)
            assert_string_not_equal(gap_cause_name((enum gap_cause)cause), gap_cause_name((enum gap_cause)other));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_declared_hole_has_the_producer_s_reason),
        cmocka_unit_test(numbers_that_the_chain_holds_across_were_never_accepted),
        cmocka_unit_test(of_what_was_accepted_the_first_thing_that_went_wrong_counts),
        cmocka_unit_test(each_cause_has_a_name_of_its_own_and_a_meaning),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
