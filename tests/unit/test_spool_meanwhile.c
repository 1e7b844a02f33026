/* What others do in the middle of an append. */
#include "producer/spool/spool.h"

#include "tests/support/spool_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

static void (*meanwhile)(void); /* after each write, and before something is cut off again */
static bool disk_is_full;       /* at the end of a write */
static struct spool_fixture *fixture_of_test;

ssize_t __real_pwritev64(int file, const struct iovec *parts, int count, off_t offset);
ssize_t __wrap_pwritev64(int file, const struct iovec *parts, int count, off_t offset);
int __real_ftruncate64(int file, off_t size);
int __wrap_ftruncate64(int file, off_t size);

ssize_t __wrap_pwritev64(int file, const struct iovec *parts, int count, off_t offset)
{
    ssize_t written = __real_pwritev64(file, parts, count, offset);

    if (meanwhile != NULL)
        meanwhile();
    errno = ENOSPC;
    return disk_is_full ? -1 : written;
}

int __wrap_ftruncate64(int file, off_t size)
{
    if (meanwhile != NULL)
        meanwhile();
    return __real_ftruncate64(file, size);
}

static void read_once(void)
{
    spool_fixture_assert_reads(fixture_of_test, 6, 10);
}

static void what_is_taken_back_was_never_seen(void **state)
{
    struct spool_fixture *fixture = fixture_of_test = *state;
    struct error error;

    spool_fixture_append(fixture, 1, 5);
    spool_fixture_assert_reads(fixture, 1, 5);
    spool_fixture_append(fixture, 6, 5);
    disk_is_full = true;
    meanwhile = read_once;
    assert_false(spool_fixture_try(fixture, 11, 10, &error));
    disk_is_full = false;
    meanwhile = NULL;

    fixture->event_bytes = 1000;
    spool_fixture_append(fixture, 11, 10);
    parcel_reset(&fixture->parcel);
    assert_true(spool_read(fixture->spool, 11, &fixture->parcel, &error));
    assert_int_equal(fixture->parcel.count, 10);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(fixture->parcel.items[i].size, 1000);
    assert_int_equal(spool_fixture_look(fixture->spool).damaged, 0);
}

static void release_all(void)
{
    spool_release(fixture_of_test->spool, 10);
}

static void what_is_removed_while_it_is_written_to_is_written_again(void **state)
{
    struct spool_fixture *fixture = fixture_of_test = *state;

    spool_close(fixture->spool);
    fixture->options.keeps = false;
    fixture->spool = spool_open(&fixture->options, &(struct error){.kind = ERROR_NONE});
    spool_fixture_append(fixture, 1, 10);
    meanwhile = release_all;
    spool_fixture_append(fixture, 11, 10);
    meanwhile = NULL;
    spool_fixture_assert_reads(fixture, 11, 20);
    assert_int_equal(spool_fixture_count(fixture, ".segment"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, spool_fixture_set_up, spool_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_taken_back_was_never_seen),
        TEST(what_is_removed_while_it_is_written_to_is_written_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
