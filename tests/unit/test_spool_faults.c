/* A disk that refuses, forgets or gives nothing back, call by call. */
#include "producer/spool/spool.h"

#include "tests/support/spool_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- calls that fail -------------------------------------------------------------------------------------------- */

/* How often from now on, and with what. */
struct fault {
    unsigned times;
    int why;
};

static struct fault write_fault, cut_fault, sync_fault, read_fault, open_fault, remove_fault;
static size_t written_before;    /* what a write that fails takes before */
static const char *lock_to_lose; /* removed just before it is locked */

static bool strikes(struct fault *fault)
{
    if (fault->times == 0)
        return false;
    fault->times--;
    errno = fault->why;
    return true;
}

ssize_t __real_pwritev64(int file, const struct iovec *parts, int count, off_t offset);
ssize_t __wrap_pwritev64(int file, const struct iovec *parts, int count, off_t offset);
ssize_t __real_pread64(int file, void *bytes, size_t size, off_t offset);
ssize_t __wrap_pread64(int file, void *bytes, size_t size, off_t offset);
int __real_ftruncate64(int file, off_t size);
int __wrap_ftruncate64(int file, off_t size);
int __real_fdatasync(int file);
int __wrap_fdatasync(int file);
int __real_openat64(int folder, const char *name, int flags, ...);
int __wrap_openat64(int folder, const char *name, int flags, ...);
int __real_unlinkat(int folder, const char *name, int flags);
int __wrap_unlinkat(int folder, const char *name, int flags);
int __real_flock(int file, int operation);
int __wrap_flock(int file, int operation);

ssize_t __wrap_pwritev64(int file, const struct iovec *parts, int count, off_t offset)
{
    size_t taken = written_before;

    if (write_fault.times == 0)
        return __real_pwritev64(file, parts, count, offset);
    if (taken == 0)
        return strikes(&write_fault) ? -1 : 0;

    struct iovec part = {.iov_base = parts[0].iov_base, .iov_len = taken};
    written_before = 0;
    return __real_pwritev64(file, &part, 1, offset);
}

ssize_t __wrap_pread64(int file, void *bytes, size_t size, off_t offset)
{
    return strikes(&read_fault) ? -1 : __real_pread64(file, bytes, size, offset);
}

int __wrap_ftruncate64(int file, off_t size)
{
    return strikes(&cut_fault) ? -1 : __real_ftruncate64(file, size);
}

int __wrap_fdatasync(int file)
{
    return strikes(&sync_fault) ? -1 : __real_fdatasync(file);
}

int __wrap_openat64(int folder, const char *name, int flags, ...)
{
    return strikes(&open_fault) ? -1 : __real_openat64(folder, name, flags, 0600);
}

int __wrap_unlinkat(int folder, const char *name, int flags)
{
    return strikes(&remove_fault) ? -1 : __real_unlinkat(folder, name, flags);
}

int __wrap_flock(int file, int operation)
{
    if (lock_to_lose != NULL)
        assert_int_equal(unlink(lock_to_lose), 0);
    return __real_flock(file, operation);
}

static int set_up(void **state)
{
    write_fault = cut_fault = sync_fault = read_fault = open_fault = remove_fault = (struct fault){.times = 0};
    written_before = 0;
    lock_to_lose = NULL;
    return spool_fixture_set_up(state);
}

static off_t size_of(const struct spool_fixture *fixture)
{
    struct stat status;

    assert_int_equal(stat(spool_fixture_path(fixture, ".segment", true), &status), 0);
    return status.st_size;
}

static void assert_refused(struct spool_fixture *fixture, uint64_t first, size_t count)
{
    struct error error;

    assert_false(spool_fixture_try(fixture, first, count, &error));
    assert_int_equal(error.kind, ERROR_TRANSIENT);
    assert_string_equal(error.reason, "disk");
}

/* ---- appending -------------------------------------------------------------------------------------------------- */

static void what_a_full_disk_took_of_a_batch_is_taken_back(void **state)
{
    struct spool_fixture *fixture = *state;

    spool_fixture_append(fixture, 1, 10);
    off_t before = size_of(fixture);
    write_fault = (struct fault){.times = 1, .why = ENOSPC};
    written_before = 5;
    assert_refused(fixture, 11, 10);
    assert_int_equal(size_of(fixture), before);

    spool_fixture_append(fixture, 11, 10);
    assert_int_equal(spool_fixture_count(fixture, ".segment"), 1);
    spool_fixture_assert_reads(fixture, 1, 20);
}

static void garbage_that_cannot_be_cut_off_is_not_followed_by_records(void **state)
{
    struct spool_fixture *fixture = *state;
    size_t count;

    spool_fixture_append(fixture, 1, 10);
    write_fault = (struct fault){.times = 1, .why = EIO};
    written_before = 5;
    cut_fault = (struct fault){.times = 1, .why = EIO};
    assert_refused(fixture, 11, 10);
    spool_fixture_append(fixture, 11, 10);
    assert_int_equal(spool_fixture_count(fixture, ".segment"), 2);
    spool_fixture_assert_reads(fixture, 1, 20);

    spool_fixture_die(fixture);
    spool_fixture_finish(spool_fixture_adopt_and_read(fixture, &count));
    assert_int_equal(count, 20);
}

static void a_segment_that_could_not_be_begun_leaves_nothing(void **state)
{
    struct spool_fixture *fixture = *state;

    for (int i = 0; i < 3; i++) {
        write_fault = (struct fault){.times = 1, .why = ENOSPC};
        assert_refused(fixture, 1, 10);
        assert_int_equal(spool_fixture_count(fixture, ".segment"), 0);
    }
    open_fault = (struct fault){.times = 1, .why = EMFILE};
    assert_refused(fixture, 1, 10);
    spool_fixture_append(fixture, 1, 10);
    spool_fixture_assert_reads(fixture, 1, 10);
}

static void what_a_refusal_left_behind_is_not_in_the_way(void **state)
{
    struct spool_fixture *fixture = *state;

    write_fault = (struct fault){.times = 1, .why = ENOSPC};
    remove_fault = (struct fault){.times = 1, .why = EIO};
    assert_refused(fixture, 1, 10);
    assert_int_equal(spool_fixture_count(fixture, ".segment"), 1);
    spool_fixture_append(fixture, 1, 10);
    spool_fixture_assert_reads(fixture, 1, 10);
}

/* Its signal would end the process. */
static void the_limit_of_file_sizes_is_a_disk_that_refuses(void **state)
{
    struct spool_fixture *fixture = *state;
    struct rlimit before, limit;

    spool_fixture_append(fixture, 1, 10);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = (rlim_t)size_of(fixture) + 10;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_refused(fixture, 11, 10);
    limit.rlim_cur = 10;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_refused(fixture, 21, 10);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    spool_fixture_append(fixture, 11, 10);
    spool_fixture_assert_reads(fixture, 1, 20);
}

static void what_cannot_be_given_up_is_still_there(void **state)
{
    struct spool_fixture *fixture = *state;
    struct error error;
    uint64_t last = 0;

    fixture->event_bytes = 10000;
    while (spool_fixture_try(fixture, last + 1, 1, &error))
        last++;
    assert_string_equal(error.reason, "spool_full");
    spool_note_sent(fixture->spool, last);
    remove_fault = (struct fault){.times = 1, .why = EROFS};
    assert_refused(fixture, last + 1, 1);
    assert_int_equal(spool_fixture_look(fixture->spool).unprotected, 0);
    spool_fixture_assert_reads(fixture, 1, last);
    spool_fixture_append(fixture, last + 1, 1);
    assert_true(spool_fixture_look(fixture->spool).unprotected > 0);
}

/* ---- syncing ---------------------------------------------------------------------------------------------------- */

static void what_could_not_be_synced_is_told_once_and_nothing_is_added_to_it(void **state)
{
    struct spool_fixture *fixture = *state;
    struct error error;

    spool_fixture_append(fixture, 1, 10);
    sync_fault = (struct fault){.times = 1, .why = EIO};
    assert_false(spool_sync(fixture->spool, &error));
    assert_string_equal(error.reason, "disk");
    spool_fixture_append(fixture, 11, 10);
    assert_int_equal(spool_fixture_count(fixture, ".segment"), 2);
    assert_true(spool_sync(fixture->spool, &error));
    spool_fixture_assert_reads(fixture, 1, 20);
}

static void what_was_not_reached_is_synced_next_time(void **state)
{
    struct spool_fixture *fixture = *state;
    struct error error;

    spool_fixture_append(fixture, 1, 10);
    open_fault = (struct fault){.times = 1, .why = EMFILE};
    assert_false(spool_sync(fixture->spool, &error));
    sync_fault = (struct fault){.times = 1, .why = EIO};
    assert_false(spool_sync(fixture->spool, &error));
    assert_int_equal(sync_fault.times, 0);

    sync_fault = (struct fault){.times = 1, .why = EIO};
    assert_true(spool_sync(fixture->spool, &error)); /* nothing to do */
    assert_int_equal(sync_fault.times, 1);
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static void a_disk_that_fails_for_a_moment_loses_nothing(void **state)
{
    struct spool_fixture *fixture = *state;

    spool_fixture_append(fixture, 1, 100);
    read_fault = (struct fault){.times = 2, .why = EIO};
    open_fault = (struct fault){.times = 2, .why = EIO};
    spool_fixture_assert_reads(fixture, 1, 100);
    assert_int_equal(spool_fixture_look(fixture->spool).damaged, 0);
}

static void assert_not_read(struct spool_fixture *fixture, struct spool *spool)
{
    struct error error;

    parcel_reset(&fixture->parcel);
    assert_false(spool_read(spool, 1, &fixture->parcel, &error));
    assert_string_equal(error.reason, "disk");
}

static void a_segment_that_the_disk_does_not_give_is_never_condemned(void **state)
{
    static const int reasons[] = {EIO, ENOMEM, ESTALE};
    struct spool_fixture *fixture = *state;

    spool_fixture_append(fixture, 1, 10);
    spool_fixture_append(fixture, 21, 10);
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        read_fault = (struct fault){.times = 3, .why = reasons[i]};
        assert_not_read(fixture, fixture->spool);
        open_fault = (struct fault){.times = reasons[i] == EIO ? 3 : 1, .why = reasons[i]};
        assert_not_read(fixture, fixture->spool);
    }
    assert_int_equal(spool_fixture_look(fixture->spool).damaged, 0);
    assert_int_equal(spool_fixture_count(fixture, ".damaged"), 0);
    assert_int_equal(spool_fixture_read(fixture, fixture->spool, 1), 20);
}

/* At first when it is taken over, then when it is counted, and then when it is read. */
static void an_adopted_segment_is_not_condemned_either(void **state)
{
    struct spool_fixture *fixture = *state;
    struct spool *adopted = NULL;
    struct error error;

    spool_fixture_append(fixture, 1, 10);
    spool_fixture_die(fixture);
    read_fault = (struct fault){.times = 3, .why = EIO};
    assert_false(spool_adopt(&fixture->options, fixture->name, &adopted, &error));

    adopted = spool_fixture_adopt(fixture);
    for (int i = 0; i < 2; i++) {
        read_fault = (struct fault){.times = 3, .why = EIO};
        assert_not_read(fixture, adopted);
    }
    assert_int_equal(spool_fixture_read(fixture, adopted, 1), 10);
    spool_fixture_finish(adopted);
}

static void what_was_read_before_it_failed_is_given_first(void **state)
{
    struct spool_fixture *fixture = *state;
    struct parcel *parcel = &fixture->parcel;
    struct error error;

    spool_fixture_append(fixture, 1, 10);
    spool_fixture_append(fixture, 21, 10);
    assert_true(spool_read(fixture->spool, 10, parcel, &error));
    assert_int_equal(parcel->count, 11);
    parcel_reset(parcel);
    open_fault = (struct fault){.times = 1, .why = EMFILE};
    assert_false(spool_read(fixture->spool, 1, parcel, &error));
    assert_string_equal(error.reason, "disk");
    assert_int_equal(parcel->count, 0);
    spool_fixture_assert_reads(fixture, 21, 30);
}

/* ---- removing --------------------------------------------------------------------------------------------------- */

static void what_cannot_be_removed_is_tried_again(void **state)
{
    struct spool_fixture *fixture = *state;

    spool_fixture_append(fixture, 1, 10);
    spool_fixture_append(fixture, 21, 10);
    remove_fault = (struct fault){.times = 1, .why = EROFS};
    spool_release(fixture->spool, 10);
    assert_int_equal(spool_fixture_count(fixture, ".segment"), 2);
    assert_int_equal(spool_fixture_look(fixture->spool).events, 20);
    spool_release(fixture->spool, 10);
    assert_int_equal(spool_fixture_count(fixture, ".segment"), 1);
}

/* ---- adopting --------------------------------------------------------------------------------------------------- */

/* Whoever was quicker has removed it, and with it what was opened here. */
static void a_lock_without_a_name_counts_for_nothing(void **state)
{
    struct spool_fixture *fixture = *state;

    spool_fixture_append(fixture, 1, 10);
    spool_fixture_die(fixture);
    lock_to_lose = spool_fixture_path(fixture, "lock", false);
    assert_null(spool_fixture_adopt(fixture));
    lock_to_lose = NULL;

    struct spool *adopted = spool_fixture_adopt(fixture);
    assert_non_null(adopted);
    spool_close(adopted);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, spool_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_a_full_disk_took_of_a_batch_is_taken_back),
        TEST(garbage_that_cannot_be_cut_off_is_not_followed_by_records),
        TEST(a_segment_that_could_not_be_begun_leaves_nothing),
        TEST(what_a_refusal_left_behind_is_not_in_the_way),
        TEST(the_limit_of_file_sizes_is_a_disk_that_refuses),
        TEST(what_cannot_be_given_up_is_still_there),
        TEST(what_could_not_be_synced_is_told_once_and_nothing_is_added_to_it),
        TEST(what_was_not_reached_is_synced_next_time),
        TEST(a_disk_that_fails_for_a_moment_loses_nothing),
        TEST(a_segment_that_the_disk_does_not_give_is_never_condemned),
        TEST(an_adopted_segment_is_not_condemned_either),
        TEST(what_was_read_before_it_failed_is_given_first),
        TEST(what_cannot_be_removed_is_tried_again),
        TEST(a_lock_without_a_name_counts_for_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
