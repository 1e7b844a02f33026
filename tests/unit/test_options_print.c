/* options_print: the table as --help and as a page; both are read by people and compared by tests. */
#include "tests/support/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *printed(void (*print)(const struct options_table *, FILE *))
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    print(&settings_table, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void help_shows_flags_limits_defaults_and_variables(void **state)
{
    char *text = printed(options_print_help);

    (void)state;
    assert_string_equal(text, "  --stream NAME          key of the stream\n"
                              "                         default taskledger:events; T_STREAM\n"
                              "  --shards N             streams that share the load\n"
                              "                         a whole number from 1 to 1024; default 1; T_SHARDS\n"
                              "  --offset N             any number | even a negative one\n"
                              "                         a whole number\n"
                              "  --redis-url URL        where Redis is\n"
                              "                         T_URL\n"
                              "  T_URL_FILE             file that holds it\n"
                              "  --format WORD          how it is written\n"
                              "                         one of: table json jsonl; default table; T_FORMAT\n"
                              "  --claim-idle DURATION  when entries of others are taken over\n"
                              "                         a duration (500ms, 30s, 5m, 2h; a bare number is\n"
                              "                         seconds) from 100ms to 1h; default 60s; T_IDLE\n"
                              "  T_KEEP                 how long\n"
                              "                         a duration (500ms, 30s, 5m, 2h; a bare number is\n"
                              "                         seconds)\n"
                              "  --room BYTES           how much\n"
                              "                         a number of bytes (64MiB, 2G; a bare number is bytes)\n"
                              "                         from 4KiB to 1GiB; default 1MiB; T_ROOM\n"
                              "  T_MORE                 how much more\n"
                              "                         a number of bytes (64MiB, 2G; a bare number is bytes),\n"
                              "                         at least 1KiB\n"
                              "  T_ENABLED              apply at all\n"
                              "                         default yes\n"
                              "  --once                 one turn only\n");
    free(text);
}

static void the_page_has_a_row_for_each_option(void **state)
{
    char *text = printed(options_print_markdown);

    (void)state;
    assert_string_equal(
        text,
        "| flag | variable | value | default | |\n"
        "|---|---|---|---|---|\n"
        "| `--stream NAME` | `T_STREAM` | text | `taskledger:events` | key of the stream |\n"
        "| `--shards N` | `T_SHARDS` | a whole number from 1 to 1024 | `1` | streams that share the load |\n"
        "| `--offset N` | | a whole number | | any number \\| even a negative one |\n"
        "| `--redis-url URL` | `T_URL` | text | | where Redis is |\n"
        "| | `T_URL_FILE` | a file that holds T_URL | | file that holds it |\n"
        "| `--format WORD` | `T_FORMAT` | one of: table json jsonl | `table` | how it is written |\n"
        "| `--claim-idle DURATION` | `T_IDLE` | a duration (500ms, 30s, 5m, 2h; a bare number is seconds) from 100ms "
        "to 1h | `60s` | when entries "
        "of others are taken over |\n"
        "| | `T_KEEP` | a duration (500ms, 30s, 5m, 2h; a bare number is seconds) | | how long |\n"
        "| `--room BYTES` | `T_ROOM` | a number of bytes (64MiB, 2G; a bare number is bytes) from 4KiB to 1GiB | "
        "`1MiB` | "
        "how much |\n"
        "| | `T_MORE` | a number of bytes (64MiB, 2G; a bare number is bytes), at least 1KiB | | how much more |\n"
        "| | `T_ENABLED` | yes or no | `yes` | apply at all |\n"
        "| `--once` | | yes or no | | one turn only |\n");
    free(text);
}

static void secrets_are_never_printed(void **state)
{
    char *help = printed(options_print_help);
    char *page = printed(options_print_markdown);

    (void)state;
    assert_null(strstr(help, "hunter2"));
    assert_null(strstr(page, "hunter2"));
    free(help);
    free(page);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, settings_set_up, settings_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(help_shows_flags_limits_defaults_and_variables),
        TEST(the_page_has_a_row_for_each_option),
        TEST(secrets_are_never_printed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
