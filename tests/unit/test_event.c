/* event: what is encoded comes back, and what breaks a limit is refused with a reason that helps. */
#include "proto/event.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t some_digest[DIGEST_BYTES] = {1, 2, 3};

static struct event good_event(void)
{
    return (struct event){
        .producer_id = {{0x01, 0x93, 0xaa}},
        .sequence = 7,
        .previous_digest = {some_digest, DIGEST_BYTES},
        .occurred_at_us = 1795298400000000,
        .body = EVENT_TASK_STATUS,
        .task_status =
            {
                .task_id = slice_from_text("order-4711"),
                .status = STATUS_RUNNING,
                .attempt = 2,
                .task_name = slice_from_text("make_invoice"),
                .worker = slice_from_text("worker-3"),
                .step = slice_from_text("r\xc3\xa4nder"),
                .has_progress = true,
                .progress = 0.25,
                .message = slice_from_text("12 of 48"),
                .error_type = slice_from_text("ValueError"),
                .error_message = slice_from_text("no such page"),
                .error_traceback = slice_from_text("line 1\nline 2"),
                .data_json = slice_from_text("{\"pages\": 48}"),
                .traceparent = slice_from_text("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
                .parent_task_id = slice_from_text("order-4700"),
                .queue = slice_from_text("invoices"),
            },
    };
}

struct fixture {
    struct arena arena;
    struct error error;
    struct event decoded;
    bool has_identity;
};

static int set_up(void **state)
{
    static struct fixture fixture;

    fixture = (struct fixture){.error = {.kind = ERROR_NONE}};
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    arena_close(&fixture->arena);
    return 0;
}

static struct slice encode(struct fixture *fixture, const struct event *event)
{
    struct slice payload;

    assert_true(event_encode(event, &fixture->arena, &payload, &fixture->error));
    return payload;
}

static bool decode(struct fixture *fixture, struct slice payload)
{
    return event_decode(payload, &fixture->arena, &fixture->decoded, &fixture->has_identity, &fixture->error);
}

static void assert_refused(struct fixture *fixture, const struct event *event, const char *reason, const char *text)
{
    assert_false(decode(fixture, encode(fixture, event)));
    assert_int_equal(fixture->error.kind, ERROR_REJECTED);
    assert_string_equal(fixture->error.reason, reason);
    if (strstr(fixture->error.text, text) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", fixture->error.text, text);
}

static void assert_text(struct slice found, const char *wanted)
{
    assert_int_equal(found.size, strlen(wanted));
    assert_memory_equal(found.data, wanted, found.size);
}

static void every_field_of_a_task_status_comes_back(void **state)
{
    struct fixture *fixture = *state;
    struct event event = good_event();

    assert_true(decode(fixture, encode(fixture, &event)));
    assert_true(fixture->has_identity);
    assert_int_equal(uuid_compare(&fixture->decoded.producer_id, &event.producer_id), 0);
    assert_int_equal(fixture->decoded.sequence, 7);
    assert_true(slice_equal(fixture->decoded.previous_digest, event.previous_digest));
    assert_int_equal(fixture->decoded.occurred_at_us, event.occurred_at_us);

    const struct task_status *task = &fixture->decoded.task_status;
    assert_text(task->task_id, "order-4711");
    assert_int_equal(task->status, STATUS_RUNNING);
    assert_int_equal(task->attempt, 2);
    assert_text(task->task_name, "make_invoice");
    assert_text(task->worker, "worker-3");
    assert_text(task->step, "r\xc3\xa4nder");
    assert_true(task->has_progress);
    assert_true(fabs(task->progress - 0.25) < 1e-12);
    assert_text(task->message, "12 of 48");
    assert_text(task->error_type, "ValueError");
    assert_text(task->error_message, "no such page");
    assert_text(task->error_traceback, "line 1\nline 2");
    assert_text(task->data_json, "{\"pages\": 48}");
    assert_text(task->traceparent, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    assert_text(task->parent_task_id, "order-4700");
    assert_text(task->queue, "invoices");
}

static void a_progress_of_zero_differs_from_none(void **state)
{
    struct fixture *fixture = *state;
    struct event event = good_event();

    event.task_status.progress = 0.0;
    assert_true(decode(fixture, encode(fixture, &event)));
    assert_true(fixture->decoded.task_status.has_progress);

    event.task_status.has_progress = false;
    assert_true(decode(fixture, encode(fixture, &event)));
    assert_false(fixture->decoded.task_status.has_progress);
}

static void producer_events_come_back(void **state)
{
    struct fixture *fixture = *state;
    struct event event = good_event();

    event.body = EVENT_PRODUCER_OPENED;
    event.producer_opened = (struct producer_opened){
        .host = slice_from_text("node-1"), .pid = 4711, .worker = slice_from_text("w"), .confirms = true};
    assert_true(decode(fixture, encode(fixture, &event)));
    assert_int_equal(fixture->decoded.body, EVENT_PRODUCER_OPENED);
    assert_int_equal(fixture->decoded.producer_opened.pid, 4711);
    assert_true(fixture->decoded.producer_opened.confirms);

    event.body = EVENT_PRODUCER_CLOSED;
    event.producer_closed.last_sequence = event.sequence;
    assert_true(decode(fixture, encode(fixture, &event)));
    assert_int_equal(fixture->decoded.producer_closed.last_sequence, event.sequence);

    event.body = EVENT_PRODUCER_DROPPED;
    event.producer_dropped =
        (struct producer_dropped){.first_sequence = 3, .last_sequence = 6, .reason = slice_from_text("full")};
    assert_true(decode(fixture, encode(fixture, &event)));
    assert_int_equal(fixture->decoded.producer_dropped.first_sequence, 3);
    assert_int_equal(fixture->decoded.producer_dropped.last_sequence, 6);
    assert_text(fixture->decoded.producer_dropped.reason, "full");

    event.body = EVENT_PRODUCER_ADOPTED;
    event.producer_adopted = (struct producer_adopted){
        .producer_id = {{9}}, .last_sequence = 12, .last_digest = {some_digest, DIGEST_BYTES}};
    assert_true(decode(fixture, encode(fixture, &event)));
    assert_int_equal(fixture->decoded.producer_adopted.producer_id.bytes[0], 9);
    assert_int_equal(fixture->decoded.producer_adopted.last_sequence, 12);
}

static void head_and_body_put_together_are_the_event(void **state)
{
    struct fixture *fixture = *state;
    struct event event = good_event();
    uint8_t whole[EVENT_BYTES_MAX];
    uint8_t head[EVENT_HEAD_BYTES_MAX];
    struct slice body;

    size_t head_size = event_encode_head(&event, head);
    assert_true(event_encode_body(&event, &fixture->arena, &body, &fixture->error));
    memcpy(whole, head, head_size);
    memcpy(whole + head_size, body.data, body.size);
    assert_true(slice_equal(slice_of(whole, head_size + body.size), encode(fixture, &event)));
}

static void the_largest_head_fits(void **state)
{
    struct event event = good_event();
    uint8_t head[EVENT_HEAD_BYTES_MAX];

    (void)state;
    memset(event.producer_id.bytes, 0xff, UUID_BYTES);
    event.sequence = UINT64_MAX;
    event.occurred_at_us = -1;
    assert_true(event_encode_head(&event, head) <= EVENT_HEAD_BYTES_MAX);
}

static void task_ids_have_1_to_255_bytes(void **state)
{
    struct fixture *fixture = *state;
    struct event event = good_event();
    char name[300];

    memset(name, 'x', sizeof name);
    event.task_status.task_id = slice_of(name, 255);
    assert_true(decode(fixture, encode(fixture, &event)));
    event.task_status.task_id = slice_of(name, 256);
    assert_refused(fixture, &event, "invalid", "task_id: 256 bytes, at most 255");
    event.task_status.task_id = slice_of(name, 0);
    assert_refused(fixture, &event, "invalid", "task_id: empty");
    event.task_status.task_id = slice_of(name, 1);
    event.task_status.parent_task_id = slice_of(name, 256);
    assert_refused(fixture, &event, "invalid", "parent_task_id: 256 bytes, at most 255");
}

static void numbers_have_limits(void **state)
{
    struct fixture *fixture = *state;
    struct event event = good_event();

    event.task_status.attempt = EVENT_ATTEMPT_MAX;
    assert_true(decode(fixture, encode(fixture, &event)));
    event.task_status.attempt = EVENT_ATTEMPT_MAX + 1;
    assert_refused(fixture, &event, "invalid", "attempt: 2147483648, at most 2147483647");

    const double wrong[] = {-0.001, 1.001, NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        event = good_event();
        event.task_status.progress = wrong[i];
        assert_refused(fixture, &event, "invalid", "progress: ");
    }

    event = good_event();
    event.sequence = 0;
    assert_refused(fixture, &event, "invalid", "sequence: 0, must be from 1");
    assert_false(fixture->has_identity);
    event.sequence = EVENT_SEQUENCE_MAX + 1;
    assert_refused(fixture, &event, "invalid", "sequence: 9223372036854775808");

    event = good_event();
    event.occurred_at_us = 0;
    assert_refused(fixture, &event, "invalid", "occurred_at_us: 0");
    event.occurred_at_us = EVENT_TIME_MAX_US + 1;
    assert_refused(fixture, &event, "invalid", "occurred_at_us: 253402300800000000");
}

static void a_digest_is_whole_or_absent(void **state)
{
    struct fixture *fixture = *state;
    struct event event = good_event();

    event.previous_digest.size = 0;
    assert_true(decode(fixture, encode(fixture, &event)));
    event.previous_digest.size = 31;
    assert_refused(fixture, &event, "invalid", "previous_digest: 31 bytes, must be none or 32");
}

static void what_producers_say_of_their_numbers_must_hold(void **state)
{
    struct fixture *fixture = *state;
    struct event event = good_event();

    event.body = EVENT_PRODUCER_CLOSED;
    event.producer_closed.last_sequence = 8;
    assert_refused(fixture, &event, "invalid", "last_sequence: 8, must be the event's own, 7");

    event.body = EVENT_PRODUCER_DROPPED;
    event.producer_dropped = (struct producer_dropped){.first_sequence = 5, .last_sequence = 4};
    assert_refused(fixture, &event, "invalid", "first_sequence: 5");
    event.producer_dropped = (struct producer_dropped){.first_sequence = 5, .last_sequence = 7};
    assert_refused(fixture, &event, "invalid", "must be below the event's own, 7");

    event.body = EVENT_PRODUCER_ADOPTED;
    event.producer_adopted = (struct producer_adopted){.last_sequence = 1, .last_digest = {some_digest, 16}};
    assert_refused(fixture, &event, "invalid", "last_digest: 16 bytes, must be 32");
}

static void an_unknown_status_keeps_its_identity(void **state)
{
    struct fixture *fixture = *state;
    struct event event = good_event();

    event.task_status.status = (enum status)9;
    assert_refused(fixture, &event, "unknown_status", "status: 9");
    assert_true(fixture->has_identity);
    assert_int_equal(fixture->decoded.sequence, 7);

    event.task_status.status = STATUS_UNSPECIFIED;
    assert_refused(fixture, &event, "invalid", "status: not given");
}

static void data_must_be_a_json_object(void **state)
{
    struct fixture *fixture = *state;
    struct event event = good_event();

    event.task_status.data_json = slice_from_text("[1]");
    assert_refused(fixture, &event, "invalid", "data_json: ");
    event.task_status.data_json = slice_from_text("{\"a\": \"\\u0000\"}");
    assert_refused(fixture, &event, "invalid", "data_json: ");
}

/* Wire bytes by hand: what our own encoder would never make. */
static struct slice with_head(uint8_t *buffer, const void *rest, size_t rest_size)
{
    struct event event = good_event();
    size_t head_size = event_encode_head(&event, buffer);

    memcpy(buffer + head_size, rest, rest_size);
    return slice_of(buffer, head_size + rest_size);
}

static void a_nul_inside_a_string_is_not_cut_but_refused(void **state)
{
    static const uint8_t body[] = {0x52, 7, 0x0a, 3, 'a', 0, 'b', 0x10, 3};
    struct fixture *fixture = *state;
    uint8_t buffer[256];

    assert_false(decode(fixture, with_head(buffer, body, sizeof body)));
    assert_string_equal(fixture->error.reason, "invalid");
    assert_string_equal(fixture->error.text, "TaskStatus.task_id: byte 1 is a NUL");
    assert_true(fixture->has_identity);
}

static void text_that_is_not_utf8_is_refused(void **state)
{
    static const uint8_t body[] = {0x52, 6, 0x0a, 2, 'a', 0xff, 0x10, 3};
    struct fixture *fixture = *state;
    uint8_t buffer[256];

    assert_false(decode(fixture, with_head(buffer, body, sizeof body)));
    assert_string_equal(fixture->error.text, "TaskStatus.task_id: byte 1 is not UTF-8");
    assert_true(fixture->has_identity);
}

static void a_body_of_a_newer_producer_is_unknown_not_broken(void **state)
{
    static const uint8_t body[] = {0x9a, 0x06, 2, 0x08, 1}; /* field 99, a message */
    struct fixture *fixture = *state;
    uint8_t buffer[256];

    assert_false(decode(fixture, with_head(buffer, body, sizeof body)));
    assert_string_equal(fixture->error.reason, "unknown_body");
    assert_true(fixture->has_identity);
}

static void unknown_fields_are_passed_over(void **state)
{
    static const uint8_t body[] = {0x52, 11, 0x0a, 1, 'a', 0x10, 3, 0x9a, 0x06, 3, 0xff, 0, 0xff, 0x98, 0x06, 5};
    struct fixture *fixture = *state;
    uint8_t buffer[256];

    assert_true(decode(fixture, with_head(buffer, body, sizeof body)));
    assert_text(fixture->decoded.task_status.task_id, "a");
}

static void a_flood_of_unknown_fields_takes_no_memory(void **state)
{
    struct fixture *fixture = *state;
    static uint8_t flood[EVENT_BYTES_MAX];

    for (size_t i = 0; i < sizeof flood; i += 4)
        memcpy(flood + i, (const uint8_t[]){0x98, 0x06, 0x98, 0x06}, 4); /* field 99, varint 792 */
    assert_false(decode(fixture, slice_of(flood, sizeof flood)));
    assert_string_equal(fixture->error.reason, "undecodable");
    assert_true(fixture->arena.held_bytes <= 128 * 1024);
}

static void garbage_is_undecodable(void **state)
{
    struct fixture *fixture = *state;
    static const uint8_t group[] = {0x0b, 0x0c};
    static const uint8_t short_field[] = {0x0a, 16, 1, 2};
    static const uint8_t endless[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

    assert_false(decode(fixture, slice_of(group, sizeof group)));
    assert_string_equal(fixture->error.reason, "undecodable");
    assert_false(decode(fixture, slice_of(short_field, sizeof short_field)));
    assert_string_equal(fixture->error.reason, "undecodable");
    assert_false(decode(fixture, slice_of(endless, sizeof endless)));
    assert_string_equal(fixture->error.reason, "undecodable");
    assert_false(decode(fixture, slice_of(NULL, 0)));
    assert_int_equal(fixture->error.kind, ERROR_REJECTED);
}

static void an_oversized_event_is_not_even_looked_at(void **state)
{
    struct fixture *fixture = *state;
    static uint8_t large[EVENT_BYTES_MAX + 1];

    assert_false(decode(fixture, slice_of(large, sizeof large)));
    assert_string_equal(fixture->error.reason, "oversized");
}

static void short_memory_never_condemns_an_event(void **state)
{
    struct fixture *fixture = *state;
    struct event event = good_event();
    struct slice payload = encode(fixture, &event);
    struct arena tiny;

    arena_init(&tiny, 1);
    assert_false(event_decode(payload, &tiny, &fixture->decoded, &fixture->has_identity, &fixture->error));
    assert_int_equal(fixture->error.kind, ERROR_FATAL);
    assert_string_equal(fixture->error.reason, "memory");
    arena_close(&tiny);
}

static void statuses_are_read_in_any_case(void **state)
{
    (void)state;
    assert_int_equal(status_parse(slice_from_text("partial_failure")), STATUS_PARTIAL_FAILURE);
    assert_int_equal(status_parse(slice_from_text("STATUS_RUNNING")), STATUS_RUNNING);
    assert_int_equal(status_parse(slice_from_text("UNSPECIFIED")), STATUS_UNSPECIFIED);
    assert_int_equal(status_parse(slice_from_text("DONE")), STATUS_UNSPECIFIED);
    assert_int_equal(status_parse(slice_from_text("")), STATUS_UNSPECIFIED);
    assert_string_equal(status_name(STATUS_CANCELLED), "CANCELLED");
    assert_string_equal(status_name((enum status)77), "UNSPECIFIED");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_field_of_a_task_status_comes_back),
        TEST(a_progress_of_zero_differs_from_none),
        TEST(producer_events_come_back),
        TEST(head_and_body_put_together_are_the_event),
        TEST(the_largest_head_fits),
        TEST(task_ids_have_1_to_255_bytes),
        TEST(numbers_have_limits),
        TEST(a_digest_is_whole_or_absent),
        TEST(what_producers_say_of_their_numbers_must_hold),
        TEST(an_unknown_status_keeps_its_identity),
        TEST(data_must_be_a_json_object),
        TEST(a_nul_inside_a_string_is_not_cut_but_refused),
        TEST(text_that_is_not_utf8_is_refused),
        TEST(a_body_of_a_newer_producer_is_unknown_not_broken),
        TEST(unknown_fields_are_passed_over),
        TEST(a_flood_of_unknown_fields_takes_no_memory),
        TEST(garbage_is_undecodable),
        TEST(an_oversized_event_is_not_even_looked_at),
        TEST(short_memory_never_condemns_an_event),
        TEST(statuses_are_read_in_any_case),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
