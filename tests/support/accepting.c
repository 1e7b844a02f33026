#include "tests/support/accepting.h"

#include "proto/event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static int64_t unix_us(void *self)
{
    return atomic_load(&((struct accepting *)self)->unix_us);
}

static int64_t monotonic_us(void *self)
{
    return atomic_load(&((struct accepting *)self)->monotonic_us);
}

static struct slice encode(struct arena *arena, const struct event *event)
{
    struct slice body;
    struct error error;

    assert_true(event_encode_body(event, arena, &body, &error));
    return body;
}

struct slice accepting_status(struct arena *arena, const char *step, uint32_t attempt, size_t message_bytes)
{
    struct event event = {.body = EVENT_TASK_STATUS};

    event.task_status.task_id = slice_from_text("task");
    event.task_status.status = STATUS_RUNNING;
    event.task_status.step = slice_from_text(step);
    event.task_status.attempt = attempt;
    event.task_status.message = slice_of(memset(arena_take(arena, message_bytes), 'm', message_bytes), message_bytes);
    return encode(arena, &event);
}

void accepting_begin(struct accepting *accepting, size_t events, bool has_lanes)
{
    struct event opened = {.body = EVENT_PRODUCER_OPENED};
    struct error error;

    *accepting = (struct accepting){.unix_us = INT64_C(1700000000000000), .monotonic_us = 1};
    accepting->clock = (struct clock){.unix_us = unix_us, .monotonic_us = monotonic_us, .self = accepting};
    opened.producer_opened.host = slice_from_text("host");
    auditor_init(&accepting->auditor);

    struct accept_ground ground = {
        .queue = &accepting->queue,
        .clock = &accepting->clock,
        .opened = encode(&accepting->arena, &opened),
        .has_lanes = has_lanes,
    };
    assert_true(queue_init(&accepting->queue, events, QUEUE_BYTES_MIN));
    assert_true(chain_init(&accepting->chain));
    assert_true(accept_init(&accepting->accept, &ground, &error));
}

void accepting_end(struct accepting *accepting)
{
    auditor_close(&accepting->auditor);
    queue_close(&accepting->queue);
    chain_close(&accepting->chain);
    arena_close(&accepting->arena);
}

bool accepting_say(struct accepting *accepting, const struct draft *draft)
{
    struct accept_place place;

    return accept_at_once(&accepting->accept, draft, &place) || accept_event(&accepting->accept, draft);
}

void accepting_link(struct accepting *accepting)
{
    struct queue_record *record;

    while ((record = queue_raw(&accepting->queue)) != NULL) {
        chain_link(&accepting->chain, record);
        queue_finish(&accepting->queue);
    }
}

struct event accepting_deliver(struct accepting *accepting, size_t count)
{
    uint64_t ordinal = accepting->queue.first;
    struct queue_event event;

    accepting_link(accepting);
    for (size_t i = 0; i < count; i++) {
        assert_true(queue_next(&accepting->queue, &ordinal, &event));
        auditor_read(&accepting->auditor, event.payload);
    }
    queue_release(&accepting->queue, ordinal);
    return accepting->auditor.last;
}

struct event accepting_deliver_all(struct accepting *accepting)
{
    return accepting_deliver(accepting, queue_count(&accepting->queue));
}
