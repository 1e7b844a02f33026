#include "proto/nearest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *nearest_of(const char *given)
{
    static const char *const words[] = {"history", "state", "verify", "--help", "task_name", "--ca-file"};
    struct nearest nearest;

    nearest_init(&nearest, slice_from_text(given));
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        nearest_offer(&nearest, words[i]);
    return nearest.word == NULL ? "" : nearest.word;
}

static void a_slip_of_the_finger_is_understood(void **state)
{
    (void)state;
    assert_string_equal(nearest_of("histroy"), "history");
    assert_string_equal(nearest_of("stae"), "state");
    assert_string_equal(nearest_of("hlep"), "--help");
    assert_string_equal(nearest_of("status"), "state");
    assert_string_equal(nearest_of("verfiy"), "verify");
}

static void a_beginning_is_enough(void **state)
{
    (void)state;
    assert_string_equal(nearest_of("h"), "history");
    assert_string_equal(nearest_of("ver"), "verify");
}

static void the_last_part_is_enough(void **state)
{
    (void)state;
    assert_string_equal(nearest_of("name"), "task_name");
    assert_string_equal(nearest_of("--file"), "--ca-file");
    assert_string_equal(nearest_of("ame"), "");
}

static void hyphens_do_not_count(void **state)
{
    (void)state;
    assert_string_equal(nearest_of("help"), "--help");
    assert_string_equal(nearest_of("---verify"), "verify");
}

static void what_is_not_alike_has_no_nearest(void **state)
{
    char endless[1000];

    (void)state;
    memset(endless, 'h', sizeof endless);
    endless[sizeof endless - 1] = '\0';
    assert_string_equal(nearest_of("xyz"), "");
    assert_string_equal(nearest_of("stub"), "");
    assert_string_equal(nearest_of("--heal"), "");
    assert_string_equal(nearest_of(""), "");
    assert_string_equal(nearest_of("--"), "");
    assert_string_equal(nearest_of(endless), "");
}

static void words_of_any_length_can_be_offered(void **state)
{
    char endless[1000];
    struct nearest nearest;

    (void)state;
    memset(endless, 'h', sizeof endless);
    endless[sizeof endless - 1] = '\0';
    nearest_init(&nearest, slice_from_text("h"));
    nearest_offer(&nearest, endless);
    assert_null(nearest.word);
}

static void the_refusal_names_both_and_what_to_read(void **state)
{
    struct nearest nearest;
    struct error error;

    (void)state;
    nearest_init(&nearest, slice_from_text("helth"));
    assert_false(nearest_refuse(&nearest, "command", "; see --help", &error));
    assert_string_equal(error.text, "there is no command helth; see --help");
    nearest_offer(&nearest, "health");
    assert_false(nearest_refuse(&nearest, "command", "; see --help", &error));
    assert_string_equal(error.text, "there is no command helth; the nearest is health; see --help");
    assert_int_equal(error.kind, ERROR_FATAL);
    assert_string_equal(error.reason, "usage");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slip_of_the_finger_is_understood),
        cmocka_unit_test(a_beginning_is_enough),
        cmocka_unit_test(the_last_part_is_enough),
        cmocka_unit_test(hyphens_do_not_count),
        cmocka_unit_test(what_is_not_alike_has_no_nearest),
        cmocka_unit_test(words_of_any_length_can_be_offered),
        cmocka_unit_test(the_refusal_names_both_and_what_to_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
