#include "replay/web/feed/feed_event.h"

#include "proto/rfc3339.h"
#include "proto/utf8.h"

#include <assert.h>

static const char ellipsis[] = "\xe2\x80\xa6";
static const char id_line[] = "\nid: ";

static void write_text(struct json_writer *json, const char *key, struct slice text)
{
    uint8_t cut[FEED_EVENT_TEXT_BYTES];

    json_writer_key(json, key);
    if (text.size == 0) {
        json_writer_null(json);
        return;
    }
    if (text.size > FEED_EVENT_TEXT_BYTES) {
        struct slice kept = utf8_cut(text, FEED_EVENT_TEXT_BYTES - (sizeof ellipsis - 1));
        memcpy(cut, kept.data, kept.size);
        memcpy(cut + kept.size, ellipsis, sizeof ellipsis - 1);
        text = slice_of(cut, kept.size + sizeof ellipsis - 1);
    }
    json_writer_string(json, text);
}

static void write_origin(struct json_writer *json, const struct event *event)
{
    char occurred_at[RFC3339_TEXT_BYTES], producer_id[UUID_TEXT_BYTES];

    rfc3339_format(event->occurred_at_us, occurred_at);
    uuid_format(&event->producer_id, producer_id);
    json_writer_key(json, "occurred_at");
    json_writer_text(json, occurred_at);
    json_writer_key(json, "producer_id");
    json_writer_text(json, producer_id);
    json_writer_key(json, "sequence");
    json_writer_unsigned(json, event->sequence);
}

void feed_event_write(const struct event *event, struct json_writer *json)
{
    const struct task_status *task = &event->task_status;

    assert(event->body == EVENT_TASK_STATUS);
    json_writer_object_begin(json);
    write_text(json, "task_id", task->task_id);
    json_writer_key(json, "status");
    json_writer_text(json, status_name(task->status));
    json_writer_key(json, "attempt");
    json_writer_unsigned(json, attempt_effective(task->attempt));
    write_text(json, "task_name", task->task_name);
    write_text(json, "parent_task_id", task->parent_task_id);
    write_text(json, "queue", task->queue);
    write_text(json, "worker", task->worker);
    write_text(json, "step", task->step);
    json_writer_key(json, "progress");
    if (task->has_progress)
        json_writer_double(json, task->progress);
    else
        json_writer_null(json);
    write_text(json, "message", task->message);
    write_text(json, "error_type", task->error_type);
    write_text(json, "error_message", task->error_message);
    write_origin(json, event);
    json_writer_object_end(json);
}

struct feed_subject feed_event_subject(const struct event *event)
{
    assert(event->body == EVENT_TASK_STATUS);
    return (struct feed_subject){
        .status = event->task_status.status,
        .task_id = event->task_status.task_id,
        .task_name = event->task_status.task_name,
    };
}

/* A writer puts a comma before what follows a value; there is none in a block. */
static void put(struct json_writer *text, struct slice bytes)
{
    text->comma = false;
    json_writer_raw(text, bytes);
    text->comma = false;
}

static void end_block(struct json_writer *text, struct slice id)
{
    if (id.size > 0) {
        put(text, slice_from_text(id_line));
        put(text, id);
    }
    put(text, slice_from_text("\n\n"));
}

void feed_event_block(struct json_writer *text, const char *name, struct slice data, struct slice id)
{
    put(text, slice_from_text("event: "));
    put(text, slice_from_text(name));
    put(text, slice_from_text("\ndata: "));
    put(text, data);
    end_block(text, id);
}

void feed_event_reblock(struct json_writer *text, struct slice block, struct slice id)
{
    const uint8_t *line = memmem(block.data, block.size, id_line, sizeof id_line - 1);

    put(text, slice_of(block.data, line == NULL ? block.size : (size_t)(line - block.data)));
    end_block(text, id);
}
