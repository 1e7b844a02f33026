/* console: what a terminal, a log file and a program read of a long run. */
#include "replay/console.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

enum { SAID_BYTES_MAX = 8192 };

static int64_t now_us;
static size_t width;
static int said_descriptor, stderr_before;
static char said_text[SAID_BYTES_MAX];

static int64_t fake_now(void *self)
{
    (void)self;
    return now_us;
}

static const struct clock fake_clock = {.monotonic_us = fake_now, .unix_us = fake_now};

static size_t fake_columns(void)
{
    return width;
}

static void begin(const char *progress, bool is_terminal)
{
    now_us = INT64_C(1000000000);
    console_use(&(struct console_options){.progress = progress, .is_terminal = is_terminal, .columns = fake_columns});
}

static void pass(double seconds)
{
    now_us += (int64_t)(seconds * 1000000);
}

/* What was said since the last time. */
static const char *said(void)
{
    fflush(stderr);
    ssize_t size = pread(said_descriptor, said_text, sizeof said_text - 1, 0);
    assert_true(size >= 0);
    said_text[size] = '\0';
    assert_int_equal(ftruncate(said_descriptor, 0), 0);
    lseek(said_descriptor, 0, SEEK_SET);
    return said_text;
}

static int hear(void **state)
{
    (void)state;
    width = 0;
    said_descriptor = memfd_create("said", MFD_CLOEXEC);
    fflush(stderr);
    stderr_before = dup(STDERR_FILENO);
    return dup2(said_descriptor, STDERR_FILENO) < 0;
}

static int stop_hearing(void **state)
{
    (void)state;
    fflush(stderr);
    dup2(stderr_before, STDERR_FILENO);
    close(stderr_before);
    close(said_descriptor);
    return 0;
}

static void short_runs_say_nothing(void **state)
{
    struct console_progress progress;

    (void)state;
    for (int is_terminal = 0; is_terminal < 2; is_terminal++) {
        begin("auto", is_terminal);
        console_progress_start(&progress, &fake_clock);
        pass(0.5);
        console_progress_tell(&progress, "events", 100, 200);
        pass(0.4);
        console_progress_tell(&progress, "events", 200, 200);
        console_progress_end(&progress);
        assert_string_equal(said(), "");
    }
}

static void a_terminal_has_one_line_that_is_written_over(void **state)
{
    struct console_progress progress;

    (void)state;
    begin("auto", true);
    console_progress_start(&progress, &fake_clock);
    pass(2);
    console_progress_tell(&progress, "events", 1000, 4000);
    assert_string_equal(said(), "\r\x1b[Kevents: 1000 of about 4000, 25 %, 500/s, 6.00 s left");
    pass(0.1);
    console_progress_tell(&progress, "events", 1050, 4000);
    assert_string_equal(said(), "");
    pass(0.1);
    progress.errors = 1;
    console_progress_tell(&progress, "events", 4400, 4000);
    assert_string_equal(said(), "\r\x1b[Kevents: 4400 of about 4400, 100 %, 2000/s, 1 error");
    console_progress_end(&progress);
    assert_string_equal(said(), "\r\x1b[K");
}

static void the_line_ends_where_the_terminal_does(void **state)
{
    struct console_progress progress;

    (void)state;
    begin("auto", true);
    width = 10;
    console_progress_start(&progress, &fake_clock);
    pass(2);
    console_progress_tell(&progress, "events", 1000, 0);
    assert_string_equal(said(), "\r\x1b[Kevents: 1");
}

static void a_sentence_takes_the_line_away_first(void **state)
{
    struct console_progress progress;

    (void)state;
    begin("auto", true);
    console_progress_start(&progress, &fake_clock);
    pass(2);
    console_progress_tell(&progress, "events", 10, 0);
    said();
    console_say("the stream was not checked: %s", "\x1b]0;x\a");
    assert_string_equal(said(), "\r\x1b[Ktaskledger-replay: the stream was not checked: \\x1b]0;x\\x07\n");
    console_progress_end(&progress);
    assert_string_equal(said(), "");
}

static void a_log_file_has_plain_lines_each_ten_seconds_and_at_the_end_of_a_phase(void **state)
{
    struct console_progress progress;

    (void)state;
    begin("auto", false);
    console_progress_start(&progress, &fake_clock);
    for (int i = 1; i <= 15; i++) {
        pass(1);
        console_progress_tell(&progress, "events", (uint64_t)i * 100, 3000);
    }
    assert_string_equal(said(), "events: 1000 of about 3000, 33 %, 100/s, 20.0 s left\n");
    pass(1);
    console_progress_tell(&progress, "projection", 50, 0);
    assert_string_equal(said(), "events: 1500 in 16.0 s, 100/s\n");
    console_progress_end(&progress);
    assert_string_equal(said(), "projection: 50 in 1.00 s, 50/s\n");
}

static void a_program_reads_an_object_a_line(void **state)
{
    struct console_progress progress;

    (void)state;
    begin("json", true);
    console_progress_start(&progress, &fake_clock);
    pass(1);
    console_progress_tell(&progress, "events", 250, 1000);
    assert_string_equal(said(), "{\"message_type\":\"progress\",\"phase\":\"events\",\"done\":250,\"total\":1000,"
                                "\"rate\":250,\"seconds_left\":3,\"errors\":0,\"ended\":false}\n");
    console_say("\"%s\" is not there", "x");
    assert_string_equal(said(), "{\"message_type\":\"message\",\"text\":\"\\\"x\\\" is not there\"}\n");
    console_progress_end(&progress);
    assert_string_equal(said(), "{\"message_type\":\"progress\",\"phase\":\"events\",\"done\":250,\"total\":1000,"
                                "\"rate\":250,\"seconds_left\":0,\"errors\":0,\"ended\":true}\n");
}

static void who_interrupts_is_told_in_the_same_manner(void **state)
{
    (void)state;
    console_on_interrupt("run \"%s\"", "x");
    begin("json", true);
    console_interrupted();
    assert_string_equal(said(), "{\"message_type\":\"message\",\"text\":\"run \\\"x\\\"\"}\n");
    begin("auto", false);
    console_interrupted();
    assert_string_equal(said(), "taskledger-replay: run \"x\"\n");
    begin("auto", true);
    console_interrupted();
    assert_string_equal(said(), "\ntaskledger-replay: run \"x\"\n");
    console_on_interrupt(NULL);
    console_interrupted();
    assert_string_equal(said(), "");
}

static void who_wants_no_progress_still_hears_errors(void **state)
{
    struct console_progress progress;

    (void)state;
    begin("off", true);
    console_progress_start(&progress, &fake_clock);
    pass(100);
    console_progress_tell(&progress, "events", 1, 2);
    console_progress_end(&progress);
    assert_string_equal(said(), "");
    console_say("no");
    assert_string_equal(said(), "taskledger-replay: no\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(short_runs_say_nothing, hear, stop_hearing),
        cmocka_unit_test_setup_teardown(a_terminal_has_one_line_that_is_written_over, hear, stop_hearing),
        cmocka_unit_test_setup_teardown(the_line_ends_where_the_terminal_does, hear, stop_hearing),
        cmocka_unit_test_setup_teardown(a_sentence_takes_the_line_away_first, hear, stop_hearing),
        cmocka_unit_test_setup_teardown(a_log_file_has_plain_lines_each_ten_seconds_and_at_the_end_of_a_phase, hear,
                                        stop_hearing),
        cmocka_unit_test_setup_teardown(a_program_reads_an_object_a_line, hear, stop_hearing),
        cmocka_unit_test_setup_teardown(who_interrupts_is_told_in_the_same_manner, hear, stop_hearing),
        cmocka_unit_test_setup_teardown(who_wants_no_progress_still_hears_errors, hear, stop_hearing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
