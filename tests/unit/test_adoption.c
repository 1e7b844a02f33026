/* adoption: the gone are adopted, one after the other, and those who live are left alone. */
#include "tests/support/adopting.h"

#include "tests/support/scratch.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- taking over ------------------------------------------------------------------------------------------------- */

static void where_there_is_nothing_nothing_is_taken(void **state)
{
    (void)state;
    assert_false(adopting_look());
    scratch_remove(adopting.directory);
    assert_false(adopting_look());
    assert_int_equal(adopting_left(), 0);
    assert_int_equal(adopting_count_abandoned(), 0);
}

static void who_is_gone_is_adopted_and_told(void **state)
{
    size_t count;

    (void)state;
    adopting_leave(1, false, 2000);
    assert_true(adopting_look());
    assert_int_equal(adopting_send_on(), 2000);
    assert_true(adoption_is_sent(adopting.adoption));

    const struct adopted_identity *identities = adoption_identities(adopting.adoption, &count);
    assert_int_equal(count, 1);
    assert_memory_equal(&identities[0].producer_id, adopting_producer(1).bytes, UUID_BYTES);
    assert_int_equal(identities[0].last_sequence, 2000);
    assert_false(identities[0].closed);
    struct digest digest = digester_hash(adopting.digester, adopting_make_event(1, 2000, false));
    assert_memory_equal(&identities[0].last_digest, &digest, DIGEST_BYTES);

    assert_int_equal(adopting_folders(), 1);
    assert_true(adoption_finish(adopting.adoption));
    assert_false(adoption_is_busy(adopting.adoption));
    assert_int_equal(adopting_folders(), 0);
    assert_int_equal(adoption_counters(adopting.adoption)->events, 2000);
    assert_int_equal(adoption_counters(adopting.adoption)->spools, 1);
}

static void only_one_that_keeps_knows_its_end(void **state)
{
    (void)state;
    adopting_leave(1, false, 3);
    adopting_leave(2, true, 3);
    assert_true(adopting_look());
    adopting_send_on();
    assert_false(adoption_knows_end(adopting.adoption));
    assert_true(adoption_finish(adopting.adoption));

    assert_true(adopting_look());
    adopting_send_on();
    assert_true(adoption_knows_end(adopting.adoption));
}

/* Three records, the last of which is torn, or has another last byte. */
static void leave_spoilt(bool torn)
{
    struct spool *spool = adopting_live(1, true);
    char path[256];

    adopting_append_many(spool, 1, 3);
    snprintf(path, sizeof path, "%s/%s/%020d.segment", adopting.directory, spool_name(spool), 1);
    spool_close(spool);

    int file = open(path, O_RDWR | O_CLOEXEC);
    off_t last = lseek(file, -1, SEEK_END);
    uint8_t byte;
    assert_int_equal(pread(file, &byte, 1, last), 1);
    byte = (uint8_t)~byte;
    assert_int_equal(torn ? ftruncate(file, last) : pwrite(file, &byte, 1, last) - 1, 0);
    close(file);
}

/* Whoever comes after the one that found the damage does not know the end either. */
static void where_the_newest_segment_is_damaged_nobody_knows_the_end(void **state)
{
    (void)state;
    leave_spoilt(false);
    for (int i = 0; i < 2; i++) {
        assert_true(adopting_look());
        assert_int_equal(adopting_send_on(), 2);
        assert_false(adoption_knows_end(adopting.adoption));
        adoption_let_go(adopting.adoption);
        assert_false(adopting_look());
    }
}

static void a_torn_end_is_an_end(void **state)
{
    (void)state;
    leave_spoilt(true);
    assert_true(adopting_look());
    assert_int_equal(adopting_send_on(), 2);
    assert_true(adoption_knows_end(adopting.adoption));
}

static void what_is_sent_is_what_was_recorded(void **state)
{
    (void)state;
    adopting_leave(1, false, 3);
    assert_true(adopting_look());
    assert_true(adoption_fill(adopting.adoption, &adopting.parcel, &adopting.error));
    assert_int_equal(adopting.parcel.count, 3);
    for (uint64_t i = 0; i < 3; i++)
        assert_true(slice_equal(parcel_payload(&adopting.parcel, &adopting.parcel.items[i]),
                                adopting_make_event(1, i + 1, false)));
}

/* Every second one, as where one of two shards is away. */
static void what_redis_has_of_a_parcel_is_not_sent_again(void **state)
{
    struct parcel *parcel = &adopting.parcel;

    (void)state;
    adopting_leave(1, false, 6);
    assert_true(adopting_look());
    assert_true(adoption_fill(adopting.adoption, parcel, &adopting.error));
    for (size_t i = 0; i < parcel->count; i += 2) {
        parcel->items[i].state = PARCEL_ANSWERED;
        parcel->items[i].id = (struct stream_id){.ms = i + 1};
    }
    adoption_sent_some(adopting.adoption, parcel);
    assert_true(adoption_fill(adopting.adoption, parcel, &adopting.error));
    assert_int_equal(parcel->count, 6);
    for (size_t i = 0; i < parcel->count; i++)
        assert_int_equal(parcel->items[i].state, i % 2 == 0 ? PARCEL_ANSWERED : PARCEL_WAITING);
    assert_int_equal(parcel->items[2].id.ms, 3);

    /* But it is, where Redis has lost it since. */
    adoption_rewind(adopting.adoption, 1);
    assert_true(adoption_fill(adopting.adoption, parcel, &adopting.error));
    assert_int_equal(parcel->items[2].state, PARCEL_WAITING);
}

static void who_said_goodbye_needs_no_word(void **state)
{
    struct spool *spool = adopting_live(1, false);
    size_t count;

    (void)state;
    adopting_append_many(spool, 1, 3);
    adopting_append(spool, 4, adopting_make_event(1, 4, true));
    adopting_append(spool, 5, adopting_make_event(2, 1, false));
    adopting_append(spool, 6, adopting_make_event(2, 2, false));
    spool_close(spool);

    assert_true(adopting_look());
    adopting_send_on();
    const struct adopted_identity *identities = adoption_identities(adopting.adoption, &count);
    assert_int_equal(count, 2);
    assert_true(identities[0].closed);
    assert_false(identities[1].closed);
    assert_int_equal(identities[1].last_sequence, 2);
}

static void who_lives_is_left_alone(void **state)
{
    struct spool *spool = adopting_live(1, true);

    (void)state;
    adopting_append_many(spool, 1, 10);
    assert_false(adopting_look());
    assert_int_equal(adopting_count_abandoned(), 0);
    spool_close(spool);
    assert_int_equal(adopting_count_abandoned(), 10);
    assert_true(adopting_look());
}

static void what_is_of_another_stream_is_left_alone(void **state)
{
    struct spool *spool = adopting_live_in(1, "other", false);

    (void)state;
    adopting_append_many(spool, 1, 10);
    spool_close(spool);
    assert_false(adopting_look());
    assert_int_equal(adopting_folders(), 1);
}

static void what_another_one_adopts_is_left_to_him(void **state)
{
    (void)state;
    adopting_leave(1, false, 10);
    assert_true(adopting_look());

    struct adoption *first = adopting.adoption;
    adopting.adoption = adopting_new_adoption();
    assert_false(adopting_look());
    adoption_let_go(first);
    assert_true(adopting_look());
    assert_int_equal(adopting_send_on(), 10);
    adoption_free(first);
}

static void one_after_the_other_is_adopted(void **state)
{
    (void)state;
    adopting_leave(1, false, 1);
    adopting_leave(2, true, 2);
    adopting_leave(3, false, 3);
    assert_int_equal(adopting_count_abandoned(), 6);
    for (uint8_t number = 1; number <= 3; number++) {
        assert_true(adopting_look());
        assert_int_equal(adopting_left(), number);
        assert_int_equal(adopting_send_on(), number);
        if (number == 2)
            adopting_archive(2, 2);
        assert_true(adoption_finish(adopting.adoption));
    }
    assert_false(adopting_look());
    assert_int_equal(adopting_folders(), 0);
}

/* The letting go stands for a disk that does not give it. */
static void one_that_was_tried_in_vain_does_not_hold_up_the_next(void **state)
{
    (void)state;
    adopting_leave(1, false, 1);
    adopting_leave(2, false, 2);
    assert_true(adopting_look());
    adoption_let_go(adopting.adoption);
    assert_true(adopting_look());
    assert_int_equal(adopting_send_on(), 2);
    assert_true(adoption_finish(adopting.adoption));
    assert_false(adopting_look());
    assert_true(adopting_look());
    assert_int_equal(adopting_send_on(), 1);
}

static void one_looks_when_it_is_time_to(void **state)
{
    (void)state;
    adopting_leave(1, false, 1);
    assert_true(adoption_look(adopting.adoption, false, &adopting.error));
    assert_false(adoption_is_busy(adopting.adoption));
    assert_in_range(adoption_due_us(adopting.adoption) - adopting.time_us, INT64_C(1000) * ADOPTION_FIRST_LOOK_MS,
                    INT64_C(2000) * ADOPTION_FIRST_LOOK_MS);
    adopting.time_us = adoption_due_us(adopting.adoption);
    assert_true(adoption_look(adopting.adoption, false, &adopting.error));
    assert_true(adoption_is_busy(adopting.adoption));
    adopting_send_on();
    assert_true(adoption_finish(adopting.adoption));

    assert_true(adoption_look(adopting.adoption, false, &adopting.error));
    assert_in_range(adoption_due_us(adopting.adoption) - adopting.time_us, INT64_C(1000) * ADOPTION_LOOK_MS,
                    INT64_C(2000) * ADOPTION_LOOK_MS);
}

static void among_many_who_live_some_are_tried_at_a_time(void **state)
{
    struct spool *living[ADOPTION_TRIES_MAX + 10];
    unsigned looks = 0;

    (void)state;
    for (uint8_t i = 0; i < ADOPTION_TRIES_MAX + 10; i++)
        living[i] = adopting_live(i, false);
    adopting_leave(200, false, 1);
    while (!adoption_is_busy(adopting.adoption)) {
        adopting.time_us = adoption_due_us(adopting.adoption);
        assert_true(adoption_look(adopting.adoption, false, &adopting.error));
        looks++;
    }
    assert_int_equal(looks, 2);
    for (size_t i = 0; i < ADOPTION_TRIES_MAX + 10; i++)
        spool_close(living[i]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, adopting_set_up, adopting_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(where_there_is_nothing_nothing_is_taken),
        TEST(who_is_gone_is_adopted_and_told),
        TEST(only_one_that_keeps_knows_its_end),
        TEST(where_the_newest_segment_is_damaged_nobody_knows_the_end),
        TEST(a_torn_end_is_an_end),
        TEST(what_is_sent_is_what_was_recorded),
        TEST(what_redis_has_of_a_parcel_is_not_sent_again),
        TEST(who_said_goodbye_needs_no_word),
        TEST(who_lives_is_left_alone),
        TEST(what_is_of_another_stream_is_left_alone),
        TEST(what_another_one_adopts_is_left_to_him),
        TEST(one_after_the_other_is_adopted),
        TEST(one_that_was_tried_in_vain_does_not_hold_up_the_next),
        TEST(one_looks_when_it_is_time_to),
        TEST(among_many_who_live_some_are_tried_at_a_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
