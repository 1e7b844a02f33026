/* One line per event, for people or for machines. */
#include "consumer/daemon/outage.h"
#include "consumer/log.h"
#include "proto/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int64_t now_us;

static int64_t tell_time(void *self)
{
    (void)self;
    return now_us;
}

static const struct clock fixed_clock = {.monotonic_us = tell_time, .unix_us = tell_time};

static struct log log_in(enum log_format format, int descriptor)
{
    now_us = 1795300424123456;
    return (struct log){.descriptor = descriptor, .level = LOG_LEVEL_INFO, .format = format, .clock = &fixed_clock};
}

static const char *compose(enum log_format format, const char *event, struct log_fields fields)
{
    static char line[LOG_LINE_MAX + 1];
    struct log log = log_in(format, -1);
    size_t length = log_compose(&log, LOG_LEVEL_WARNING, event, fields, line);

    assert_in_range(length, 1, LOG_LINE_MAX);
    assert_int_equal(line[length - 1], '\n');
    line[length] = '\0';
    return line;
}

static void assert_is_one_json_object(const char *line)
{
    size_t offset;
    struct slice text = slice_from_text(line);

    assert_null(json_check_object(text, 4, &offset));
    assert_ptr_equal(strchr(line, '\n'), line + text.size - 1);
}

static void text_is_for_people(void **state)
{
    (void)state;
    assert_string_equal(compose(LOG_FORMAT_TEXT, "redis_back",
                                LOG_FIELDS(log_text("redis", "unix:///run/redis.sock"), log_integer("away_ms", -17))),
                        "2026-11-21T22:33:44.123456Z warning redis_back redis=unix:///run/redis.sock away_ms=-17\n");
}

static void json_is_for_machines(void **state)
{
    char expected[256];

    (void)state;
    snprintf(expected, sizeof expected,
             "{\"time\":\"2026-11-21T22:33:44.123456Z\",\"level\":\"warning\",\"event\":\"redis_back\",\"pid\":%d,"
             "\"redis\":\"a \\\"b\\\"\",\"away_ms\":17}\n",
             (int)getpid());
    const char *line =
        compose(LOG_FORMAT_JSON, "redis_back", LOG_FIELDS(log_text("redis", "a \"b\""), log_integer("away_ms", 17)));
    assert_string_equal(line, expected);
}

static void what_a_server_says_cannot_forge_a_line(void **state)
{
    const char *said = "bad\n2026-11-21T22:33:44.123456Z info all_is_well \x1b[2J\"\\";

    (void)state;
    assert_string_equal(compose(LOG_FORMAT_TEXT, "redis_away", LOG_FIELDS(log_text("detail", said))),
                        "2026-11-21T22:33:44.123456Z warning redis_away detail=\"bad\\x0a2026-11-21T22:33:44.123456Z "
                        "info all_is_well \\x1b[2J\\\"\\\\\"\n");
    assert_is_one_json_object(compose(LOG_FORMAT_JSON, "redis_away", LOG_FIELDS(log_text("detail", said))));
}

static void a_long_line_is_cut_and_still_a_line(void **state)
{
    static char text[3 * LOG_LINE_MAX];
    struct log_field fields[10];

    (void)state;
    memset(text, '\x01', sizeof text - 1);
    for (size_t i = 0; i < 10; i++)
        fields[i] = log_text("detail", text);
    compose(LOG_FORMAT_TEXT, "e", (struct log_fields){fields, 10});
    assert_is_one_json_object(compose(LOG_FORMAT_JSON, "e", (struct log_fields){fields, 10}));
    memset(text, 'x', sizeof text - 1);
    compose(LOG_FORMAT_TEXT, "e", (struct log_fields){fields, 10});
    assert_is_one_json_object(compose(LOG_FORMAT_JSON, "e", (struct log_fields){fields, 10}));
}

static void an_empty_value_is_quoted_and_null_is_empty(void **state)
{
    (void)state;
    assert_non_null(
        strstr(compose(LOG_FORMAT_TEXT, "e", LOG_FIELDS(log_text("a", ""), log_text("b", NULL))), " a=\"\" b=\"\"\n"));
}

static void words_choose_level_and_format(void **state)
{
    (void)state;
    assert_int_equal(log_level_parse("debug"), LOG_LEVEL_DEBUG);
    assert_int_equal(log_level_parse("error"), LOG_LEVEL_ERROR);
    assert_int_equal(log_level_parse(NULL), LOG_LEVEL_INFO);
    assert_int_equal(log_format_parse("text", -1), LOG_FORMAT_TEXT);
    assert_int_equal(log_format_parse("json", -1), LOG_FORMAT_JSON);
    assert_int_equal(log_format_parse(NULL, -1), LOG_FORMAT_JSON); /* no terminal */
}

/* ---- outages ----------------------------------------------------------------------------------------------------- */

struct written {
    int ends[2];
    struct log log;
    struct outage outage;
    char text[4096];
};

static int open_pipe(void **state)
{
    static struct written written;

    written = (struct written){.ends = {-1, -1}};
    assert_int_equal(pipe(written.ends), 0);
    written.log = log_in(LOG_FORMAT_TEXT, written.ends[1]);
    written.outage = (struct outage){.log = &written.log, .clock = &fixed_clock};
    *state = &written;
    return 0;
}

static int close_pipe(void **state)
{
    struct written *written = *state;

    close(written->ends[0]);
    return 0;
}

/* Everything that was logged; the last move of a test. */
static const char *read_log(struct written *written)
{
    close(written->ends[1]);
    ssize_t length = read(written->ends[0], written->text, sizeof written->text - 1);
    assert_true(length >= 0);
    written->text[length] = '\0';
    return written->text;
}

static size_t count(const char *text, const char *word)
{
    size_t found = 0;

    for (; (text = strstr(text, word)) != NULL; text++)
        found++;
    return found;
}

static void fail_with(struct written *written, const char *reason)
{
    struct error error;

    error_set(&error, ERROR_TRANSIENT, reason, "could not");
    outage_failed(&written->outage, false, &error);
}

static void an_outage_is_told_once_and_its_end_with_how_long_it_took(void **state)
{
    struct written *written = *state;

    for (int i = 0; i < 50; i++) {
        fail_with(written, "connection");
        now_us += 100000;
    }
    outage_over(&written->outage);
    outage_over(&written->outage);
    const char *text = read_log(written);
    assert_int_equal(count(text, "redis_away reason=connection"), 1);
    assert_int_equal(count(text, "redis_back reason=connection away_ms=5000 tries=50\n"), 1);
    assert_int_equal(count(text, "\n"), 2);
}

static void another_reason_is_told_once_too(void **state)
{
    struct written *written = *state;

    for (int i = 0; i < 50; i++)
        fail_with(written, i % 2 == 0 ? "connection" : "timeout");
    const char *text = read_log(written);
    assert_int_equal(count(text, "redis_away"), 2);
}

static void a_server_is_up_only_when_it_has_answered(void **state)
{
    struct written *written = *state;

    assert_false(outage_is_up(&written->outage));
    outage_over(&written->outage);
    assert_true(outage_is_up(&written->outage));
    fail_with(written, "connection");
    assert_false(outage_is_up(&written->outage));
    assert_string_equal(written->outage.name, "redis_away");
    assert_string_equal(written->outage.latest.text, "could not");
    outage_over(&written->outage);
    assert_true(outage_is_up(&written->outage));
    assert_int_equal(count(read_log(written), "\n"), 2);
}

static void a_prepared_line_has_the_time_at_which_it_is_written(void **state)
{
    struct written *written = *state;
    struct log_prepared text;
    struct log_prepared json;

    log_prepare(&written->log, LOG_LEVEL_WARNING, "interrupted", &text);
    written->log.format = LOG_FORMAT_JSON;
    log_prepare(&written->log, LOG_LEVEL_WARNING, "interrupted", &json);
    now_us += 1000000;
    log_write_prepared(&text);
    log_write_prepared(&json);
    const char *lines = read_log(written);
    assert_int_equal(count(lines, "22:33:44"), 0);
    assert_int_equal(count(lines, "2026-11-21T22:33:45.123456Z warning interrupted\n"), 1);
    assert_int_equal(count(lines, "{\"time\":\"2026-11-21T22:33:45.123456Z\",\"level\":\"warning\""), 1);
}

static void what_is_below_the_level_is_not_written(void **state)
{
    struct written *written = *state;

    struct log_prepared prepared;

    log_write(&written->log, LOG_LEVEL_DEBUG, "detail", LOG_NO_FIELDS);
    log_prepare(&written->log, LOG_LEVEL_DEBUG, "detail", &prepared);
    log_write_prepared(&prepared);
    assert_string_equal(read_log(written), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_for_people),
        cmocka_unit_test(json_is_for_machines),
        cmocka_unit_test(what_a_server_says_cannot_forge_a_line),
        cmocka_unit_test(a_long_line_is_cut_and_still_a_line),
        cmocka_unit_test(an_empty_value_is_quoted_and_null_is_empty),
        cmocka_unit_test(words_choose_level_and_format),
        cmocka_unit_test_setup_teardown(an_outage_is_told_once_and_its_end_with_how_long_it_took, open_pipe,
                                        close_pipe),
        cmocka_unit_test_setup_teardown(another_reason_is_told_once_too, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(a_server_is_up_only_when_it_has_answered, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(a_prepared_line_has_the_time_at_which_it_is_written, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(what_is_below_the_level_is_not_written, open_pipe, close_pipe),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
