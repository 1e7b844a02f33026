/* The owner's side of a spool: what is appended is read, until it is released or the cap takes it. */
#include "producer/spool/spool.h"

#include "tests/support/scratch.h"
#include "tests/support/spool_fixture.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct spool_look look_at(struct spool *spool)
{
    struct spool_look look;

    spool_look(spool, &look);
    return look;
}

/* ---- reading --------------------------------------------------------------------------------------------------------- */

static void what_is_appended_is_read_in_order_and_whole(void **state)
{
    struct spool_fixture *fixture = *state;

    spool_fixture_append(fixture, 1, 500);
    assert_true(spool_fixture_count(fixture, ".segment") > 3);
    spool_fixture_assert_reads(fixture, 1, 500);
    spool_fixture_assert_reads(fixture, 1, 500);
}

static void reading_begins_anywhere(void **state)
{
    struct spool_fixture *fixture = *state;

    spool_fixture_append(fixture, 1, 300);
    spool_fixture_assert_reads(fixture, 299, 300);
    for (uint64_t from = 1; from <= 300; from += 37)
        spool_fixture_assert_reads(fixture, from, 300);
    spool_fixture_assert_reads(fixture, 301, 300);
}

static void events_of_any_size_are_kept(void **state)
{
    static const size_t sizes[] = {8, 9, EVENT_BYTES_MAX - 1, EVENT_BYTES_MAX, 250};
    struct spool_fixture *fixture = *state;

    for (uint64_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        fixture->event_bytes = sizes[i];
        spool_fixture_append(fixture, i + 1, 1);
    }
    spool_fixture_assert_reads(fixture, 1, 5);
}

static void the_reader_follows_the_appender(void **state)
{
    struct spool_fixture *fixture = *state;

    spool_fixture_assert_reads(fixture, 1, 0);
    for (uint64_t i = 1; i < 200; i += 10) {
        spool_fixture_append(fixture, i, 10);
        spool_fixture_assert_reads(fixture, i, i + 9);
        spool_fixture_assert_reads(fixture, i, i + 9);
    }
}

static void ordinals_that_are_missing_are_passed_over(void **state)
{
    struct spool_fixture *fixture = *state;
    unsigned seen[SPOOL_FIXTURE_EVENTS_MAX];

    spool_fixture_append(fixture, 5, 5);
    spool_fixture_append(fixture, 20, 5);
    assert_int_equal(spool_fixture_count(fixture, ".segment"), 2);
    assert_int_equal(spool_fixture_read(fixture, fixture->spool, 1, seen), 10);
    assert_int_equal(spool_fixture_read(fixture, fixture->spool, 10, seen), 5);
    assert_int_equal(look_at(fixture->spool).first, 5);
    assert_int_equal(look_at(fixture->spool).last, 24);
    assert_int_equal(look_at(fixture->spool).events, 10);
}

/* ---- releasing ------------------------------------------------------------------------------------------------------- */

static void segments_go_when_all_of_them_is_released(void **state)
{
    struct spool_fixture *fixture = *state;

    spool_fixture_append(fixture, 1, 400);
    size_t segments = spool_fixture_count(fixture, ".segment");
    spool_release(fixture->spool, 1);
    assert_int_equal(spool_fixture_count(fixture, ".segment"), segments);
    spool_release(fixture->spool, 200);
    assert_true(spool_fixture_count(fixture, ".segment") < segments);
    assert_true(look_at(fixture->spool).first <= 201);
    spool_fixture_assert_reads(fixture, 201, 400);
    assert_int_equal(look_at(fixture->spool).unprotected, 0);
}

static void nothing_stays_of_an_overflow_that_is_over(void **state)
{
    struct spool_fixture *fixture = *state;

    spool_close(fixture->spool);
    fixture->options.keeps = false;
    fixture->spool = spool_open(&fixture->options, &(struct error){.kind = ERROR_NONE});
    assert_non_null(fixture->spool);
    for (uint64_t i = 1; i < 100; i += 10) {
        spool_fixture_append(fixture, i, 10);
        spool_release(fixture->spool, i + 9);
        assert_int_equal(spool_fixture_count(fixture, ".segment"), 0);
        assert_int_equal(look_at(fixture->spool).bytes, 0);
    }
}

/* A few events a second, confirmed as quickly, would each make and remove a file. */
static void what_is_kept_stays_in_one_small_segment_until_the_end(void **state)
{
    struct spool_fixture *fixture = *state;

    fixture->event_bytes = 250;
    for (uint64_t i = 1; i < 100; i++) {
        spool_fixture_append(fixture, i, 1);
        spool_release(fixture->spool, i);
        assert_int_equal(spool_fixture_count(fixture, ".segment"), 1);
    }
    spool_close(fixture->spool);
    fixture->spool = NULL;
    assert_false(spool_fixture_is_there(fixture));
}

static void what_is_not_released_outlives_its_owner(void **state)
{
    struct spool_fixture *fixture = *state;

    spool_fixture_append(fixture, 1, 100);
    spool_release(fixture->spool, 99);
    spool_close(fixture->spool);
    fixture->spool = NULL;
    assert_true(spool_fixture_count(fixture, ".segment") > 0);
}

static void an_unused_spool_leaves_nothing(void **state)
{
    struct spool_fixture *fixture = *state;

    assert_true(spool_fixture_is_there(fixture));
    spool_close(fixture->spool);
    fixture->spool = NULL;
    assert_false(spool_fixture_is_there(fixture));
}

/* ---- the cap --------------------------------------------------------------------------------------------------------- */

static void at_the_cap_the_oldest_that_were_sent_are_given_up_and_counted(void **state)
{
    struct spool_fixture *fixture = *state;

    fixture->event_bytes = 1000;
    spool_fixture_append(fixture, 1, 600);
    spool_note_sent(fixture->spool, 600);
    spool_fixture_append(fixture, 601, 900);

    struct spool_look look = look_at(fixture->spool);
    assert_true(look.bytes <= SPOOL_BYTES_MIN);
    assert_true(look.first > 1 && look.first <= 601);
    assert_int_equal(look.unprotected, look.first - 1);
    spool_fixture_assert_reads(fixture, look.first, 1500);
}

static void what_was_released_is_not_unprotected(void **state)
{
    struct spool_fixture *fixture = *state;

    fixture->event_bytes = 1000;
    spool_fixture_append(fixture, 1, 600);
    spool_note_sent(fixture->spool, 600);
    spool_release(fixture->spool, 30);
    spool_fixture_append(fixture, 601, 900);

    struct spool_look look = look_at(fixture->spool);
    assert_int_equal(look.unprotected, look.first - 1 - 30);
}

/* Append until it is refused. Returns how many were accepted. */
static uint64_t fill(struct spool_fixture *fixture, uint64_t from, struct error *error)
{
    while (spool_fixture_try(fixture, from, 10, error))
        from += 10;
    return from - 1;
}

static void what_was_not_sent_is_never_given_up(void **state)
{
    struct spool_fixture *fixture = *state;
    struct error error;

    fixture->event_bytes = 1000;
    uint64_t last = fill(fixture, 1, &error);
    assert_int_equal(error.kind, ERROR_TRANSIENT);
    assert_string_equal(error.reason, "spool_full");
    assert_true(last > 1000);
    spool_fixture_assert_reads(fixture, 1, last);

    spool_note_sent(fixture->spool, last);
    spool_fixture_append(fixture, last + 1, 10);
    spool_note_sent(fixture->spool, 0); /* Redis has lost everything */
    uint64_t then = fill(fixture, last + 11, &error);
    assert_string_equal(error.reason, "spool_full");
    spool_fixture_assert_reads(fixture, look_at(fixture->spool).first, then);
}

static void releasing_makes_room_again(void **state)
{
    struct spool_fixture *fixture = *state;
    struct error error;

    fixture->event_bytes = 1000;
    uint64_t last = fill(fixture, 1, &error);
    spool_release(fixture->spool, last / 2);
    uint64_t then = fill(fixture, last + 1, &error);
    assert_true(then > last + last / 4);
    spool_fixture_assert_reads(fixture, last / 2 + 1, then);
}

static void what_is_larger_than_the_cap_is_refused(void **state)
{
    struct spool_fixture *fixture = *state;
    struct error error;

    fixture->event_bytes = EVENT_BYTES_MAX;
    assert_false(spool_fixture_try(fixture, 1, 16, &error));
    assert_string_equal(error.reason, "spool_full");
    assert_int_equal(spool_fixture_count(fixture, ".segment"), 0);
    spool_fixture_append(fixture, 1, 1);
}

/* ---- the folder ------------------------------------------------------------------------------------------------------ */

static void all_of_it_is_for_its_user_only(void **state)
{
    struct spool_fixture *fixture = *state;
    struct stat status;

    spool_fixture_append(fixture, 1, 1);
    assert_int_equal(stat(spool_fixture_path(fixture, ".segment", false), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(stat(spool_fixture_path(fixture, "lock", false), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(stat(spool_fixture_path(fixture, ".", false), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0700);
}

static void the_folder_and_those_above_it_are_made(void **state)
{
    struct spool_fixture *fixture = *state;
    struct spool_options options = fixture->options;
    char deep[128];
    struct error error;

    snprintf(deep, sizeof deep, "%s/a/b//c/", fixture->directory);
    options.directory = deep;
    struct spool *spool = spool_open(&options, &error);
    assert_non_null(spool);
    assert_string_equal(spool_name(spool), fixture->name);
    assert_true(spool_keeps(spool));
    spool_close(spool);
}

static void a_folder_that_is_removed_beneath_its_owner_is_made_again(void **state)
{
    struct spool_fixture *fixture = *state;
    unsigned seen[SPOOL_FIXTURE_EVENTS_MAX];
    struct error error;

    spool_fixture_append(fixture, 1, 10);
    scratch_remove(fixture->directory);
    assert_false(spool_sync(fixture->spool, &error));
    assert_string_equal(error.reason, "disk");
    assert_int_equal(spool_fixture_read(fixture, fixture->spool, 1, seen), 0);
    assert_int_equal(look_at(fixture->spool).damaged, 1);

    spool_fixture_append(fixture, 11, 10);
    assert_true(spool_sync(fixture->spool, &error));
    spool_fixture_assert_reads(fixture, 11, 20);
    assert_null(spool_fixture_adopt(fixture));
    spool_fixture_die(fixture);
    struct spool *adopted = spool_fixture_adopt(fixture);
    assert_non_null(adopted);
    spool_close(adopted);
}

static void what_cannot_be_a_spool_is_refused(void **state)
{
    struct spool_fixture *fixture = *state;
    struct spool_options options = fixture->options;
    char path[PATH_MAX + 2], stream[STREAM_NAME_BYTES_MAX + 2];
    struct error error;

    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    options.directory = path;
    assert_null(spool_open(&options, &error));
    assert_int_equal(error.kind, ERROR_FATAL);
    assert_string_equal(error.reason, "config");
    path[300] = '\0';
    assert_null(spool_open(&options, &error));
    assert_int_equal(error.kind, ERROR_FATAL);
    options.directory = "";
    assert_null(spool_open(&options, &error));
    assert_int_equal(error.kind, ERROR_FATAL);

    memset(stream, 's', sizeof stream - 1);
    stream[sizeof stream - 1] = '\0';
    options = fixture->options;
    options.stream = stream;
    assert_null(spool_open(&options, &error));
    assert_string_equal(error.reason, "config");

    options = fixture->options;
    options.directory = "/dev/null/spool";
    assert_null(spool_open(&options, &error));
    assert_int_equal(error.kind, ERROR_TRANSIENT);
    assert_string_equal(error.reason, "disk");
    assert_non_null(strstr(error.text, "/dev/null/spool"));
}

/* In the child: close what was inherited, say so, and live on until told to end. */
static _Noreturn void live_on(struct spool *spool, int tell, int told)
{
    char byte = 'x';

    spool_abandon(spool);
    _exit(write(tell, &byte, 1) == 1 && read(told, &byte, 1) == 1 ? 0 : 1);
}

/* A copy of the lock in a child would keep adopters away for as long as the child lives. */
static void a_forked_child_lets_go_of_it(void **state)
{
    struct spool_fixture *fixture = *state;
    int up[2], down[2], ended;
    char byte;

    spool_fixture_append(fixture, 1, 10);
    assert_int_equal(pipe(up) | pipe(down), 0);
    pid_t child = fork();
    if (child == 0)
        live_on(fixture->spool, up[1], down[0]);
    assert_int_equal(read(up[0], &byte, 1), 1);

    spool_fixture_append(fixture, 11, 10);
    assert_null(spool_fixture_adopt(fixture));
    spool_fixture_die(fixture);
    struct spool *adopted = spool_fixture_adopt(fixture);
    assert_int_equal(write(down[1], &byte, 1), 1);
    assert_int_equal(waitpid(child, &ended, 0), child);
    assert_int_equal(ended, 0);
    assert_non_null(adopted);
    spool_close(adopted);
    for (int i = 0; i < 2; i++) {
        close(up[i]);
        close(down[i]);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, spool_fixture_set_up, spool_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_appended_is_read_in_order_and_whole),
        TEST(reading_begins_anywhere),
        TEST(events_of_any_size_are_kept),
        TEST(the_reader_follows_the_appender),
        TEST(ordinals_that_are_missing_are_passed_over),
        TEST(segments_go_when_all_of_them_is_released),
        TEST(nothing_stays_of_an_overflow_that_is_over),
        TEST(what_is_kept_stays_in_one_small_segment_until_the_end),
        TEST(what_is_not_released_outlives_its_owner),
        TEST(an_unused_spool_leaves_nothing),
        TEST(at_the_cap_the_oldest_that_were_sent_are_given_up_and_counted),
        TEST(what_was_released_is_not_unprotected),
        TEST(what_was_not_sent_is_never_given_up),
        TEST(releasing_makes_room_again),
        TEST(what_is_larger_than_the_cap_is_refused),
        TEST(all_of_it_is_for_its_user_only),
        TEST(the_folder_and_those_above_it_are_made),
        TEST(a_folder_that_is_removed_beneath_its_owner_is_made_again),
        TEST(what_cannot_be_a_spool_is_refused),
        TEST(a_forked_child_lets_go_of_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
