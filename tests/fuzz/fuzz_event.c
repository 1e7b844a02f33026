/* Any payload: it is refused with a reason, or it is an event that keeps its limits, can be stored, and comes back equal
 * when it is encoded again. */
#include "proto/event.h"
#include "proto/json.h"
#include "proto/utf8.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA_BYTES = 1024 * 1024 };

static bool is_storable(struct slice text)
{
    return utf8_check(text) == text.size;
}

static void check_storable(const struct task_status *status)
{
    size_t offset;

    assert(status->task_id.size >= 1 && status->task_id.size <= EVENT_TASK_ID_BYTES_MAX);
    assert(is_storable(status->task_id) && is_storable(status->task_name) && is_storable(status->worker));
    assert(is_storable(status->step) && is_storable(status->message) && is_storable(status->traceparent));
    assert(is_storable(status->error_type) && is_storable(status->error_message));
    assert(is_storable(status->error_traceback) && is_storable(status->parent_task_id) && is_storable(status->queue));
    assert(!status->has_progress || (status->progress >= 0 && status->progress <= 1));
    assert(status->data_json.size == 0 || json_check_object(status->data_json, EVENT_JSON_DEPTH_MAX, &offset) == NULL);
}

static void check_limits(const struct event *event)
{
    assert(event->sequence >= 1 && event->sequence <= EVENT_SEQUENCE_MAX);
    assert(event->previous_digest.size == 0 || event->previous_digest.size == DIGEST_BYTES);
    if (event->body == EVENT_TASK_STATUS)
        check_storable(&event->task_status);
}

static bool same_task_status(const struct task_status *a, const struct task_status *b)
{
    return slice_equal(a->task_id, b->task_id) && a->status == b->status && a->attempt == b->attempt &&
           slice_equal(a->task_name, b->task_name) && slice_equal(a->worker, b->worker) &&
           slice_equal(a->step, b->step) && a->has_progress == b->has_progress &&
           memcmp(&a->progress, &b->progress, sizeof a->progress) == 0 && slice_equal(a->message, b->message) &&
           slice_equal(a->error_type, b->error_type) && slice_equal(a->error_message, b->error_message) &&
           slice_equal(a->error_traceback, b->error_traceback) && slice_equal(a->data_json, b->data_json) &&
           slice_equal(a->traceparent, b->traceparent) && slice_equal(a->parent_task_id, b->parent_task_id) &&
           slice_equal(a->queue, b->queue);
}

static bool same_opened(const struct producer_opened *a, const struct producer_opened *b)
{
    return slice_equal(a->host, b->host) && a->pid == b->pid && slice_equal(a->worker, b->worker) &&
           slice_equal(a->library_version, b->library_version) && a->confirms == b->confirms;
}

static bool same_dropped(const struct producer_dropped *a, const struct producer_dropped *b)
{
    return a->first_sequence == b->first_sequence && a->last_sequence == b->last_sequence &&
           slice_equal(a->reason, b->reason);
}

static bool same_adopted(const struct producer_adopted *a, const struct producer_adopted *b)
{
    return uuid_compare(&a->producer_id, &b->producer_id) == 0 && a->last_sequence == b->last_sequence &&
           slice_equal(a->last_digest, b->last_digest);
}

static bool same_body(const struct event *a, const struct event *b)
{
    switch (a->body) {
    case EVENT_TASK_STATUS:
        return same_task_status(&a->task_status, &b->task_status);
    case EVENT_PRODUCER_OPENED:
        return same_opened(&a->producer_opened, &b->producer_opened);
    case EVENT_PRODUCER_CLOSED:
        return a->producer_closed.last_sequence == b->producer_closed.last_sequence;
    case EVENT_PRODUCER_DROPPED:
        return same_dropped(&a->producer_dropped, &b->producer_dropped);
    case EVENT_PRODUCER_ADOPTED:
        return same_adopted(&a->producer_adopted, &b->producer_adopted);
    }
    return false;
}

static bool same_event(const struct event *a, const struct event *b)
{
    return uuid_compare(&a->producer_id, &b->producer_id) == 0 && a->sequence == b->sequence &&
           slice_equal(a->previous_digest, b->previous_digest) && a->occurred_at_us == b->occurred_at_us &&
           a->body == b->body && same_body(a, b);
}

/* An event is never condemned for want of memory: a megabyte is enough for each there is. */
static void check_refusal(const struct error *error)
{
    static const char *const reasons[] = {"oversized", "undecodable", "unknown_body", "unknown_status", "invalid"};
    bool known = false;

    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        known |= strcmp(error->reason, reasons[i]) == 0;
    assert(error->kind == ERROR_REJECTED && known && error->text[0] != '\0');
}

static void check_accepted(const struct event *event, struct arena *arena)
{
    struct error error = {.kind = ERROR_NONE};
    struct event again;
    struct slice payload;
    bool has_identity;

    check_limits(event);
    assert(event_check_head(event, &error) && event_check_body(event, &error));
    assert(event_encode(event, arena, &payload, &error));
    assert(event_decode(payload, arena, &again, &has_identity, &error));
    assert(has_identity && same_event(event, &again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena arena = {.limit_bytes = ARENA_BYTES};
    struct error error = {.kind = ERROR_NONE};
    struct event event;
    bool has_identity = false;

    if (event_decode(slice_of(data, size), &arena, &event, &has_identity, &error)) {
        assert(has_identity);
        check_accepted(&event, &arena);
    } else {
        check_refusal(&error);
    }
    arena_reset(&arena, ARENA_BYTES);
    return 0;
}
