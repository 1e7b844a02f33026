/* What somebody or something destroys in the spool: it is gone, and everybody is told. */
#include "producer/spool/spool.h"
#include "producer/taskledger/producer.h"
#include "tests/support/fake_line.h"
#include "tests/support/producing.h"
#include "tests/support/spooling.h"

#include <fcntl.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { EVENTS = 4 * SPOOLING_RING, REPORTS = 64 };

/* ---- destruction ---- */

/* The segment of this place, counted from the oldest. */
static void find_segment(size_t place, char *path, size_t size)
{
    char pattern[400];
    glob_t found;

    snprintf(pattern, sizeof pattern, "%s/*/*.segment", spooling_folder);
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    assert_true(found.gl_pathc > place);
    snprintf(path, size, "%s", found.gl_pathv[place]);
    globfree(&found);
}

static void remove_segment(size_t place)
{
    char path[400];

    find_segment(place, path, sizeof path);
    assert_int_equal(unlink(path), 0);
}

static void damage_segment(size_t place)
{
    char path[400];

    find_segment(place, path, sizeof path);
    int file = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(file, "xxxx", 4, 30000), 4);
    close(file);
}

/* So much that memory has given up the oldest, in segments of 64 KiB. */
static void fill(enum taskledger_spool spool)
{
    struct taskledger_options options = spooling_options(spool);

    options.spool_bytes = SPOOL_BYTES_MIN;
    options.reports = REPORTS;
    producing_reopen(&options);
    fake_line_set_trouble(FAKE_LINE_AWAY);
    for (size_t i = 0; i < EVENTS; i++) {
        if (i % (SPOOLING_RING / 4) == 0 && i > 0)
            spooling_wait_for(spooling_is_safe);
        assert_int_equal(producing_emit(), TASKLEDGER_ACCEPTED);
    }
    spooling_wait_for(spooling_is_safe);
}

/* Of what was reported, so many numbers that were lost in the spool, and so many that were sent. */
static void count_reports(uint64_t *lost, uint64_t *sent)
{
    struct taskledger_report reports[REPORTS];
    size_t count = taskledger_poll_reports(producing.producer, reports, REPORTS, sizeof reports[0]);

    *lost = *sent = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t numbers = reports[i].last_sequence - reports[i].first_sequence + 1;

        *lost += reports[i].kind == TASKLEDGER_REPORT_DROPPED && strcmp(reports[i].reason, "spool") == 0 ? numbers : 0;
        *sent += reports[i].kind == TASKLEDGER_REPORT_SENT ? numbers : 0;
    }
}

/* ---- tests ---- */

static void assert_that_loss_is_told(void)
{
    uint64_t lost, sent;

    fake_line_set_trouble(FAKE_LINE_GOOD);
    uint64_t left = taskledger_flush(producing.producer, PRODUCING_ENOUGH_MS);
    struct taskledger_counters now = producing_counters();
    assert_in_range(now.spool_lost, 1, EVENTS);
    assert_int_equal(left, now.spool_lost);
    assert_int_equal(now.sent + now.spool_lost, now.accepted);
    assert_int_equal(fake_line_count(), now.sent);
    assert_non_null(strstr(now.spool_error, "lost"));

    count_reports(&lost, &sent);
    assert_int_equal(lost, now.spool_lost);
    assert_int_equal(sent, now.sent);

    assert_int_equal(taskledger_flush(producing.producer, PRODUCING_ENOUGH_MS), 0); /* it was told */
    assert_int_equal(spooling_close(PRODUCING_ENOUGH_MS), now.spool_lost);
}

static void what_was_in_a_segment_that_somebody_removed_is_told_to_be_lost(void **state)
{
    (void)state;
    fill(TASKLEDGER_SPOOL_OVERFLOW);
    remove_segment(0);
    assert_that_loss_is_told();
}

static void what_was_behind_the_damage_of_a_segment_is_told_to_be_lost(void **state)
{
    (void)state;
    fill(TASKLEDGER_SPOOL_OVERFLOW);
    damage_segment(0);
    remove_segment(1);
    assert_that_loss_is_told();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, spooling_setup, spooling_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_in_a_segment_that_somebody_removed_is_told_to_be_lost),
        TEST(what_was_behind_the_damage_of_a_segment_is_told_to_be_lost),
    };

    return cmocka_run_group_tests_name("lost", tests, NULL, NULL);
}
