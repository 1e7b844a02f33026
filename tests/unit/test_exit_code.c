#include "proto/exit_code.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static enum exit_code code_of(enum error_kind kind, const char *reason)
{
    struct error error = {.kind = kind, .reason = reason};

    return exit_code_of(&error);
}

static void exit_codes_tell_what_to_mend(void **state)
{
    (void)state;
    assert_int_equal(code_of(ERROR_FATAL, "config"), 2);
    assert_int_equal(code_of(ERROR_FATAL, "shards"), 2);
    assert_int_equal(code_of(ERROR_FATAL, "wrongpass"), 3);
    assert_int_equal(code_of(ERROR_FATAL, "rights"), 3);
    assert_int_equal(code_of(ERROR_TRANSIENT, "connection"), 3);
    assert_int_equal(code_of(ERROR_FATAL, "output"), 4);
}

static void what_nobody_foresaw_is_a_bug(void **state)
{
    (void)state;
    assert_int_equal(code_of(ERROR_FATAL, "reply"), 70);
    assert_int_equal(code_of(ERROR_FATAL, "memory"), 70);
    assert_int_equal(code_of(ERROR_REJECTED, "invalid"), 70);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exit_codes_tell_what_to_mend),
        cmocka_unit_test(what_nobody_foresaw_is_a_bug),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
