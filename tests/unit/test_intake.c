#include "consumer/ledger/intake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { ENTRIES_MAX = 16 };

/* Entries under construction; events live in the arena. */
struct story {
    struct intake intake;
    struct arena arena;
    struct entry entries[ENTRIES_MAX];
    size_t count;
};

static int begin(void **state)
{
    static struct story story;
    struct error error;

    memset(&story, 0, sizeof story);
    *state = &story;
    return intake_init(&story.intake, &error) ? 0 : -1;
}

static int end(void **state)
{
    struct story *story = *state;

    intake_close(&story->intake);
    arena_close(&story->arena);
    return 0;
}

static struct entry *add_bytes(struct story *story, struct slice payload)
{
    struct entry *entry = &story->entries[story->count++];

    assert_true(story->count <= ENTRIES_MAX);
    *entry = (struct entry){
        .id = {.ms = story->count}, .payload = payload, .payload_bytes = payload.size, .state = ENTRY_WHOLE};
    return entry;
}

static struct event event_of(uint8_t producer, uint64_t sequence, const char *message)
{
    static const uint8_t digest[DIGEST_BYTES];

    return (struct event){
        .producer_id = {{[0] = 1, [6] = 0x70, [8] = 0x80, [15] = producer}},
        .sequence = sequence,
        .previous_digest = sequence == 1 ? (struct slice){0} : slice_of(digest, DIGEST_BYTES),
        .occurred_at_us = 1,
        .body = EVENT_TASK_STATUS,
        .task_status = {.task_id = slice_from_text("task"),
                        .status = STATUS_RUNNING,
                        .message = slice_from_text(message),
                        .error_traceback = slice_from_text("traceback")},
    };
}

static void add(struct story *story, uint8_t producer, uint64_t sequence, const char *message)
{
    struct event event = event_of(producer, sequence, message);
    struct error error;
    struct slice payload;

    assert_true(event_encode(&event, &story->arena, &payload, &error));
    add_bytes(story, payload);
}

static void add_of_task(struct story *story, uint8_t producer, uint64_t sequence, const char *task)
{
    struct event event = event_of(producer, sequence, "x");
    struct error error;
    struct slice payload;

    event.task_status.task_id = slice_from_text(task);
    assert_true(event_encode(&event, &story->arena, &payload, &error));
    add_bytes(story, payload);
}

static void read(struct story *story)
{
    struct error error = {.kind = ERROR_NONE};
    const struct batch batch = {.entries = story->entries, .count = story->count};

    if (!intake_read(&story->intake, &batch, &error))
        fail_msg("%s", error.text);
}

static void expect_row(const struct story *story, size_t place, uint64_t stream_ms, enum intake_state state)
{
    const struct intake_row *row = story->intake.sorted[place];

    assert_int_equal(row->entry->id.ms, stream_ms);
    assert_int_equal(row->state, state);
}

static void rows_come_in_the_order_of_their_identities(void **state)
{
    struct story *story = *state;

    add(story, 2, 1, "");
    add(story, 1, 2, "");
    add(story, 1, 1, "");
    read(story);

    assert_int_equal(story->intake.count, 3);
    expect_row(story, 0, 3, INTAKE_NEW);
    expect_row(story, 1, 2, INTAKE_NEW);
    expect_row(story, 2, 1, INTAKE_NEW);
}

static void they_come_in_the_order_of_their_tasks_too(void **state)
{
    static const uint64_t expected[] = {4, 2, 5, 3, 1};
    struct story *story = *state;

    add_of_task(story, 1, 1, "b");
    add_of_task(story, 1, 2, "a");
    add_of_task(story, 0, 9, "b");
    add_of_task(story, 0, 7, "a");
    add_of_task(story, 2, 1, "a");
    read(story);
    assert_int_equal(story->intake.count, 5);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(story->intake.tasks[i]->entry->id.ms, expected[i]);
}

static void the_same_event_again_is_a_duplicate_and_another_a_conflict(void **state)
{
    struct story *story = *state;

    add(story, 1, 1, "first");
    add(story, 1, 1, "other");
    add(story, 1, 1, "first");
    add(story, 1, 2, "first");
    read(story);

    expect_row(story, 0, 1, INTAKE_NEW);
    expect_row(story, 1, 2, INTAKE_CONFLICT);
    expect_row(story, 2, 3, INTAKE_DUPLICATE);
    expect_row(story, 3, 4, INTAKE_NEW);
}

static void marking_again_forgets_what_was_looked_up(void **state)
{
    struct story *story = *state;

    add(story, 1, 1, "");
    read(story);
    story->intake.sorted[0]->state = INTAKE_DUPLICATE;
    assert_false(intake_has(&story->intake, INTAKE_NEW));
    intake_mark(&story->intake);
    assert_true(intake_has(&story->intake, INTAKE_NEW));
}

static void bytes_that_are_no_event_are_a_fault_with_its_reason(void **state)
{
    struct story *story = *state;

    add_bytes(story, slice_from_text("\xff\xff\xff"));
    add(story, 1, 1, "");
    read(story);

    const struct intake_fault *fault = story->intake.faults;
    assert_int_equal(story->intake.count, 1);
    assert_non_null(fault);
    assert_null(fault->next);
    assert_int_equal(fault->reason, APPLY_UNDECODABLE);
    assert_false(fault->has_identity);
    assert_true(fault->detail.size > 0);
}

static void a_bad_event_keeps_its_identity(void **state)
{
    struct story *story = *state;
    struct event event = event_of(9, 5, "");
    struct error error;
    struct slice payload;

    event.task_status.task_id = (struct slice){0};
    assert_true(event_encode(&event, &story->arena, &payload, &error));
    add_bytes(story, payload);
    read(story);

    const struct intake_fault *fault = story->intake.faults;
    assert_int_equal(story->intake.count, 0);
    assert_int_equal(fault->reason, APPLY_INVALID);
    assert_true(fault->has_identity);
    assert_int_equal(fault->sequence, 5);
    assert_int_equal(fault->producer_id.bytes[15], 9);
}

static void malformed_entries_are_faults_and_deleted_ones_nothing(void **state)
{
    struct story *story = *state;

    add_bytes(story, slice_from_text("something"))->state = ENTRY_MALFORMED;
    add_bytes(story, (struct slice){0})->state = ENTRY_DELETED;
    read(story);

    assert_int_equal(story->intake.count, 0);
    assert_int_equal(story->intake.faults->reason, APPLY_MALFORMED_ENTRY);
    assert_null(story->intake.faults->next);
}

static void an_event_that_repeats_itself_is_a_fault_and_no_failure(void **state)
{
    static uint8_t repeating[EVENT_BYTES_MAX];
    struct story *story = *state;

    for (size_t i = 0; i < sizeof repeating; i += 2)
        repeating[i] = 10 << 3 | 2; /* an empty task_status, thirty thousand times */
    add_bytes(story, slice_of(repeating, sizeof repeating));
    add(story, 1, 1, "");
    read(story);

    assert_int_equal(story->intake.count, 1);
    assert_non_null(story->intake.faults);
}

static void the_detail_of_a_fault_is_text_whatever_it_quotes(void **state)
{
    struct story *story = *state;
    const struct intake_fault fault = {.reason = APPLY_REFUSED};
    struct error error;

    read(story);
    assert_true(intake_add_fault(&story->intake, &fault, "caf\xc3\xa9 \xff cut\xc3", &error));
    assert_true(slice_equal(story->intake.faults->detail, slice_from_text("caf\xc3\xa9 ? cut?")));
}

static void the_next_batch_starts_empty(void **state)
{
    struct story *story = *state;

    add(story, 1, 1, "");
    add_bytes(story, slice_from_text("\xff"));
    read(story);
    story->count = 0;
    read(story);
    assert_int_equal(story->intake.count, 0);
    assert_null(story->intake.faults);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_come_in_the_order_of_their_identities, begin, end),
        cmocka_unit_test_setup_teardown(they_come_in_the_order_of_their_tasks_too, begin, end),
        cmocka_unit_test_setup_teardown(the_same_event_again_is_a_duplicate_and_another_a_conflict, begin, end),
        cmocka_unit_test_setup_teardown(marking_again_forgets_what_was_looked_up, begin, end),
        cmocka_unit_test_setup_teardown(bytes_that_are_no_event_are_a_fault_with_its_reason, begin, end),
        cmocka_unit_test_setup_teardown(a_bad_event_keeps_its_identity, begin, end),
        cmocka_unit_test_setup_teardown(malformed_entries_are_faults_and_deleted_ones_nothing, begin, end),
        cmocka_unit_test_setup_teardown(an_event_that_repeats_itself_is_a_fault_and_no_failure, begin, end),
        cmocka_unit_test_setup_teardown(the_detail_of_a_fault_is_text_whatever_it_quotes, begin, end),
        cmocka_unit_test_setup_teardown(the_next_batch_starts_empty, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
