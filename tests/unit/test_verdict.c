/* verdict: what a kind is worth, and what exit code follows from all of them. */
#include "replay/verify/verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void every_kind_has_a_name_of_its_own_and_a_meaning(void **state)
{
    (void)state;
    for (size_t i = 0; i < VERDICT_KINDS; i++) {
        assert_non_null(verdict_name((enum verdict_kind)i));
        assert_non_null(verdict_meaning((enum verdict_kind)i));
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(verdict_name((enum verdict_kind)i), verdict_name((enum verdict_kind)j));
    }
}

static void notes_are_no_findings(void **state)
{
    struct verdict_counts counts = {.incomplete = false};

    (void)state;
    assert_int_equal(verdict_exit_code(&counts), EXIT_OK);
    counts.of[VERDICT_TAIL_UNKNOWN] = 3;
    counts.of[VERDICT_IN_FLIGHT] = 1;
    counts.of[VERDICT_WAITING] = 1;
    assert_int_equal(verdict_exit_code(&counts), EXIT_OK);
    assert_int_equal(verdict_notes(&counts), 5);
    assert_int_equal(verdict_findings(&counts), 0);
}

static void what_is_certain_outweighs_what_could_not_be_checked(void **state)
{
    struct verdict_counts counts = {.incomplete = true};

    (void)state;
    assert_int_equal(verdict_exit_code(&counts), EXIT_INCOMPLETE);
    counts.of[VERDICT_DROPPED] = 1;
    assert_int_equal(verdict_exit_code(&counts), EXIT_FINDINGS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_has_a_name_of_its_own_and_a_meaning),
        cmocka_unit_test(notes_are_no_findings),
        cmocka_unit_test(what_is_certain_outweighs_what_could_not_be_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
