#include "producer/statement.h"

#include "proto/digester.h"
#include "proto/json_writer.h"
#include "proto/stream.h"
#include "proto/utf8.h"

#include <assert.h>
#include <string.h>

/* What a longer data_json adds around itself: its tag, its length, and longer lengths of what encloses it. */
enum { DATA_FRAME_BYTES = 8 };

bool statement_take(const struct taskledger_event *given, struct taskledger_event *said, struct error *error)
{
    *said = (struct taskledger_event)TASKLEDGER_EVENT_INIT;
    if (given->struct_size < sizeof given->struct_size)
        return error_set(error, ERROR_REJECTED, "invalid", "struct_size: not set; begin with TASKLEDGER_EVENT_INIT");
    memcpy(said, given, given->struct_size < sizeof *said ? given->struct_size : sizeof *said);
    return true;
}

static bool is_given(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static struct event event_of(const struct taskledger_event *said, const char *worker)
{
    struct event event = {.body = EVENT_TASK_STATUS};

    event.occurred_at_us = said->occurred_at_us;
    event.task_status = (struct task_status){
        .task_id = slice_from_text(said->task_id),
        .status = (enum status)said->status,
        .attempt = said->attempt,
        .task_name = slice_from_text(said->task_name),
        .worker = slice_from_text(is_given(said->worker) ? said->worker : worker),
        .step = slice_from_text(said->step),
        .has_progress = !(said->progress < 0.0), /* not a number is given, and refused */
        .progress = said->progress,
        .message = slice_from_text(said->message),
        .error_type = slice_from_text(said->error_type),
        .error_message = slice_from_text(said->error_message),
        .error_traceback = slice_from_text(said->error_traceback),
        .data_json = slice_from_text(said->data_json),
        .traceparent = slice_from_text(said->traceparent),
        .parent_task_id = slice_from_text(said->parent_task_id),
        .queue = slice_from_text(said->queue),
    };
    return event;
}

static size_t bytes_without_data(const struct task_status *task)
{
    return event_text_bytes(task) - task->data_json.size;
}

static bool oversized(size_t bytes, struct error *error)
{
    return error_set(error, ERROR_REJECTED, "oversized", "the event has %zu bytes without data_json, at most %d", bytes,
                     STATEMENT_BYTES_MAX);
}

static bool check(const struct event *event, struct error *error)
{
    /* Sizes first: no time is spent on reading what cannot be accepted. */
    if (bytes_without_data(&event->task_status) > STATEMENT_BYTES_MAX)
        return oversized(bytes_without_data(&event->task_status), error);
    if (event->occurred_at_us < 0 || event->occurred_at_us > EVENT_TIME_MAX_US)
        return error_set(error, ERROR_REJECTED, "invalid", "occurred_at_us: %lld, must be 0 for now, or up to %lld",
                         (long long)event->occurred_at_us, (long long)EVENT_TIME_MAX_US);
    return event_check_body(event, error) && event_check_texts(event, error);
}

/* ---- cutting ----------------------------------------------------------------------------------------------------- */

static void write_mark(struct json_writer *json, struct slice data, const char *sha256, size_t head_bytes)
{
    json_writer_reset(json);
    json_writer_object_begin(json);
    json_writer_key(json, "taskledger_cut");
    json_writer_object_begin(json);
    json_writer_key(json, "bytes");
    json_writer_unsigned(json, data.size);
    json_writer_key(json, "sha256");
    json_writer_text(json, sha256);
    json_writer_key(json, "head");
    json_writer_string(json, utf8_cut(data, head_bytes));
    json_writer_object_end(json);
    json_writer_object_end(json);
}

static bool hash(struct slice data, char sha256[DIGEST_HEX_BYTES])
{
    struct digester *digester = digester_new();

    if (digester == NULL)
        return false;
    struct digest digest = digester_hash(digester, data);
    digest_format(&digest, sha256);
    digester_free(digester);
    return true;
}

/* With as much of the data as `room` bytes hold. */
static void fit_mark(struct json_writer *json, struct slice data, const char *sha256, size_t room)
{
    size_t head_bytes = 0;

    write_mark(json, data, sha256, 0);
    if (json->length < room)
        head_bytes = room - json->length;

    /* What quoting adds is known only after writing; a byte of the head less is at least a byte of the mark less. */
    write_mark(json, data, sha256, head_bytes);
    while (!json->failed && json->length > room && head_bytes > 0) {
        size_t excess = json->length - room;

        head_bytes -= excess < head_bytes ? excess : head_bytes;
        write_mark(json, data, sha256, head_bytes);
    }
}

/* Put the mark, of at most `room` bytes, in the place of the data; nothing when not even a bare one fits. */
static bool mark_cut(struct slice *data, size_t room, struct arena *arena, struct error *error)
{
    struct json_writer json = {.text = NULL};
    char sha256[DIGEST_HEX_BYTES];

    bool whole = hash(*data, sha256);
    if (whole)
        fit_mark(&json, *data, sha256, room);

    *data = arena_copy(arena, json.length <= room ? json_writer_slice(&json) : slice_of(NULL, 0));
    whole = whole && !json.failed && (data->size == 0 || data->data != NULL);
    json_writer_close(&json);
    return whole || error_set(error, ERROR_FATAL, "memory", "cannot get memory for an event");
}

static bool encode_cut(struct event *event, struct arena *arena, struct slice *body, struct error *error)
{
    struct slice data = event->task_status.data_json;
    struct slice bare;

    event->task_status.data_json = slice_of(NULL, 0);
    if (!event_encode_body(event, arena, &bare, error))
        return false;
    if (bare.size + DATA_FRAME_BYTES > STATEMENT_BYTES_MAX)
        return oversized(bare.size, error);

    size_t room = STATEMENT_BYTES_MAX - DATA_FRAME_BYTES - bare.size;
    if (!mark_cut(&data, room, arena, error))
        return false;
    if (data.size == 0)
        return oversized(bare.size, error);

    event->task_status.data_json = data;
    return event_encode_body(event, arena, body, error);
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

bool statement_make(const struct taskledger_event *said, const struct speaker *speaker, struct arena *arena,
                    struct draft *draft, struct error *error)
{
    struct taskledger_event whole;
    struct slice body;

    if (!statement_take(said, &whole, error))
        return false;

    struct event event = event_of(&whole, speaker->worker);
    const struct task_status *task = &event.task_status;
    if (!check(&event, error))
        return false;

    /* Unless it is too large even before it is encoded. */
    bool fits = event_text_bytes(task) <= STATEMENT_BYTES_MAX;
    if (fits && !event_encode_body(&event, arena, &body, error))
        return false;

    fits = fits && body.size <= STATEMENT_BYTES_MAX;
    if (!fits && !encode_cut(&event, arena, &body, error))
        return false;

    *draft = (struct draft){
        .body = body,
        .shard = stream_shard(task->task_id, speaker->shards),
        .occurred_at_us = event.occurred_at_us,
        .cut = !fits,
    };
    return true;
}
