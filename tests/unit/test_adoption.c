/* adoption: what the gone left behind is sent on, as it is, and those who live are left alone. */
#include "producer/adoption.h"

#include "proto/digester.h"
#include "proto/event.h"
#include "tests/support/scratch.h"
#include "tests/support/story.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- a fixture -------------------------------------------------------------------------------------------------------- */

static struct fixture {
    char directory[64];
    int64_t time_us;
    struct adoption *adoption;
    struct digester *digester;
    struct parcel parcel;
    struct arena arena;
    struct error error;
    bool hashes;
} fixture;

static int64_t told(void *self)
{
    (void)self;
    return fixture.time_us;
}

static const struct clock stopped = {.monotonic_us = told, .unix_us = told};

static bool hash(void *self, struct slice payload, struct digest *digest)
{
    (void)self;
    if (fixture.hashes)
        *digest = digester_hash(fixture.digester, payload);
    return fixture.hashes;
}

static struct adoption *new_adoption(void)
{
    const struct adoption_options options = {
        .spool = {.directory = fixture.directory, .stream = "s", .bytes_max = SPOOL_BYTES_DEFAULT},
        .clock = &stopped,
        .seed = 7,
        .patience_ms = CONFIRM_PATIENCE_MS,
        .hash = hash,
    };

    return adoption_new(&options);
}

static int set_up(void **state)
{
    (void)state;
    fixture = (struct fixture){.time_us = INT64_C(1000000000000), .hashes = true};
    scratch_make(fixture.directory, sizeof fixture.directory);
    fixture.digester = digester_new();
    arena_init(&fixture.arena, 0);
    fixture.adoption = new_adoption();
    return parcel_init(&fixture.parcel) && fixture.adoption != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    adoption_free(fixture.adoption);
    parcel_close(&fixture.parcel);
    arena_close(&fixture.arena);
    digester_free(fixture.digester);
    scratch_remove(fixture.directory);
    return 0;
}

/* ---- those who go ----------------------------------------------------------------------------------------------------- */

static struct uuid producer(uint8_t number)
{
    return (struct uuid){.bytes = {0x01, 0x93, number, [6] = 0x70, [8] = 0x80}};
}

static struct spool *live_in(uint8_t number, const char *stream, bool keeps)
{
    struct uuid owner = producer(number);
    const struct spool_options options = {
        .directory = fixture.directory,
        .stream = stream,
        .owner = &owner,
        .keeps = keeps,
        .bytes_max = SPOOL_BYTES_DEFAULT,
    };
    struct spool *spool = spool_open(&options, &fixture.error);

    if (spool == NULL)
        fail_msg("%s", fixture.error.text);
    return spool;
}

static struct spool *live(uint8_t number, bool keeps)
{
    return live_in(number, "s", keeps);
}

static struct slice make_event(uint8_t number, uint64_t sequence, bool closed)
{
    struct event event = story_good_event();
    struct slice payload;

    event.producer_id = producer(number);
    event.sequence = sequence;
    if (sequence == 1)
        event.previous_digest.size = 0;
    if (closed) {
        event.body = EVENT_PRODUCER_CLOSED;
        event.producer_closed.last_sequence = sequence;
    }
    assert_true(event_encode(&event, &fixture.arena, &payload, &fixture.error));
    return payload;
}

static void append(struct spool *spool, uint64_t ordinal, struct slice payload)
{
    const struct spool_record record = {.ordinal = ordinal, .payload = payload};

    if (!spool_append(spool, &record, 1, &fixture.error))
        fail_msg("%s", fixture.error.text);
}

static void append_many(struct spool *spool, uint8_t number, uint64_t count)
{
    for (uint64_t event = 1; event <= count; event++)
        append(spool, event, make_event(number, event, false));
}

/* A producer that was killed. */
static void leave(uint8_t number, bool keeps, uint64_t count)
{
    struct spool *spool = live(number, keeps);

    append_many(spool, number, count);
    spool_close(spool);
}

static size_t folders(void)
{
    DIR *directory = opendir(fixture.directory);
    size_t count = 0;

    assert_non_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

/* ---- those who adopt -------------------------------------------------------------------------------------------------- */

static bool look(void)
{
    if (!adoption_look(fixture.adoption, true, &fixture.error))
        fail_msg("%s", fixture.error.text);
    return adoption_is_busy(fixture.adoption);
}

/* Redis answers for everything that comes next; returns how much that was. */
static size_t send_on(void)
{
    size_t sent = 0;

    for (;;) {
        if (!adoption_fill(fixture.adoption, &fixture.parcel, &fixture.error))
            fail_msg("%s", fixture.error.text);
        if (fixture.parcel.count == 0)
            return sent;
        for (size_t i = 0; i < fixture.parcel.count; i++)
            fixture.parcel.items[i].state = PARCEL_ANSWERED;
        sent += fixture.parcel.count;
        adoption_sent(fixture.adoption, &fixture.parcel);
    }
}

static void archive(uint8_t number, uint64_t sequence)
{
    struct confirm *confirm = adoption_confirm(fixture.adoption);
    struct uuid producer_id = producer(number);

    assert_non_null(confirm);
    uint64_t confirmed = confirm_archived(confirm, &producer_id, sequence);
    if (confirmed > 0)
        adoption_confirmed(fixture.adoption, confirmed);
}

static uint64_t left(void)
{
    uint64_t events;

    if (!adoption_left(fixture.adoption, &events, &fixture.error))
        fail_msg("%s", fixture.error.text);
    return events;
}

static uint64_t count_abandoned(void)
{
    const struct spool_options options = {.directory = fixture.directory, .stream = "s"};
    uint64_t events;

    if (!adoption_count(&options, &events, &fixture.error))
        fail_msg("%s", fixture.error.text);
    return events;
}

/* ---- taking over ------------------------------------------------------------------------------------------------------ */

static void where_there_is_nothing_nothing_is_taken(void **state)
{
    (void)state;
    assert_false(look());
    scratch_remove(fixture.directory);
    assert_false(look());
    assert_int_equal(left(), 0);
    assert_int_equal(count_abandoned(), 0);
}

static void who_is_gone_is_adopted_and_told(void **state)
{
    size_t count;

    (void)state;
    leave(1, false, 2000);
    assert_true(look());
    assert_int_equal(send_on(), 2000);
    assert_true(adoption_is_sent(fixture.adoption));

    const struct adopted_identity *identities = adoption_identities(fixture.adoption, &count);
    assert_int_equal(count, 1);
    assert_memory_equal(&identities[0].producer_id, producer(1).bytes, UUID_BYTES);
    assert_int_equal(identities[0].last_sequence, 2000);
    assert_false(identities[0].closed);
    struct digest digest = digester_hash(fixture.digester, make_event(1, 2000, false));
    assert_memory_equal(&identities[0].last_digest, &digest, DIGEST_BYTES);

    assert_int_equal(folders(), 1);
    assert_true(adoption_finish(fixture.adoption));
    assert_false(adoption_is_busy(fixture.adoption));
    assert_int_equal(folders(), 0);
    assert_int_equal(adoption_counters(fixture.adoption)->events, 2000);
    assert_int_equal(adoption_counters(fixture.adoption)->spools, 1);
}

static void what_is_sent_is_what_was_recorded(void **state)
{
    (void)state;
    leave(1, false, 3);
    assert_true(look());
    assert_true(adoption_fill(fixture.adoption, &fixture.parcel, &fixture.error));
    assert_int_equal(fixture.parcel.count, 3);
    for (uint64_t i = 0; i < 3; i++)
        assert_true(
            slice_equal(parcel_payload(&fixture.parcel, &fixture.parcel.items[i]), make_event(1, i + 1, false)));
}

static void who_said_goodbye_needs_no_word(void **state)
{
    struct spool *spool = live(1, false);
    size_t count;

    (void)state;
    append_many(spool, 1, 3);
    append(spool, 4, make_event(1, 4, true));
    append(spool, 5, make_event(2, 1, false));
    append(spool, 6, make_event(2, 2, false));
    spool_close(spool);

    assert_true(look());
    send_on();
    const struct adopted_identity *identities = adoption_identities(fixture.adoption, &count);
    assert_int_equal(count, 2);
    assert_true(identities[0].closed);
    assert_false(identities[1].closed);
    assert_int_equal(identities[1].last_sequence, 2);
}

static void who_lives_is_left_alone(void **state)
{
    struct spool *spool = live(1, true);

    (void)state;
    append_many(spool, 1, 10);
    assert_false(look());
    assert_int_equal(count_abandoned(), 0);
    spool_close(spool);
    assert_int_equal(count_abandoned(), 10);
    assert_true(look());
}

static void what_is_of_another_stream_is_left_alone(void **state)
{
    struct spool *spool = live_in(1, "other", false);

    (void)state;
    append_many(spool, 1, 10);
    spool_close(spool);
    assert_false(look());
    assert_int_equal(folders(), 1);
}

static void what_another_one_adopts_is_left_to_him(void **state)
{
    (void)state;
    leave(1, false, 10);
    assert_true(look());

    struct adoption *first = fixture.adoption;
    fixture.adoption = new_adoption();
    assert_false(look());
    adoption_let_go(first);
    assert_true(look());
    assert_int_equal(send_on(), 10);
    adoption_free(first);
}

static void one_after_the_other_is_adopted(void **state)
{
    (void)state;
    leave(1, false, 1);
    leave(2, true, 2);
    leave(3, false, 3);
    assert_int_equal(count_abandoned(), 6);
    for (uint8_t number = 1; number <= 3; number++) {
        assert_true(look());
        assert_int_equal(left(), number);
        assert_int_equal(send_on(), number);
        if (number == 2)
            archive(2, 2);
        assert_true(adoption_finish(fixture.adoption));
    }
    assert_false(look());
    assert_int_equal(folders(), 0);
}

/* The letting go stands for a disk that does not give it. */
static void one_that_was_tried_in_vain_does_not_hold_up_the_next(void **state)
{
    (void)state;
    leave(1, false, 1);
    leave(2, false, 2);
    assert_true(look());
    adoption_let_go(fixture.adoption);
    assert_true(look());
    assert_int_equal(send_on(), 2);
    assert_true(adoption_finish(fixture.adoption));
    assert_false(look());
    assert_true(look());
    assert_int_equal(send_on(), 1);
}

static void one_looks_when_it_is_time_to(void **state)
{
    (void)state;
    leave(1, false, 1);
    assert_true(adoption_look(fixture.adoption, false, &fixture.error));
    assert_false(adoption_is_busy(fixture.adoption));
    assert_in_range(adoption_due_us(fixture.adoption) - fixture.time_us, INT64_C(1000) * ADOPTION_FIRST_LOOK_MS,
                    INT64_C(2000) * ADOPTION_FIRST_LOOK_MS);
    fixture.time_us = adoption_due_us(fixture.adoption);
    assert_true(adoption_look(fixture.adoption, false, &fixture.error));
    assert_true(adoption_is_busy(fixture.adoption));
    send_on();
    assert_true(adoption_finish(fixture.adoption));

    assert_true(adoption_look(fixture.adoption, false, &fixture.error));
    assert_in_range(adoption_due_us(fixture.adoption) - fixture.time_us, INT64_C(1000) * ADOPTION_LOOK_MS,
                    INT64_C(2000) * ADOPTION_LOOK_MS);
}

static void among_many_who_live_some_are_tried_at_a_time(void **state)
{
    struct spool *living[ADOPTION_TRIES_MAX + 10];
    unsigned looks = 0;

    (void)state;
    for (uint8_t i = 0; i < ADOPTION_TRIES_MAX + 10; i++)
        living[i] = live(i, false);
    leave(200, false, 1);
    while (!adoption_is_busy(fixture.adoption)) {
        fixture.time_us = adoption_due_us(fixture.adoption);
        assert_true(adoption_look(fixture.adoption, false, &fixture.error));
        looks++;
    }
    assert_int_equal(looks, 2);
    for (size_t i = 0; i < ADOPTION_TRIES_MAX + 10; i++)
        spool_close(living[i]);
}

/* ---- keeping ---------------------------------------------------------------------------------------------------------- */

static void what_keeps_stays_until_the_ledger_has_it(void **state)
{
    (void)state;
    leave(1, true, 1000);
    assert_true(look());
    assert_int_equal(send_on(), 1000);
    assert_false(adoption_finish(fixture.adoption));
    assert_int_equal(left(), 1000);
    archive(1, 700);
    assert_int_equal(left(), 300);
    assert_false(adoption_finish(fixture.adoption));
    assert_int_equal(folders(), 1);
    archive(1, 1000);
    assert_int_equal(left(), 0);
    assert_true(adoption_finish(fixture.adoption));
    assert_int_equal(folders(), 0);
}

static void what_redis_lost_is_sent_again(void **state)
{
    struct confirm *confirm;

    (void)state;
    leave(1, true, 1000);
    assert_true(look());
    send_on();
    confirm = adoption_confirm(fixture.adoption);
    archive(1, 100);
    uint64_t from = confirm_looked(confirm, false);
    assert_int_equal(from, 101);
    adoption_rewind(fixture.adoption, from);
    assert_false(adoption_is_sent(fixture.adoption));
    assert_false(adoption_finish(fixture.adoption));
    assert_int_equal(send_on(), 900);
    assert_int_equal(adoption_counters(fixture.adoption)->events, 1000);
    archive(1, 1000);
    assert_true(adoption_finish(fixture.adoption));
}

static void who_hands_it_back_leaves_everything_to_the_next(void **state)
{
    (void)state;
    leave(1, true, 1000);
    assert_true(look());
    send_on();
    adoption_let_go(fixture.adoption);
    assert_int_equal(count_abandoned(), 1000);
    assert_false(look());
    assert_true(look());
    assert_int_equal(send_on(), 1000);
}

static void the_end_of_a_spool_stays_until_all_is_said(void **state)
{
    (void)state;
    leave(1, false, 10);
    assert_true(look());
    send_on();
    adoption_let_go(fixture.adoption);
    assert_true(count_abandoned() > 0);
}

/* ---- what nobody of us wrote ------------------------------------------------------------------------------------------ */

static void what_is_no_event_is_sent_on_and_told_of_nobody(void **state)
{
    struct spool *spool = live(1, true);
    size_t count;

    (void)state;
    append(spool, 1, slice_from_text("no event"));
    spool_close(spool);
    assert_true(look());
    assert_int_equal(send_on(), 1);
    adoption_identities(fixture.adoption, &count);
    assert_int_equal(count, 0);
    assert_true(adoption_finish(fixture.adoption));
}

static void identities_are_bounded(void **state)
{
    struct spool *spool = live(1, false);
    size_t count;

    (void)state;
    for (uint8_t number = 0; number < 2 * ADOPTION_IDENTITIES_MAX; number++)
        append(spool, number + 1U, make_event(number, 5, false));
    spool_close(spool);
    assert_true(look());
    assert_int_equal(send_on(), 2 * ADOPTION_IDENTITIES_MAX);
    adoption_identities(fixture.adoption, &count);
    assert_int_equal(count, ADOPTION_IDENTITIES_MAX);
}

static void who_cannot_hash_says_nothing(void **state)
{
    size_t count;

    (void)state;
    fixture.hashes = false;
    leave(1, false, 10);
    assert_true(look());
    send_on();
    assert_int_equal(adoption_identities(fixture.adoption, &count)->last_sequence, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(where_there_is_nothing_nothing_is_taken),
        TEST(who_is_gone_is_adopted_and_told),
        TEST(what_is_sent_is_what_was_recorded),
        TEST(who_said_goodbye_needs_no_word),
        TEST(who_lives_is_left_alone),
        TEST(what_is_of_another_stream_is_left_alone),
        TEST(what_another_one_adopts_is_left_to_him),
        TEST(one_after_the_other_is_adopted),
        TEST(one_that_was_tried_in_vain_does_not_hold_up_the_next),
        TEST(one_looks_when_it_is_time_to),
        TEST(among_many_who_live_some_are_tried_at_a_time),
        TEST(what_keeps_stays_until_the_ledger_has_it),
        TEST(what_redis_lost_is_sent_again),
        TEST(who_hands_it_back_leaves_everything_to_the_next),
        TEST(the_end_of_a_spool_stays_until_all_is_said),
        TEST(what_is_no_event_is_sent_on_and_told_of_nobody),
        TEST(identities_are_bounded),
        TEST(who_cannot_hash_says_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
