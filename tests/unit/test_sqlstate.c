#include "consumer/postgres/sqlstate.h"

#include "tests/support/kind.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void expect(enum error_kind kind, const char *const *codes)
{
    for (; *codes != NULL; codes++) {
        struct sqlstate_meaning meaning = sqlstate_meaning(*codes);
        if (meaning.kind != kind)
            fail_msg("%s is %s, not %s", *codes, kind_name(meaning.kind), kind_name(kind));
        assert_non_null(meaning.reason);
    }
}

static void what_passes_by_itself_is_transient(void **state)
{
    const char *codes[] = {"08006", "08P01", "25006", "25P02", "25P03", "40001", "40P01", "53100",
                           "53200", "53300", "55006", "55P03", "57014", "57P01", "57P02", "57P03",
                           "57P05", "58030", "72000", "XX000", "26000", NULL};

    (void)state;
    expect(ERROR_TRANSIENT, codes);
}

static void what_the_data_is_to_blame_for_is_rejected(void **state)
{
    const char *codes[] = {"22021", "22P02", "22P05", "22003", "23502", "23505",
                           "23P01", "54000", "54001", "P0001", NULL};

    (void)state;
    expect(ERROR_REJECTED, codes);
}

static void what_an_operator_must_mend_is_fatal(void **state)
{
    const char *codes[] = {"28P01", "28000", "3D000", "3F000", "42P01", "42501",
                           "42703", "57P04", "XX001", "XX002", NULL};

    (void)state;
    expect(ERROR_FATAL, codes);
}

static void a_missing_partition_is_never_the_fault_of_an_event(void **state)
{
    const char *codes[] = {"23514", NULL};

    (void)state;
    expect(ERROR_TRANSIENT, codes);
}

static void a_code_nobody_has_thought_about_is_fatal(void **state)
{
    const char *codes[] = {"0A000", "21000", "99999", "ZZZZZ", NULL};

    (void)state;
    expect(ERROR_FATAL, codes);
}

static void a_duplicate_key_is_recognised_by_its_reason(void **state)
{
    (void)state;
    assert_ptr_equal(sqlstate_meaning("23505").reason, sqlstate_duplicate_key);
    assert_ptr_not_equal(sqlstate_meaning("23503").reason, sqlstate_duplicate_key);
}

static void a_lost_statement_is_recognised_by_its_reason(void **state)
{
    (void)state;
    assert_ptr_equal(sqlstate_meaning("26000").reason, sqlstate_statement_lost);
    assert_ptr_equal(sqlstate_meaning("42P05").reason, sqlstate_statement_lost);
}

static void a_server_that_takes_no_writes_is_recognised_by_its_reason(void **state)
{
    (void)state;
    assert_ptr_equal(sqlstate_meaning("25006").reason, sqlstate_read_only);
    assert_ptr_not_equal(sqlstate_meaning("25P02").reason, sqlstate_read_only);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_passes_by_itself_is_transient),
        cmocka_unit_test(what_the_data_is_to_blame_for_is_rejected),
        cmocka_unit_test(what_an_operator_must_mend_is_fatal),
        cmocka_unit_test(a_missing_partition_is_never_the_fault_of_an_event),
        cmocka_unit_test(a_code_nobody_has_thought_about_is_fatal),
        cmocka_unit_test(a_duplicate_key_is_recognised_by_its_reason),
        cmocka_unit_test(a_lost_statement_is_recognised_by_its_reason),
        cmocka_unit_test(a_server_that_takes_no_writes_is_recognised_by_its_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
