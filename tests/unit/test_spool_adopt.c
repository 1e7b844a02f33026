/* Taking over what others left: who may, and what may not be believed. */
#include "producer/spool/segment.h"
#include "producer/spool/spool.h"

#include "tests/support/spool_fixture.h"

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { SOMEBODY = 12345 /* another user */ };

/* ---- who takes it ----------------------------------------------------------------------------------------------- */

static void what_somebody_left_is_sent_on_and_then_gone(void **state)
{
    struct spool_fixture *fixture = *state;
    size_t count;

    spool_fixture_append(fixture, 101, 300);
    spool_release(fixture->spool, 200);
    uint64_t first = spool_fixture_look(fixture->spool).first;
    spool_fixture_die(fixture);

    struct spool *adopted = spool_fixture_adopt_and_read(fixture, &count);
    assert_int_equal(count, 401 - first);
    for (uint64_t i = first; i <= 400; i++)
        assert_int_equal(fixture->seen[i], 1);
    assert_int_equal(spool_fixture_look(adopted).first, 1);
    assert_int_equal(spool_fixture_look(adopted).last, count);
    assert_int_equal(spool_fixture_look(adopted).damaged, 0);
    assert_int_equal(spool_fixture_read(fixture, adopted, count / 2), count - count / 2 + 1);
    spool_fixture_finish(adopted);
    assert_false(spool_fixture_is_there(fixture));
    assert_null(spool_fixture_adopt(fixture));
}

/* In the child: append for ever, telling after each event that it is accepted. */
static _Noreturn void append_for_ever(struct spool_fixture *fixture, int tell)
{
    struct error error;

    fixture->spool = spool_open(&fixture->options, &error);
    for (uint64_t next = 1; fixture->spool != NULL; next++)
        if (!spool_fixture_try(fixture, next, 1, &error) || write(tell, "x", 1) != 1)
            break;
    _exit(1);
}

static void whoever_is_killed_has_lost_nothing_that_he_accepted(void **state)
{
    struct spool_fixture *fixture = *state;
    size_t count;
    uint64_t accepted = 0;
    int ends[2];
    char byte;

    spool_close(fixture->spool);
    fixture->spool = NULL;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0)
        append_for_ever(fixture, ends[1]);
    close(ends[1]);
    while (read(ends[0], &byte, 1) == 1)
        if (++accepted == 200)
            assert_int_equal(kill(child, SIGKILL), 0);
    close(ends[0]);
    assert_int_equal(waitpid(child, NULL, 0), child);

    struct spool *adopted = spool_fixture_adopt_and_read(fixture, &count);
    assert_true(accepted >= 200 && (count == accepted || count == accepted + 1));
    for (uint64_t i = 1; i <= accepted; i++)
        assert_int_equal(fixture->seen[i], 1);
    assert_int_equal(spool_fixture_look(adopted).damaged, 0);
    spool_fixture_finish(adopted);
    assert_false(spool_fixture_is_there(fixture));
}

static void it_is_left_to_its_owner_as_long_as_he_lives(void **state)
{
    struct spool_fixture *fixture = *state;

    spool_fixture_append(fixture, 1, 10);
    assert_null(spool_fixture_adopt(fixture));
    spool_fixture_assert_reads(fixture, 1, 10);
}

static void only_one_takes_it(void **state)
{
    struct spool_fixture *fixture = *state;

    spool_fixture_append(fixture, 1, 10);
    spool_fixture_die(fixture);
    struct spool *first = spool_fixture_adopt(fixture);
    assert_non_null(first);
    assert_null(spool_fixture_adopt(fixture));
    spool_close(first);
    struct spool *second = spool_fixture_adopt(fixture);
    assert_non_null(second);
    spool_fixture_finish(second);
}

static void what_another_user_left_is_his(void **state)
{
    struct spool_fixture *fixture = *state;

    if (geteuid() != 0)
        skip();
    spool_fixture_append(fixture, 1, 10);
    spool_fixture_die(fixture);
    assert_int_equal(chown(spool_fixture_path(fixture, ".", false), SOMEBODY, SOMEBODY), 0);
    assert_null(spool_fixture_adopt(fixture));
    assert_int_equal(spool_fixture_count(fixture, ".segment"), 1);
}

static void whether_it_is_kept_is_told_by_who_left_it(void **state)
{
    struct spool_fixture *fixture = *state;
    size_t count;

    spool_fixture_append(fixture, 1, 10);
    spool_fixture_die(fixture);
    fixture->options.keeps = false;
    struct spool *adopted = spool_fixture_adopt_and_read(fixture, &count);
    assert_true(spool_keeps(adopted));
    spool_fixture_finish(adopted);

    fixture->spool = spool_open(&fixture->options, &(struct error){.kind = ERROR_NONE});
    spool_fixture_append(fixture, 1, 10);
    spool_fixture_die(fixture);
    fixture->options.keeps = true;
    adopted = spool_fixture_adopt_and_read(fixture, &count);
    assert_false(spool_keeps(adopted));
    spool_fixture_finish(adopted);
}

static void another_streams_events_go_nowhere_else(void **state)
{
    struct spool_fixture *fixture = *state;

    spool_fixture_append(fixture, 1, 10);
    spool_fixture_die(fixture);
    fixture->options.stream = "another";
    assert_null(spool_fixture_adopt(fixture));
    fixture->options.stream = "taskledger:events";
    spool_fixture_finish(spool_fixture_adopt(fixture));
}

static void another_redis_events_go_nowhere_else(void **state)
{
    struct spool_fixture *fixture = *state;

    spool_fixture_append(fixture, 1, 10);
    spool_fixture_die(fixture);
    fixture->options.target = "staging:6379/0";
    assert_null(spool_fixture_adopt(fixture));
    fixture->options.target = NULL;
    spool_fixture_finish(spool_fixture_adopt(fixture));
}

static void what_another_version_wrote_is_left_alone_and_told(void **state)
{
    struct spool_fixture *fixture = *state;
    struct spool_record header = {.payload = slice_from_text("taskledger spool 2\nwhatever")};
    struct spool *spool = NULL;
    struct error error;
    size_t count;

    spool_fixture_append(fixture, 1, 10);
    spool_fixture_append(fixture, 20, 10);
    int file = open(spool_fixture_path(fixture, ".segment", true), O_RDWR | O_TRUNC | O_CLOEXEC);
    assert_true(segment_write(file, 0, &header, 1));
    close(file);
    spool_fixture_die(fixture);

    spool_fixture_finish(spool_fixture_adopt_and_read(fixture, &count));
    assert_int_equal(count, 10);
    assert_int_equal(spool_fixture_count(fixture, ".segment"), 1);
    assert_false(spool_adopt(&fixture->options, fixture->name, &spool, &error));
    assert_int_equal(error.kind, ERROR_REJECTED);
    assert_string_equal(error.reason, "version");
    assert_int_equal(spool_fixture_count(fixture, ".segment"), 1);
}

/* ---- what is no spool ------------------------------------------------------------------------------------------- */

static void assert_not_adopted(struct spool_fixture *fixture, const char *name)
{
    struct spool *spool = (struct spool *)fixture;
    struct error error;

    assert_true(spool_adopt(&fixture->options, name, &spool, &error));
    assert_null(spool);
}

static void other_names_are_no_spools(void **state)
{
    struct spool_fixture *fixture = *state;

    assert_not_adopted(fixture, "");
    assert_not_adopted(fixture, ".");
    assert_not_adopted(fixture, "../etc");
    assert_not_adopted(fixture, "01020300-0000-7000-8000-00000000000f");
    fixture->options.directory = "/tmp/tl-there-is-no-such-folder";
    assert_not_adopted(fixture, fixture->name);
    fixture->options.directory = fixture->directory;
}

static void a_segment_that_is_a_link_is_set_aside(void **state)
{
    struct spool_fixture *fixture = *state;
    char path[PATH_MAX], other[PATH_MAX];
    size_t count;

    spool_fixture_append(fixture, 1, 10);
    spool_fixture_append(fixture, 21, 10);
    snprintf(path, sizeof path, "%s", spool_fixture_path(fixture, ".segment", true));
    snprintf(other, sizeof other, "%s/other", fixture->directory);
    assert_int_equal(rename(path, other), 0);
    assert_int_equal(symlink(other, path), 0);
    spool_fixture_die(fixture);

    spool_fixture_finish(spool_fixture_adopt_and_read(fixture, &count));
    assert_int_equal(count, 10);
    assert_int_equal(access(other, F_OK), 0);
    assert_int_equal(spool_fixture_count(fixture, ".damaged"), 1);
}

static void a_lock_that_is_a_link_locks_nothing(void **state)
{
    struct spool_fixture *fixture = *state;
    char path[PATH_MAX];

    spool_fixture_append(fixture, 1, 10);
    spool_fixture_die(fixture);
    snprintf(path, sizeof path, "%s", spool_fixture_path(fixture, "lock", false));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink(spool_fixture_path(fixture, ".segment", false), path), 0);
    assert_not_adopted(fixture, fixture->name);
    assert_int_equal(spool_fixture_count(fixture, ".segment"), 1);
}

static void a_sub_folder_that_is_a_link_is_none(void **state)
{
    struct spool_fixture *fixture = *state;
    char path[PATH_MAX];

    spool_fixture_append(fixture, 1, 10);
    spool_fixture_die(fixture);
    snprintf(path, sizeof path, "%s/01020300-0000-7000-8000-00000000000f", fixture->directory);
    assert_int_equal(symlink(fixture->name, path), 0);
    assert_not_adopted(fixture, "01020300-0000-7000-8000-00000000000f");
}

static void what_is_no_file_holds_nobody_up(void **state)
{
    struct spool_fixture *fixture = *state;
    char path[PATH_MAX];
    size_t count;

    spool_fixture_append(fixture, 21, 10);
    snprintf(path, sizeof path, "%s/%s/00000000000000000001.segment", fixture->directory, fixture->name);
    assert_int_equal(mkfifo(path, 0600), 0);
    snprintf(path, sizeof path, "%s/%s/00000000000000000002.segment", fixture->directory, fixture->name);
    assert_int_equal(mkdir(path, 0700), 0);
    spool_fixture_die(fixture);
    spool_fixture_finish(spool_fixture_adopt_and_read(fixture, &count));
    assert_int_equal(count, 10);

    snprintf(path, sizeof path, "%s", spool_fixture_path(fixture, "lock", false));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_not_adopted(fixture, fixture->name);
}

/* More than are remembered are found by the next adopter. */
static void any_number_of_segments_is_read_in_the_end(void **state)
{
    struct spool_fixture *fixture = *state;
    size_t count, all = 0;

    fixture->event_bytes = 10;
    for (uint64_t i = 0; i < 900; i++)
        spool_fixture_append(fixture, 1 + 2 * i, 1);
    spool_fixture_die(fixture);
    for (uint64_t i = 0; i < 600; i++) {
        char path[PATH_MAX], more[PATH_MAX];

        snprintf(path, sizeof path, "%s/%s/%020u.segment", fixture->directory, fixture->name, 1);
        snprintf(more, sizeof more, "%s/%s/%020u.segment", fixture->directory, fixture->name, 10000 + (unsigned)i);
        assert_int_equal(link(path, more), 0);
    }
    for (int i = 0; i < 2; i++) {
        spool_fixture_finish(spool_fixture_adopt_and_read(fixture, &count));
        all += count;
    }
    assert_int_equal(all, 1500);
    assert_false(spool_fixture_is_there(fixture));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, spool_fixture_set_up, spool_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_somebody_left_is_sent_on_and_then_gone),
        TEST(whoever_is_killed_has_lost_nothing_that_he_accepted),
        TEST(it_is_left_to_its_owner_as_long_as_he_lives),
        TEST(only_one_takes_it),
        TEST(what_another_user_left_is_his),
        TEST(whether_it_is_kept_is_told_by_who_left_it),
        TEST(another_streams_events_go_nowhere_else),
        TEST(another_redis_events_go_nowhere_else),
        TEST(what_another_version_wrote_is_left_alone_and_told),
        TEST(other_names_are_no_spools),
        TEST(a_segment_that_is_a_link_is_set_aside),
        TEST(a_lock_that_is_a_link_locks_nothing),
        TEST(a_sub_folder_that_is_a_link_is_none),
        TEST(what_is_no_file_holds_nobody_up),
        TEST(any_number_of_segments_is_read_in_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
