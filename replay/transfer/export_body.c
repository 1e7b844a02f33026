#include "replay/transfer/export_body.h"

#include "proto/digest.h"
#include "proto/event.h"
#include "proto/json_writer.h"

#include <string.h>

enum { ARENA_KEPT_BYTES = 256 * 1024 };

static void put_text(struct json_writer *json, const char *key, struct slice text)
{
    if (text.size == 0)
        return;
    json_writer_key(json, key);
    json_writer_string(json, text);
}

static void put_number(struct json_writer *json, const char *key, uint64_t number)
{
    json_writer_key(json, key);
    json_writer_unsigned(json, number);
}

static void put_opened(struct json_writer *json, const struct producer_opened *opened)
{
    put_text(json, "host", opened->host);
    put_number(json, "pid", opened->pid);
    put_text(json, "worker", opened->worker);
    put_text(json, "library_version", opened->library_version);
    json_writer_key(json, "confirms");
    json_writer_boolean(json, opened->confirms);
}

static void put_dropped(struct json_writer *json, const struct producer_dropped *dropped)
{
    put_number(json, "first_sequence", dropped->first_sequence);
    put_number(json, "last_sequence", dropped->last_sequence);
    put_text(json, "reason", dropped->reason);
}

static void put_adopted(struct json_writer *json, const struct producer_adopted *adopted)
{
    char producer[UUID_TEXT_BYTES], hex[DIGEST_HEX_BYTES];
    struct digest digest = {{0}};

    memcpy(digest.bytes, adopted->last_digest.data, DIGEST_BYTES); /* checked when it was decoded */
    digest_format(&digest, hex);
    uuid_format(&adopted->producer_id, producer);
    put_text(json, "producer_id", slice_from_text(producer));
    put_number(json, "last_sequence", adopted->last_sequence);
    put_text(json, "last_digest", slice_from_text(hex));
}

/* NULL: it is told in columns. */
static const char *put_body(struct json_writer *json, const struct event *event)
{
    switch (event->body) {
    case EVENT_PRODUCER_OPENED:
        put_opened(json, &event->producer_opened);
        return "producer_opened";
    case EVENT_PRODUCER_CLOSED:
        put_number(json, "last_sequence", event->producer_closed.last_sequence);
        return "producer_closed";
    case EVENT_PRODUCER_DROPPED:
        put_dropped(json, &event->producer_dropped);
        return "producer_dropped";
    case EVENT_PRODUCER_ADOPTED:
        put_adopted(json, &event->producer_adopted);
        return "producer_adopted";
    case EVENT_TASK_STATUS:
        break;
    }
    return NULL;
}

/* jsonb, as a column would be. */
static bool keep(struct record *record, const struct json_writer *json, struct arena *arena)
{
    struct slice text = json_writer_slice(json);
    uint8_t *jsonb = json->failed ? NULL : arena_take(arena, text.size + 1);

    if (jsonb == NULL)
        return false;
    jsonb[0] = 1;
    memcpy(jsonb + 1, text.data, text.size);
    record->values[ROW_SAID] = slice_of(jsonb, text.size + 1);
    return true;
}

bool export_body_tell(struct record *record, struct arena *arena, struct error *error)
{
    struct json_writer json = {.failed = false};
    struct error why = {.kind = ERROR_NONE};
    struct event event;
    bool has_identity, good = true;

    if (record->values[ROW_TASK_ID].data != NULL) {
        record->values[ROW_BODY] = slice_from_text("task_status");
        return true;
    }
    arena_reset(arena, ARENA_KEPT_BYTES);
    if (!event_decode(record->values[ROW_PAYLOAD], &event, &has_identity, &why))
        return true;
    json_writer_object_begin(&json);
    const char *body = put_body(&json, &event);
    json_writer_object_end(&json);
    if (body != NULL) {
        record->values[ROW_BODY] = slice_from_text(body);
        good = keep(record, &json, arena) || error_set(error, ERROR_FATAL, "memory", "cannot get memory for a record");
    }
    json_writer_close(&json);
    return good;
}
