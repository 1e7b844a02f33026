/* A disk that does not give something back, for ever: waited for, but not for ever. */
#include "producer/spool/spool.h"

#include "tests/support/spool_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { EVENT_BYTES = 1000, BAD_AT = 5500, PATIENCE_MS = 20, ENOUGH_MS = 10000 };

/* ---- a bad sector ---- */

static off_t bad_from; /* no segment can be read over this place; 0: all can */
static int why;

ssize_t __real_pread64(int file, void *bytes, size_t size, off_t offset);
ssize_t __wrap_pread64(int file, void *bytes, size_t size, off_t offset);

ssize_t __wrap_pread64(int file, void *bytes, size_t size, off_t offset)
{
    if (bad_from == 0 || offset + (off_t)size <= bad_from)
        return __real_pread64(file, bytes, size, offset);
    if (offset < bad_from)
        return __real_pread64(file, bytes, (size_t)(bad_from - offset), offset);
    errno = why;
    return -1;
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- tests ---- */

static int set_up(void **state)
{
    bad_from = 0;
    why = EIO;
    return spool_fixture_set_up(state);
}

/* Ten events in a segment and ten in the next; neither can be read behind its fifth event. */
static void begin(struct spool_fixture *fixture, int64_t patience_ms)
{
    struct error error;

    spool_close(fixture->spool);
    fixture->options.patience_ms = patience_ms;
    fixture->spool = spool_open(&fixture->options, &error);
    assert_non_null(fixture->spool);
    fixture->event_bytes = EVENT_BYTES;
    spool_fixture_append(fixture, 1, 10);
    spool_fixture_append(fixture, 21, 10);
    bad_from = BAD_AT;
}

/* Until it is read, or for so long; how many events came. */
static size_t read_for(struct spool_fixture *fixture, uint64_t from, int64_t enough_ms)
{
    int64_t end_ms = now_ms() + enough_ms;
    struct error error;

    do {
        parcel_reset(&fixture->parcel);
        if (spool_read(fixture->spool, from, &fixture->parcel, &error))
            return fixture->parcel.count;
        assert_string_equal(error.reason, "disk");
    } while (now_ms() < end_ms);
    return 0;
}

static void what_a_disk_never_gives_back_is_set_aside_in_the_end(void **state)
{
    struct spool_fixture *fixture = *state;

    begin(fixture, PATIENCE_MS);
    int64_t start_ms = now_ms();
    assert_int_equal(read_for(fixture, 1, ENOUGH_MS), 5);
    assert_int_equal(spool_fixture_look(fixture->spool).damaged, 0);
    assert_int_equal(read_for(fixture, 6, ENOUGH_MS), 5); /* of the next segment, which is as bad */
    assert_true(now_ms() >= start_ms + PATIENCE_MS);
    assert_int_equal(fixture->parcel.items[0].ordinal, 21);
    assert_int_equal(spool_fixture_look(fixture->spool).damaged, 1);

    spool_release(fixture->spool, 30);
    assert_int_equal(spool_fixture_count(fixture, ".damaged"), 1);
}

static void a_disk_that_gives_it_back_in_time_has_lost_nothing(void **state)
{
    struct spool_fixture *fixture = *state;

    begin(fixture, ENOUGH_MS);
    assert_int_equal(read_for(fixture, 6, 2 * PATIENCE_MS), 0);
    bad_from = 0;
    assert_int_equal(read_for(fixture, 6, ENOUGH_MS), 15);
    assert_int_equal(spool_fixture_look(fixture->spool).damaged, 0);
}

static void what_we_lack_ourselves_is_waited_for_without_end(void **state)
{
    struct spool_fixture *fixture = *state;

    begin(fixture, 1);
    why = ENOMEM;
    assert_int_equal(read_for(fixture, 6, 2 * PATIENCE_MS), 0);
    assert_int_equal(spool_fixture_look(fixture->spool).damaged, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, spool_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_a_disk_never_gives_back_is_set_aside_in_the_end),
        TEST(a_disk_that_gives_it_back_in_time_has_lost_nothing),
        TEST(what_we_lack_ourselves_is_waited_for_without_end),
    };

    return cmocka_run_group_tests_name("spool_patience", tests, NULL, NULL);
}
