/* Where a spool lies: made as it is wanted, and again, seen by its user only, listed. */
#include "producer/spool/spool.h"

#include "tests/support/scratch.h"
#include "tests/support/spool_fixture.h"

#include <fcntl.h>
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

/* In a child, whose output is its own. What the host prints must not come to lie in a segment, and what it opens there
 * must not free a lock. */
static void none_of_its_descriptors_is_a_standard_one(void **state)
{
    struct spool_fixture *fixture = *state;
    struct error error;
    int status;

    spool_close(fixture->spool);
    fixture->spool = NULL;
    pid_t child = fork();
    if (child == 0) {
        closefrom(STDIN_FILENO);
        fixture->spool = spool_open(&fixture->options, &error);
        bool good = fixture->spool != NULL && spool_fixture_try(fixture, 1, 10, &error) &&
                    spool_fixture_read(fixture, fixture->spool, 1) == 10;
        for (int number = STDIN_FILENO; number <= STDERR_FILENO; number++)
            good = good && fcntl(number, F_GETFD) < 0;
        _exit(good ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
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
    struct error error;

    spool_fixture_append(fixture, 1, 10);
    scratch_remove(fixture->directory);
    assert_false(spool_sync(fixture->spool, &error));
    assert_string_equal(error.reason, "disk");
    assert_int_equal(spool_fixture_read(fixture, fixture->spool, 1), 0);
    struct spool_look look;
    spool_look(fixture->spool, &look);
    assert_int_equal(look.damaged, 1);

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

static void put_file(const struct spool_fixture *fixture, const char *name)
{
    int file = openat(spool_folder(fixture->spool), name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

    assert_true(file >= 0);
    close(file);
}

static void what_people_read_goes_with_the_folder(void **state)
{
    struct spool_fixture *fixture = *state;

    put_file(fixture, "stats");
    put_file(fixture, "stats.new");
    spool_close(fixture->spool);
    fixture->spool = NULL;
    assert_false(spool_fixture_is_there(fixture));
}

static void what_somebody_else_put_there_stays(void **state)
{
    struct spool_fixture *fixture = *state;

    put_file(fixture, "notes");
    spool_close(fixture->spool);
    fixture->spool = NULL;
    assert_int_equal(spool_fixture_count(fixture, "notes"), 1);
    assert_int_equal(spool_fixture_count(fixture, "lock"), 1);
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

/* ---- listing ---------------------------------------------------------------------------------------------------- */

enum { MANY = 300 };

struct listed {
    size_t count;
    size_t patience;
    char last[SPOOL_NAME_BYTES];
};

static bool note(void *self, const char *name)
{
    struct listed *listed = self;

    assert_true(strcmp(name, listed->last) > 0);
    snprintf(listed->last, sizeof listed->last, "%s", name);
    return ++listed->count < listed->patience;
}

static size_t list(const struct spool_fixture *fixture, size_t patience)
{
    struct listed listed = {.patience = patience};
    struct error error;

    assert_true(spool_list(fixture->directory, note, &listed, &error));
    return listed.count;
}

static void make_folder(const struct spool_fixture *fixture, const char *name)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/%s", fixture->directory, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

static void all_sub_folders_are_listed_in_order(void **state)
{
    struct spool_fixture *fixture = *state;

    for (unsigned i = 0; i < MANY; i++) {
        char name[UUID_TEXT_BYTES];
        struct uuid uuid = {{[0] = 9, [14] = (uint8_t)(i * 7919 >> 8), [15] = (uint8_t)(i * 7919)}};

        uuid_format(&uuid, name);
        make_folder(fixture, name);
    }
    assert_int_equal(list(fixture, SIZE_MAX), MANY + 1);
    assert_int_equal(list(fixture, 200), 200);
    assert_int_equal(list(fixture, 1), 1);
}

static void what_is_no_sub_folder_is_not_listed(void **state)
{
    static const char *const names[] = {
        "lost+found",
        "01020300-0000-7000-8000-00000000000",
        "01020300-0000-7000-8000-0000000000099",
        "01020300-0000-7000-8000-00000000000G",
        "0102030000007000800000000000000f",
        "01020300-0000-7000-8000-00000000000F",
        ".01020300-0000-7000-8000-00000000000f.new",
    };
    struct spool_fixture *fixture = *state;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        make_folder(fixture, names[i]);
    assert_int_equal(list(fixture, SIZE_MAX), 1);
}

static void where_nothing_is_nothing_is_listed(void **state)
{
    struct error error;

    (void)state;
    assert_true(spool_list("/tmp/tl-there-is-no-such-folder", note, NULL, &error));
    assert_false(spool_list("/dev/null", note, NULL, &error));
    assert_string_equal(error.reason, "disk");
}

/* Somebody died between making and naming it. */
static void what_was_left_half_made_is_cleared_when_it_is_old(void **state)
{
    static const struct timespec long_ago[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    struct spool_fixture *fixture = *state;
    const char *name = ".01020300-0000-7000-8000-00000000000f.new";
    char path[PATH_MAX];

    make_folder(fixture, name);
    snprintf(path, sizeof path, "%s/%s/lock", fixture->directory, name);
    close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    *strrchr(path, '/') = '\0';
    list(fixture, SIZE_MAX);
    assert_int_equal(access(path, F_OK), 0);

    assert_int_equal(utimensat(AT_FDCWD, path, long_ago, 0), 0);
    list(fixture, SIZE_MAX);
    assert_int_not_equal(access(path, F_OK), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, spool_fixture_set_up, spool_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_of_it_is_for_its_user_only),         TEST(none_of_its_descriptors_is_a_standard_one),
        TEST(the_folder_and_those_above_it_are_made), TEST(a_folder_that_is_removed_beneath_its_owner_is_made_again),
        TEST(what_cannot_be_a_spool_is_refused),      TEST(what_people_read_goes_with_the_folder),
        TEST(what_somebody_else_put_there_stays),     TEST(a_forked_child_lets_go_of_it),
        TEST(all_sub_folders_are_listed_in_order),    TEST(what_is_no_sub_folder_is_not_listed),
        TEST(where_nothing_is_nothing_is_listed),     TEST(what_was_left_half_made_is_cleared_when_it_is_old),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
