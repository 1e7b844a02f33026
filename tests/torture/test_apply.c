/* The sink's story with every call to PostgreSQL failing in turn, before it did anything and after it did all: nothing
 * is stored or counted twice, and what failed leaves nothing behind. */
#include "consumer/ledger/apply.h"

#include "consumer/ledger/suspect_rows.h"
#include "proto/event.h"
#include "tests/support/fake_postgres.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { ENTRIES = 13, BATCHES = 4, TRIES_MAX = 3, COPIES_MAX = 8 };

struct story {
    struct arena arena; /* payloads */
    struct entry entries[ENTRIES];
    size_t count;
    struct apply *apply;
    struct sink sink;
};

/* Where each batch begins, and the end. */
static const size_t bounds[BATCHES + 1] = {0, 4, 9, 11, ENTRIES};

/* ---- entries ----------------------------------------------------------------------------------------------------- */

static void add_payload(struct story *story, enum entry_state state, struct slice payload)
{
    assert_true(story->count < ENTRIES);
    story->entries[story->count] = (struct entry){
        .id = {.ms = story->count + 1}, .state = state, .payload = payload, .payload_bytes = payload.size};
    story->count++;
}

static void add(struct story *story, uint8_t producer, struct event event)
{
    static const uint8_t digest[DIGEST_BYTES];
    struct error error;
    struct slice payload;

    event.producer_id = (struct uuid){{[0] = 1, [6] = 0x70, [8] = 0x80, [15] = producer}};
    event.occurred_at_us = 1;
    if (event.sequence > 1)
        event.previous_digest = slice_of(digest, DIGEST_BYTES);
    assert_true(event_encode(&event, &story->arena, &payload, &error));
    add_payload(story, ENTRY_WHOLE, payload);
}

static void add_opened(struct story *story, uint8_t producer, const char *host)
{
    add(story, producer,
        (struct event){.sequence = 1,
                       .body = EVENT_PRODUCER_OPENED,
                       .producer_opened = {.host = slice_from_text(host), .pid = 1}});
}

static void add_closed(struct story *story, uint8_t producer, uint64_t sequence)
{
    add(story, producer,
        (struct event){
            .sequence = sequence, .body = EVENT_PRODUCER_CLOSED, .producer_closed = {.last_sequence = sequence}});
}

static void add_task(struct story *story, uint8_t producer, uint64_t sequence, const char *task_id)
{
    add(story, producer,
        (struct event){.sequence = sequence,
                       .body = EVENT_TASK_STATUS,
                       .task_status = {.task_id = slice_from_text(task_id), .status = STATUS_RUNNING}});
}

/* The last one was delivered often. */
static void suspect(struct story *story)
{
    story->entries[story->count - 1].deliveries = SUSPECT_DELIVERIES;
}

/* Whatever a batch can hold: new events, the same again, others of the same name, rubbish, gaps. The last one holds
 * nothing new. */
static void add_entries(struct story *story)
{
    add_opened(story, 1, "one");
    add_task(story, 1, 2, "a");
    add_task(story, 1, 3, "b");
    add_opened(story, 2, "two");

    add_task(story, 1, 3, "b");
    add_task(story, 1, 4, "a");
    suspect(story);
    add_opened(story, 2, "another");
    add_payload(story, ENTRY_WHOLE, slice_from_text("rubbish"));
    add_payload(story, ENTRY_DELETED, (struct slice){0});

    add_closed(story, 2, 2);
    add_task(story, 1, 5, "b");

    add_task(story, 1, 2, "a");
    suspect(story);
    add_closed(story, 2, 2);
}

/* ---- the story --------------------------------------------------------------------------------------------------- */

static void begin(struct story *story)
{
    const struct apply_options options = {.stream = "taskledger:events", .shards = 1};
    struct error error;

    *story = (struct story){.count = 0};
    story->apply = apply_new(fake_postgres_reset(), &options, &error);
    assert_non_null(story->apply);
    story->sink = apply_sink(story->apply);
}

static void end(struct story *story)
{
    apply_free(story->apply);
    arena_close(&story->arena);
}

static bool left_nothing(const struct fake_ledger *before)
{
    return memcmp(before, &fake_postgres.ledger, sizeof *before) == 0;
}

/* Until it is applied, as the pump does. */
static void apply(struct story *story, size_t number)
{
    const struct batch batch = {.entries = story->entries + bounds[number],
                                .count = bounds[number + 1] - bounds[number]};
    struct fake_ledger before = fake_postgres.ledger;
    struct error error = {.kind = ERROR_NONE};

    for (int tries = 1; !story->sink.apply(story->sink.self, &batch, &error); tries++) {
        assert_int_equal(error.kind, ERROR_TRANSIENT);
        assert_true(tries < TRIES_MAX);
        assert_true(left_nothing(&before) || fake_postgres.fault == FAKE_LOST_AFTER);
    }
}

static void tell(struct story *story, int fails_at, enum fake_fault fault)
{
    begin(story);
    fake_postgres.fails_at = fails_at;
    fake_postgres.fault = fault;
    add_entries(story);
    for (size_t i = 0; i < BATCHES; i++)
        apply(story, i);
}

static void check_end(const struct story *story)
{
    const struct fake_ledger *ledger = &fake_postgres.ledger;
    const struct apply_counters *counters = apply_counters(story->apply);

    assert_int_equal(ledger->event_count, 7);
    assert_int_equal(fake_ledger_counted(ledger, "a"), 2);
    assert_int_equal(fake_ledger_counted(ledger, "b"), 2);
    assert_int_equal(ledger->task_count, 2);
    assert_int_equal(ledger->rejected_count, 2);
    assert_int_equal(ledger->lost_count, 1);
    assert_int_equal(ledger->tried_count, 2);
    assert_int_equal(counters->batches, BATCHES);
    assert_int_equal(counters->rejected[APPLY_IDENTITY_CONFLICT], 1);
    assert_int_equal(counters->rejected[APPLY_UNDECODABLE], 1);
    assert_int_equal(counters->deleted, 1);
    assert_int_equal(counters->events + counters->duplicates, 10); /* what was stored and not told came again */
}

static void every_call_may_fail_once(void **state)
{
    struct fake_ledger whole;
    struct story story;

    (void)state;
    tell(&story, 0, FAKE_REFUSED);
    check_end(&story);
    assert_int_equal(apply_counters(story.apply)->events, 7);
    whole = fake_postgres.ledger;
    int calls = fake_postgres.calls;
    assert_true(calls > 15);
    end(&story);

    for (enum fake_fault fault = 0; fault < FAKE_FAULTS; fault++)
        for (int at = 1; at <= calls; at++) {
            tell(&story, at, fault);
            check_end(&story);
            assert_memory_equal(&whole, &fake_postgres.ledger, sizeof whole);
            assert_true(fault == FAKE_LOST_AFTER || apply_counters(story.apply)->events == 7);
            end(&story);
        }
}

/* ---- others store the same --------------------------------------------------------------------------------------- */

static void an_event_that_was_just_stored_is_looked_up(void **state)
{
    struct story story;

    (void)state;
    begin(&story);
    add_entries(&story);
    fake_postgres.races = 1;
    apply(&story, 0);
    assert_int_equal(apply_counters(story.apply)->looked_up, 1);
    assert_int_equal(fake_postgres.ledger.event_count, 4);
    end(&story);
}

static void it_gives_up_when_others_are_always_faster(void **state)
{
    const struct fake_ledger nothing = {.event_count = 0};
    struct error error;
    struct story story;

    (void)state;
    begin(&story);
    add_entries(&story);
    fake_postgres.races = 1000;
    assert_false(story.sink.apply(story.sink.self, &(struct batch){.entries = story.entries, .count = 4}, &error));
    assert_int_equal(error.kind, ERROR_TRANSIENT);
    assert_string_equal(error.reason, "contention");
    assert_int_equal(fake_postgres.copies, COPIES_MAX);
    assert_true(left_nothing(&nothing));

    fake_postgres.races = 0;
    apply(&story, 0);
    assert_int_equal(fake_postgres.ledger.event_count, 4);
    end(&story);
}

/* ---- condemning -------------------------------------------------------------------------------------------------- */

static void begin_poisoned(struct story *story, struct error *why)
{
    begin(story);
    add_task(story, 1, 2, "poison");
    fake_postgres.refused_task = "poison";
    assert_false(story->sink.apply(story->sink.self, &(struct batch){.entries = story->entries, .count = 1}, why));
    assert_int_equal(why->kind, ERROR_REJECTED);
    fake_postgres.calls = 0;
}

static void check_condemned(const struct story *story)
{
    assert_int_equal(fake_postgres.ledger.event_count, 0);
    assert_int_equal(fake_postgres.ledger.task_count, 0);
    assert_int_equal(fake_postgres.ledger.rejected_count, 1);
    assert_int_equal(fake_postgres.ledger.run_count, 1);
    assert_int_equal(apply_counters(story->apply)->rejected[APPLY_REFUSED], 1);
}

static void what_alone_is_refused_is_condemned_once_whatever_fails(void **state)
{
    int calls = 1;

    (void)state;
    for (enum fake_fault fault = 0; fault < FAKE_FAULTS; fault++)
        for (int at = 0; at <= calls; at++) {
            struct story story;
            struct error why, error;

            begin_poisoned(&story, &why);
            fake_postgres.fails_at = at;
            fake_postgres.fault = fault;
            for (int tries = 1; !story.sink.condemn(story.sink.self, story.entries, &why, &error); tries++) {
                assert_int_equal(error.kind, ERROR_TRANSIENT);
                assert_true(tries < TRIES_MAX);
            }
            check_condemned(&story);
            if (at == 0)
                calls = fake_postgres.calls;
            end(&story);
        }
    assert_true(calls > 5);
}

static void nothing_is_condemned_while_good_events_are_refused_too(void **state)
{
    const struct fake_ledger nothing = {.event_count = 0};
    struct error why, error;
    struct story story;

    (void)state;
    begin_poisoned(&story, &why);
    fake_postgres.refuses_all = true;
    assert_false(story.sink.condemn(story.sink.self, story.entries, &why, &error));
    assert_int_equal(error.kind, ERROR_TRANSIENT);
    assert_string_equal(error.reason, "server");
    assert_true(left_nothing(&nothing));
    assert_int_equal(apply_counters(story.apply)->rejected[APPLY_REFUSED], 0);

    fake_postgres.refuses_all = false;
    assert_true(story.sink.condemn(story.sink.self, story.entries, &why, &error));
    check_condemned(&story);
    end(&story);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_call_may_fail_once),
        cmocka_unit_test(an_event_that_was_just_stored_is_looked_up),
        cmocka_unit_test(it_gives_up_when_others_are_always_faster),
        cmocka_unit_test(what_alone_is_refused_is_condemned_once_whatever_fails),
        cmocka_unit_test(nothing_is_condemned_while_good_events_are_refused_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
