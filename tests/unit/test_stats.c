/* stats: counters that another program may read, whatever lies in the place of the file. */
#include "producer/spool/stats.h"

#include "tests/support/scratch.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char path[64];
static int folder;

static int set_up(void **state)
{
    (void)state;
    scratch_make(path, sizeof path);
    folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return folder < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    close(folder);
    scratch_remove(path);
    return 0;
}

static struct stats some(void)
{
    struct stats stats = {
        .pid = 4711,
        .worker = "shop:4711",
        .written_at_us = 1795298400000000,
        .oldest_unsent_at_us = 1795298300000000,
        .counters =
            {
                .accepted = UINT64_MAX,
                .sent = 2,
                .queued = 3,
                .adopted_spools = 4,
                .producer_id = "0193aa00-0000-7000-8000-000000000000",
                .last_error = "redis://cache:6379: could not connect: no",
                .spool_error = "",
            },
    };

    return stats;
}

static void put(const char *name, struct slice bytes)
{
    int file = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(file >= 0);
    assert_int_equal(write(file, bytes.data, bytes.size), bytes.size);
    close(file);
}

static void what_is_written_is_read(void **state)
{
    struct stats written = some();
    struct stats read;
    struct error error;

    (void)state;
    assert_true(stats_write(folder, &written, &error));
    assert_true(stats_read(folder, &read));
    assert_memory_equal(&read, &written, sizeof read);

    written.counters.sent = 3;
    assert_true(stats_write(folder, &written, &error));
    assert_true(stats_read(folder, &read));
    assert_int_equal(read.counters.sent, 3);
}

static void the_longest_texts_fit(void **state)
{
    struct stats stats = some();
    char text[STATS_BYTES_MAX];

    (void)state;
    memset(stats.worker, 1, sizeof stats.worker - 1);
    memset(stats.counters.last_error, 2, sizeof stats.counters.last_error - 1);
    memset(stats.counters.spool_error, 3, sizeof stats.counters.spool_error - 1);
    assert_in_range(stats_format(&stats, text), 1000, STATS_BYTES_MAX - 1);
}

static void a_text_cannot_make_a_line_of_its_own(void **state)
{
    struct stats stats = some();
    char text[STATS_BYTES_MAX];

    (void)state;
    snprintf(stats.worker, sizeof stats.worker, "me\nsent 99\x1b[2J");
    assert_true(stats_parse(slice_of(text, stats_format(&stats, text)), &stats));
    assert_int_equal(stats.counters.sent, 2);
    assert_string_equal(stats.worker, "me\\nsent 99\\x1b[2J");
}

static void what_is_unknown_or_no_number_is_passed_over(void **state)
{
    struct stats stats;

    (void)state;
    assert_true(stats_parse(slice_from_text("taskledger stats 1\n\n \nnovelty 3\nsent -1\nqueued 5\naccepted 9x\n"
                                            "retried 99999999999999999999999\nworker\ncut 7"),
                            &stats));
    assert_int_equal(stats.counters.sent, 0);
    assert_int_equal(stats.counters.queued, 5);
    assert_int_equal(stats.counters.accepted, 0);
    assert_int_equal(stats.counters.retried, 0);
    assert_int_equal(stats.counters.cut, 7);
    assert_string_equal(stats.worker, "");
}

static void another_file_is_none(void **state)
{
    struct stats stats;

    (void)state;
    assert_false(stats_read(folder, &stats));
    put(STATS_FILE, slice_from_text("something else\n"));
    assert_false(stats_read(folder, &stats));
    put(STATS_FILE, slice_from_text(""));
    assert_false(stats_read(folder, &stats));
    put(STATS_FILE, slice_from_text("taskledger stats 2\n"));
    assert_false(stats_read(folder, &stats));
}

static void what_is_no_file_holds_up_nobody(void **state)
{
    struct stats stats;

    (void)state;
    assert_int_equal(mkfifoat(folder, STATS_FILE, 0600), 0);
    assert_false(stats_read(folder, &stats));
    assert_int_equal(unlinkat(folder, STATS_FILE, 0), 0);
    assert_int_equal(mkdirat(folder, STATS_FILE, 0700), 0);
    assert_false(stats_read(folder, &stats));
}

static void nobody_is_led_elsewhere(void **state)
{
    struct stats stats = some();
    struct error error;

    (void)state;
    assert_true(stats_write(folder, &stats, &error));
    assert_int_equal(renameat(folder, STATS_FILE, folder, "target"), 0);
    assert_int_equal(symlinkat("target", folder, STATS_FILE), 0);
    assert_false(stats_read(folder, &stats));
    assert_int_equal(symlinkat("target", folder, STATS_NEW_FILE), 0);
    assert_false(stats_write(folder, &stats, &error));
    assert_string_equal(error.reason, "disk");
}

/* Every byte of a good file, changed in turn to some others; and noise behind a good header. */
static void any_bytes_will_do(void **state)
{
    char text[STATS_BYTES_MAX];
    struct stats stats = some();
    size_t size = stats_format(&stats, text);

    (void)state;
    for (size_t i = 0; i < size; i++) {
        char was = text[i];

        for (int to = 0; to < 256; to += 51) {
            text[i] = (char)to;
            stats_parse(slice_of(text, size), &stats);
        }
        text[i] = was;
    }
    srandom(1);
    for (int round = 0; round < 1000; round++) {
        for (size_t i = 19; i < sizeof text; i++)
            text[i] = (char)random();
        assert_true(stats_parse(slice_of(text, sizeof text), &stats));
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_written_is_read),
        TEST(the_longest_texts_fit),
        TEST(a_text_cannot_make_a_line_of_its_own),
        TEST(what_is_unknown_or_no_number_is_passed_over),
        TEST(another_file_is_none),
        TEST(what_is_no_file_holds_up_nobody),
        TEST(nobody_is_led_elsewhere),
        TEST(any_bytes_will_do),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
