#include "tests/support/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t some_digest[DIGEST_BYTES] = {1, 2, 3};

struct event story_good_event(void)
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

struct slice story_digest(void)
{
    return slice_of(some_digest, DIGEST_BYTES);
}

int story_set_up(void **state)
{
    static struct story story;

    story = (struct story){.error = {.kind = ERROR_NONE}};
    *state = &story;
    return 0;
}

int story_tear_down(void **state)
{
    struct story *story = *state;

    arena_close(&story->arena);
    return 0;
}

struct slice story_encode(struct story *story, const struct event *event)
{
    struct slice payload;

    assert_true(event_encode(event, &story->arena, &payload, &story->error));
    return payload;
}

bool story_decode(struct story *story, struct slice payload)
{
    return event_decode(payload, &story->decoded, &story->has_identity, &story->error);
}

void story_assert_refused(struct story *story, const struct event *event, const char *reason, const char *text)
{
    assert_false(story_decode(story, story_encode(story, event)));
    assert_int_equal(story->error.kind, ERROR_REJECTED);
    assert_string_equal(story->error.reason, reason);
    if (strstr(story->error.text, text) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", story->error.text, text);
}

void story_assert_text(struct slice found, const char *wanted)
{
    assert_int_equal(found.size, strlen(wanted));
    assert_memory_equal(found.data, wanted, found.size);
}
