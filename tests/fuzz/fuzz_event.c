/* Any payload: it is refused with a reason, or it is an event that keeps its limits, can be stored, is the same to
 * protobuf-c, and comes back equal when it is encoded again. */
#include "proto/event.h"
#include "proto/json.h"
#include "proto/utf8.h"
#include "tests/support/second_reader.h"

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

static void check_refusal(const struct error *error)
{
    static const char *const reasons[] = {"oversized", "undecodable", "unknown_body", "unknown_status", "invalid"};
    bool known = false;

    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        known |= strcmp(error->reason, reasons[i]) == 0;
    assert(error->kind == ERROR_REJECTED && known && error->text[0] != '\0');
}

/* Of two errors in one status it keeps the first's text where the second's is given as empty. */
static void forget_merged(const struct task_status *ours, struct task_status *theirs)
{
    if (ours->error_type.size == 0)
        theirs->error_type.size = 0;
    if (ours->error_message.size == 0)
        theirs->error_message.size = 0;
    if (ours->error_traceback.size == 0)
        theirs->error_traceback.size = 0;
}

static void check_with_protobuf_c(const struct event *event, struct slice payload, struct arena *arena)
{
    struct event theirs;

    assert(second_reader_read(payload, arena, &theirs));
    if (event->body == EVENT_TASK_STATUS && theirs.body == EVENT_TASK_STATUS)
        forget_merged(&event->task_status, &theirs.task_status);
    assert(second_reader_same(event, &theirs));
}

static void check_accepted(const struct event *event, struct slice payload, struct arena *arena)
{
    struct error error = {.kind = ERROR_NONE};
    struct event again;
    struct slice encoded;
    bool has_identity;

    check_limits(event);
    check_with_protobuf_c(event, payload, arena);
    assert(event_check_head(event, &error) && event_check_body(event, &error));
    assert(event_encode(event, arena, &encoded, &error));
    assert(event_decode(encoded, &again, &has_identity, &error));
    assert(has_identity && second_reader_same(event, &again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena arena = {.limit_bytes = ARENA_BYTES};
    struct error error = {.kind = ERROR_NONE};
    struct event event;
    bool has_identity = false;

    if (event_decode(slice_of(data, size), &event, &has_identity, &error)) {
        assert(has_identity);
        check_accepted(&event, slice_of(data, size), &arena);
    } else {
        check_refusal(&error);
    }
    arena_reset(&arena, ARENA_BYTES);
    return 0;
}
