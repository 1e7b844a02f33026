/* options: a flag wins over a variable, a variable over the default; words are left over. */
#include "tests/support/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What is left over, as one text. */
static void assert_left(const struct settings_fixture *fixture, const char *expected)
{
    char left[512] = "";

    for (int i = 1; i < fixture->argc; i++) {
        strcat(left, i > 1 ? " " : "");
        strcat(left, fixture->argv[i]);
    }
    assert_string_equal(left, expected);
    assert_string_equal(fixture->argv[0], "program");
    assert_null(fixture->argv[fixture->argc]);
}

static void defaults_hold_where_nothing_is_said(void **state)
{
    struct settings_fixture *fixture = *state;

    fixture->settings.offset = 7;
    assert_true(settings_from_environment(fixture));
    assert_string_equal(fixture->settings.stream, "taskledger:events");
    assert_int_equal(fixture->settings.shards, 1);
    assert_int_equal(fixture->settings.offset, 7);
    assert_string_equal(fixture->settings.format, "table");
    assert_int_equal(fixture->settings.idle_ms, 60000);
    assert_true(fixture->settings.enabled);
    assert_false(fixture->settings.once);
}

static void a_variable_wins_over_the_default(void **state)
{
    struct settings_fixture *fixture = *state;

    setenv("T_STREAM", "mine", 1);
    setenv("T_SHARDS", "8", 1);
    setenv("T_FORMAT", "jsonl", 1);
    setenv("T_IDLE", "500ms", 1);
    setenv("T_ENABLED", "off", 1);
    assert_true(settings_from_environment(fixture));
    assert_string_equal(fixture->settings.stream, "mine");
    assert_int_equal(fixture->settings.shards, 8);
    assert_string_equal(fixture->settings.format, "jsonl");
    assert_int_equal(fixture->settings.idle_ms, 500);
    assert_false(fixture->settings.enabled);
}

static void an_empty_variable_is_not_set(void **state)
{
    struct settings_fixture *fixture = *state;

    setenv("T_SHARDS", "", 1);
    setenv("T_STREAM", "", 1);
    setenv("T_URL_FILE", "", 1);
    assert_true(settings_from_environment(fixture));
    assert_int_equal(fixture->settings.shards, 1);
    assert_string_equal(fixture->settings.stream, "taskledger:events");
}

static void a_flag_wins_over_the_variable(void **state)
{
    struct settings_fixture *fixture = *state;

    setenv("T_STREAM", "theirs", 1);
    assert_true(settings_from_environment(fixture));
    assert_true(settings_from_arguments(fixture, false, "--stream mine --shards=4"));
    assert_string_equal(fixture->settings.stream, "mine");
    assert_int_equal(fixture->settings.shards, 4);
    assert_left(fixture, "");
}

static void the_last_of_two_equal_flags_wins(void **state)
{
    struct settings_fixture *fixture = *state;

    assert_true(settings_from_arguments(fixture, false, "--shards 4 --shards=5"));
    assert_int_equal(fixture->settings.shards, 5);
}

static void words_are_left_over_in_their_order(void **state)
{
    struct settings_fixture *fixture = *state;

    assert_true(settings_from_arguments(fixture, false,
                                        "history --shards 4 - --once order-1 --offset -5 --stream=a=b order-2"));
    assert_left(fixture, "history - order-1 order-2");
    assert_int_equal(fixture->settings.offset, -5);
    assert_string_equal(fixture->settings.stream, "a=b");
    assert_true(fixture->settings.once);
}

static void a_hyphen_before_a_number_makes_no_flag(void **state)
{
    struct settings_fixture *fixture = *state;

    assert_true(settings_from_arguments(fixture, false, "-2h --shards 3 -1"));
    assert_int_equal(fixture->settings.shards, 3);
    assert_left(fixture, "-2h -1");
}

static void two_hyphens_end_the_flags(void **state)
{
    struct settings_fixture *fixture = *state;

    assert_true(settings_from_arguments(fixture, false, "a --once -- --shards -- b"));
    assert_left(fixture, "a --shards -- b");
    assert_true(settings_from_arguments(fixture, false, "--"));
    assert_left(fixture, "");
}

static void parsing_can_stop_at_the_first_word(void **state)
{
    struct settings_fixture *fixture = *state;

    assert_true(settings_from_arguments(fixture, true, "--shards 4 run --once -- gzip --best"));
    assert_left(fixture, "run --once -- gzip --best");
    assert_int_equal(fixture->settings.shards, 4);
    assert_false(fixture->settings.once);
    assert_true(settings_from_arguments(fixture, true, "--once -- --shards x"));
    assert_left(fixture, "--shards x");
}

static void no_arguments_at_all_are_fine(void **state)
{
    struct settings_fixture *fixture = *state;

    assert_true(options_from_arguments(&settings_table, &fixture->settings, false, &fixture->argc, fixture->argv,
                                       &fixture->error));
    assert_int_equal(fixture->argc, 0);
    assert_true(settings_from_arguments(fixture, false, ""));
    assert_left(fixture, "");
}

static void a_boolean_flag_may_be_turned_off(void **state)
{
    struct settings_fixture *fixture = *state;

    assert_true(settings_from_arguments(fixture, false, "--once no"));
    assert_true(fixture->settings.once);
    assert_left(fixture, "no");
    assert_true(settings_from_arguments(fixture, false, "--once=no"));
    assert_false(fixture->settings.once);
}

static void an_unknown_flag_names_the_nearest(void **state)
{
    settings_assert_usage(*state, "--shads 3", "there is no flag --shads; the nearest is --shards");
    settings_assert_usage(*state, "--shard=3", "there is no flag --shard; the nearest is --shards");
    settings_assert_usage(*state, "--redis_url x", "there is no flag --redis_url; the nearest is --redis-url");
    settings_assert_usage(*state, "--fromat json", "there is no flag --fromat; the nearest is --format");
    settings_assert_usage(*state, "-format json", "there is no flag -format; the nearest is --format");
    settings_assert_usage(*state, "-o", "there is no flag -o; the nearest is --offset");
    settings_assert_usage(*state, "--claim", "there is no flag --claim; the nearest is --claim-idle");
    settings_assert_usage(*state, "--zzzzzzzzzzzz", "there is no flag --zzzzzzzzzzzz");
    settings_assert_usage(*state, "--=x", "there is no flag --");
    settings_assert_usage(*state, "---", "there is no flag ---");
}

static void help_has_a_short_flag(void **state)
{
    struct settings_fixture *fixture = *state;
    const struct option_spec help = {
        .flag = "--help", .type = OPTION_BOOLEAN, .offset = offsetof(struct settings, once)};
    const struct options_table table = {.program = "program", .specs = &help, .count = 1};
    char program[] = "program", flag[] = "-h";
    char *argv[] = {program, flag, NULL};
    int argc = 2;

    assert_true(options_from_arguments(&table, &fixture->settings, false, &argc, argv, &fixture->error));
    assert_true(fixture->settings.once);
    settings_assert_usage(fixture, "-h", "there is no flag -h");
}

static void an_endless_flag_is_cut(void **state)
{
    struct settings_fixture *fixture = *state;
    char endless[300];

    memset(endless, '-', sizeof endless - 1);
    endless[sizeof endless - 1] = '\0';
    assert_false(settings_from_arguments(fixture, false, endless));
    assert_int_equal(strlen(fixture->error.text), strlen("there is no flag ") + 64);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, settings_set_up, settings_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(defaults_hold_where_nothing_is_said),
        TEST(a_variable_wins_over_the_default),
        TEST(an_empty_variable_is_not_set),
        TEST(a_flag_wins_over_the_variable),
        TEST(the_last_of_two_equal_flags_wins),
        TEST(words_are_left_over_in_their_order),
        TEST(a_hyphen_before_a_number_makes_no_flag),
        TEST(two_hyphens_end_the_flags),
        TEST(parsing_can_stop_at_the_first_word),
        TEST(no_arguments_at_all_are_fine),
        TEST(a_boolean_flag_may_be_turned_off),
        TEST(an_unknown_flag_names_the_nearest),
        TEST(an_endless_flag_is_cut),
        TEST(help_has_a_short_flag),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
