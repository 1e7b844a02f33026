/* Segments that are torn or damaged: what is sound of them is sent, the rest is set aside. */
#include "producer/spool/spool.h"

#include "tests/support/spool_fixture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static off_t size_of(const char *path)
{
    struct stat status;

    assert_int_equal(stat(path, &status), 0);
    return status.st_size;
}

static void flip_bit(const char *path, off_t offset)
{
    int file = open(path, O_RDWR | O_CLOEXEC);
    uint8_t byte;

    assert_int_equal(pread(file, &byte, 1, offset), 1);
    byte ^= 1;
    assert_int_equal(pwrite(file, &byte, 1, offset), 1);
    close(file);
}

static void a_torn_end_is_left_out_wherever_it_is_torn(void **state)
{
    struct spool_fixture *fixture = *state;
    size_t count;

    fixture->event_bytes = 20;
    spool_fixture_append(fixture, 1, 3);
    spool_fixture_die(fixture);
    off_t size = size_of(spool_fixture_path(fixture, ".segment", false));
    for (off_t cut = 1; cut <= 28 + 10; cut++) {
        assert_int_equal(truncate(spool_fixture_path(fixture, ".segment", false), size - cut), 0);
        struct spool *adopted = spool_fixture_adopt_and_read(fixture, &count);
        assert_int_equal(count, cut <= 28 ? 2 : 1);
        assert_int_equal(spool_fixture_look(adopted).damaged, 0);
        spool_close(adopted);
    }
    spool_fixture_finish(spool_fixture_adopt(fixture));
}

static void a_segment_without_events_is_removed(void **state)
{
    struct spool_fixture *fixture = *state;
    size_t count;

    for (off_t size = 60; size >= 0; size--) {
        fixture->spool = fixture->spool == NULL ? spool_open(&fixture->options, &(struct error){.kind = ERROR_NONE})
                                                : fixture->spool;
        spool_fixture_append(fixture, 1, 1);
        assert_int_equal(truncate(spool_fixture_path(fixture, ".segment", false), size), 0);
        spool_fixture_die(fixture);
        spool_close(spool_fixture_adopt_and_read(fixture, &count));
        assert_int_equal(count, 0);
        assert_false(spool_fixture_is_there(fixture));
    }
}

static void a_damaged_segment_is_read_up_to_the_damage_and_set_aside(void **state)
{
    struct spool_fixture *fixture = *state;
    size_t count;

    fixture->event_bytes = 100;
    spool_fixture_append(fixture, 1, 10);
    spool_fixture_append(fixture, 21, 10);
    spool_fixture_append(fixture, 41, 10);
    const char *oldest = spool_fixture_path(fixture, ".segment", false);
    flip_bit(oldest, size_of(oldest) - 250); /* in the last but two */
    spool_fixture_die(fixture);

    struct spool *adopted = spool_fixture_adopt_and_read(fixture, &count);
    assert_int_equal(count, 27);
    assert_true(fixture->seen[7] == 1 && fixture->seen[8] == 0 && fixture->seen[10] == 0 && fixture->seen[21] == 1 &&
                fixture->seen[50] == 1);
    assert_int_equal(spool_fixture_look(adopted).damaged, 1);
    assert_int_equal(spool_fixture_count(fixture, ".damaged"), 0);
    spool_fixture_finish(adopted);
    assert_int_equal(spool_fixture_count(fixture, ".damaged"), 1);
    assert_int_equal(spool_fixture_count(fixture, ".segment"), 0);
    assert_null(spool_fixture_adopt(fixture));
    assert_int_equal(spool_fixture_count(fixture, ".damaged"), 1);
}

static void an_older_segment_that_ends_too_early_is_damaged(void **state)
{
    struct spool_fixture *fixture = *state;
    size_t count;

    spool_fixture_append(fixture, 1, 10);
    spool_fixture_append(fixture, 21, 10);
    const char *oldest = spool_fixture_path(fixture, ".segment", false);
    assert_int_equal(truncate(oldest, size_of(oldest) - 1), 0);
    spool_fixture_die(fixture);

    struct spool *adopted = spool_fixture_adopt_and_read(fixture, &count);
    assert_int_equal(count, 19);
    assert_int_equal(spool_fixture_look(adopted).damaged, 1);
    spool_fixture_finish(adopted);
    assert_int_equal(spool_fixture_count(fixture, ".damaged"), 1);
}

static void only_the_newest_that_were_set_aside_are_kept(void **state)
{
    struct spool_fixture *fixture = *state;
    size_t count;

    for (uint64_t i = 0; i < 8; i++) {
        spool_fixture_append(fixture, 1 + 20 * i, 10);
        flip_bit(spool_fixture_path(fixture, ".segment", true), 8 + 60 + 8 + 5);
    }
    spool_fixture_die(fixture);
    struct spool *adopted = spool_fixture_adopt_and_read(fixture, &count);
    assert_int_equal(count, 0);
    assert_int_equal(spool_fixture_look(adopted).damaged, 8);
    spool_fixture_finish(adopted);
    assert_int_equal(spool_fixture_count(fixture, ".damaged"), 4);
    assert_non_null(strstr(spool_fixture_path(fixture, ".damaged", true), "141.damaged"));
    assert_non_null(strstr(spool_fixture_path(fixture, ".damaged", false), "81.damaged"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, spool_fixture_set_up, spool_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_torn_end_is_left_out_wherever_it_is_torn),
        TEST(a_segment_without_events_is_removed),
        TEST(a_damaged_segment_is_read_up_to_the_damage_and_set_aside),
        TEST(an_older_segment_that_ends_too_early_is_damaged),
        TEST(only_the_newest_that_were_set_aside_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
