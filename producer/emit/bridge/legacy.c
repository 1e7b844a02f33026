#include "producer/emit/bridge/legacy.h"

#include "producer/emit/bridge/legacy_time.h"
#include "producer/emit/field.h"
#include "producer/emit/json_cursor.h"
#include "proto/json.h"
#include "proto/utf8.h"

#include <stdlib.h>
#include <string.h>

enum item_key { TASK_REQUEST_ID, STATUS, TIMESTAMP, WORKER_CONTAINER, TASK_NAME, DATA, ITEM_KEYS };
enum data_key { ERROR, ERROR_TYPE, ERROR_MESSAGE, TRACEBACK, DATA_KEYS };
enum error_key { TYPE, MESSAGE, TRACE, ERROR_KEYS };

static const char *const item_keys[ITEM_KEYS] = {
    "task_request_id", "status", "timestamp", "worker_container", "task_name", "data",
};
static const char *const data_keys[DATA_KEYS] = {"error", "error_type", "error_message", "traceback"};
static const char *const error_keys[ERROR_KEYS] = {"type", "message", "traceback"};

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_TRANSIENT, "memory", "could not get memory for an item");
}

/* ---- what Python takes for JSON ---------------------------------------------------------------------------------- */

/* How long the word is that stands for a number which JSON does not have; 0: it is none. */
static size_t word_bytes(struct slice rest)
{
    static const char *const words[] = {"NaN", "Infinity", "-Infinity"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (rest.size >= strlen(words[i]) && memcmp(rest.data, words[i], strlen(words[i])) == 0)
            return strlen(words[i]);
    return 0;
}

/* Three bytes may become four. */
static bool reserve(struct legacy *legacy, size_t item_bytes, struct error *error)
{
    size_t needed = item_bytes + item_bytes / 3 + 1;

    if (needed <= legacy->capacity)
        return true;
    char *text = realloc(legacy->text, needed);
    if (text == NULL)
        return no_memory(error);
    legacy->text = text;
    legacy->capacity = needed;
    return true;
}

/* A copy that may be taken apart, with a NUL behind it. Returns its size. */
static size_t copy_item(char *out, struct slice item)
{
    bool in_string = false;
    size_t length = 0;

    for (size_t i = 0; i < item.size; i++) {
        uint8_t byte = item.data[i];
        size_t word = in_string || (byte != 'N' && byte != 'I' && byte != '-')
                          ? 0
                          : word_bytes(slice_of(item.data + i, item.size - i));

        if (word > 0) {
            memcpy(out + length, "null", strlen("null"));
            length += strlen("null");
            i += word - 1;
            continue;
        }
        out[length++] = (char)byte;
        if (byte == '"')
            in_string = !in_string;
        else if (byte == '\\' && in_string && i + 1 < item.size)
            out[length++] = (char)item.data[++i];
    }
    out[length] = '\0';
    return length;
}

/* ---- members ----------------------------------------------------------------------------------------------------- */

/* Into data, under this key. */
static void keep(struct json_writer *data, const char *key, const struct json_member *member)
{
    json_writer_key(data, key);
    if (member->type == JSON_STRING)
        json_writer_text(data, member->value);
    else
        json_writer_raw(data, slice_of(member->value, (size_t)(member->end - member->value)));
}

static size_t find(const char *key, const char *const *keys, size_t count)
{
    size_t i = 0;

    while (i < count && strcmp(keys[i], key) != 0)
        i++;
    return i;
}

/* Members of these keys go into `found`, by the place of the key, all others into data. */
static void sort_members(char *object, const char *const *keys, size_t count, struct json_member *found,
                         struct json_writer *data)
{
    struct json_cursor cursor = json_cursor_open(object);
    struct json_member member;

    while (json_cursor_next(&cursor, &member)) {
        size_t place = find(member.key, keys, count);

        if (place < count)
            found[place] = member;
        else
            keep(data, member.key, &member);
    }
}

static bool says_nothing(const struct json_member *member)
{
    return member->type == JSON_NULL || (member->type == JSON_STRING && member->value[0] == '\0');
}

/* A text into its field, all else into data. */
static void read_text(struct legacy *legacy, const char *key, const struct json_member *member, const char **field)
{
    if (says_nothing(member))
        return;
    if (member->type == JSON_STRING)
        *field = member->value;
    else
        keep(&legacy->data, key, member);
}

/* ---- who, what and when ------------------------------------------------------------------------------------------ */

static bool read_task_id(struct legacy *legacy, const struct json_member *member, struct error *error)
{
    size_t size = member->type == JSON_NUMBER ? (size_t)(member->end - member->value) : 0;

    if (member->type == JSON_STRING && member->value[0] != '\0') {
        legacy->event.task_id = member->value;
        return true;
    }
    if (size == 0 || size >= sizeof legacy->id || strspn(member->value, "-0123456789") < size)
        return error_set(error, ERROR_REJECTED, "invalid", "task_request_id: expected a string or a whole number");
    memcpy(legacy->id, member->value, size);
    legacy->id[size] = '\0';
    legacy->event.task_id = legacy->id;
    return true;
}

static bool read_status(struct legacy *legacy, const struct json_member *member, const struct legacy_rules *rules,
                        struct error *error)
{
    if (member->type != JSON_STRING)
        return error_set(error, ERROR_REJECTED, "invalid", "status: expected a string");
    if (legacy_status_find(&rules->statuses, slice_from_text(member->value), &legacy->event.status))
        return true;
    return error_set(error, ERROR_REJECTED, "invalid", "status: nobody said what \"%.*s\" means; see --status-map",
                     FIELD_FOUND_BYTES_MAX, member->value);
}

static void read_timestamp(struct legacy *legacy, const struct json_member *member, const char *zone)
{
    struct slice text = slice_of(member->value, member->type == JSON_NULL ? 0 : (size_t)(member->end - member->value));

    legacy->is_undated = !says_nothing(member);
    if (!legacy->is_undated)
        return;
    if (member->type == JSON_STRING)
        text = slice_from_text(member->value);
    if (member->type == JSON_STRING || member->type == JSON_NUMBER)
        legacy->is_undated = !legacy_time_parse(text, zone, &legacy->event.occurred_at_us);
    if (legacy->is_undated)
        keep(&legacy->data, item_keys[TIMESTAMP], member);
}

/* ---- the error --------------------------------------------------------------------------------------------------- */

/* What data.error says counts; what stood beside it under that name stays in data. */
static void take_place(struct legacy *legacy, struct json_member *found, enum data_key key,
                       const struct json_member *member)
{
    if (says_nothing(member))
        return;
    if (!says_nothing(&found[key]))
        keep(&legacy->data, data_keys[key], &found[key]);
    found[key] = *member;
}

/* What is no text of ours stays in an object of that name. */
static void take_apart(struct legacy *legacy, char *object, struct json_member *found)
{
    static const enum data_key places[ERROR_KEYS] = {ERROR_TYPE, ERROR_MESSAGE, TRACEBACK};
    struct json_cursor cursor = json_cursor_open(object);
    struct json_member texts[ERROR_KEYS] = {{.type = JSON_NULL}};
    struct json_member member;
    bool is_kept = false;

    while (json_cursor_next(&cursor, &member)) {
        size_t place = find(member.key, error_keys, ERROR_KEYS);

        if (place < ERROR_KEYS && (member.type == JSON_STRING || member.type == JSON_NULL)) {
            texts[place] = member;
            continue;
        }
        if (!is_kept) {
            json_writer_key(&legacy->data, data_keys[ERROR]);
            json_writer_object_begin(&legacy->data);
        }
        is_kept = true;
        keep(&legacy->data, member.key, &member);
    }
    if (is_kept)
        json_writer_object_end(&legacy->data);
    for (size_t i = 0; i < ERROR_KEYS; i++)
        take_place(legacy, found, places[i], &texts[i]);
}

/* The place behind as much as must go, so that at most `limit` bytes of well-formed text are left. */
static const char *end_of(const char *text, size_t limit)
{
    size_t size = strlen(text);
    const char *start = size > limit ? text + (size - limit) : text;

    while (((uint8_t)*start & 0xc0) == 0x80)
        start++;
    return start;
}

/* At most `limit` bytes of it into `field`; a text that is longer is in data whole. */
static const char *read_error_text(struct legacy *legacy, enum data_key key, const struct json_member *member,
                                   char *field, size_t limit)
{
    const char *text = NULL;

    read_text(legacy, data_keys[key], member, &text);
    if (text == NULL || strlen(text) <= limit)
        return text;

    keep(&legacy->data, data_keys[key], member);
    struct slice part =
        key == TRACEBACK ? slice_from_text(end_of(text, limit)) : utf8_cut(slice_from_text(text), limit);
    memcpy(field, part.data, part.size);
    field[part.size] = '\0';
    return field;
}

static void read_error(struct legacy *legacy, struct json_member *found)
{
    struct taskledger_event *event = &legacy->event;
    struct json_member *error = &found[ERROR];

    if (error->type == JSON_OBJECT)
        take_apart(legacy, error->value, found);
    else if (error->type == JSON_STRING)
        take_place(legacy, found, ERROR_MESSAGE, error);
    else if (error->type != JSON_NULL)
        keep(&legacy->data, data_keys[ERROR], error);

    event->error_type =
        read_error_text(legacy, ERROR_TYPE, &found[ERROR_TYPE], legacy->error_type, LEGACY_ERROR_TYPE_BYTES);
    event->error_message = read_error_text(legacy, ERROR_MESSAGE, &found[ERROR_MESSAGE], legacy->error_message,
                                           LEGACY_ERROR_MESSAGE_BYTES);
    event->error_traceback =
        read_error_text(legacy, TRACEBACK, &found[TRACEBACK], legacy->traceback, LEGACY_TRACEBACK_BYTES);
}

static void read_data(struct legacy *legacy, const struct json_member *member)
{
    struct json_member found[DATA_KEYS] = {{.type = JSON_NULL}};

    if (member->type != JSON_OBJECT) {
        if (!says_nothing(member))
            keep(&legacy->data, item_keys[DATA], member);
        return;
    }
    sort_members(member->value, data_keys, DATA_KEYS, found, &legacy->data);
    read_error(legacy, found);
}

/* ---- the item ---------------------------------------------------------------------------------------------------- */

static bool read_item(struct legacy *legacy, const struct legacy_rules *rules, struct error *error)
{
    struct json_member found[ITEM_KEYS] = {{.type = JSON_NULL}};
    struct json_writer *data = &legacy->data;

    json_writer_reset(data);
    json_writer_object_begin(data);
    sort_members(legacy->text, item_keys, ITEM_KEYS, found, data);
    if (!read_task_id(legacy, &found[TASK_REQUEST_ID], error) || !read_status(legacy, &found[STATUS], rules, error))
        return false;
    read_timestamp(legacy, &found[TIMESTAMP], rules->zone);
    read_text(legacy, item_keys[WORKER_CONTAINER], &found[WORKER_CONTAINER], &legacy->event.worker);
    read_text(legacy, item_keys[TASK_NAME], &found[TASK_NAME], &legacy->event.task_name);
    read_data(legacy, &found[DATA]);

    bool has_data = data->comma;
    json_writer_object_end(data);
    if (data->failed)
        return no_memory(error);
    legacy->event.data_json = has_data ? data->text : NULL;
    return true;
}

bool legacy_parse(struct legacy *legacy, struct slice item, const struct legacy_rules *rules, struct error *error)
{
    size_t offset = 0;

    if (!reserve(legacy, item.size, error))
        return false;
    legacy->event = (struct taskledger_event)TASKLEDGER_EVENT_INIT;
    legacy->is_undated = false;

    size_t size = copy_item(legacy->text, item);
    const char *fault = json_check_object(slice_of(legacy->text, size), JSON_DEPTH_MAX, &offset);
    if (fault != NULL)
        return error_set(error, ERROR_REJECTED, "invalid", "expected a JSON object, found %s at byte %zu", fault,
                         offset);
    return read_item(legacy, rules, error);
}

void legacy_close(struct legacy *legacy)
{
    free(legacy->text);
    json_writer_close(&legacy->data);
    *legacy = (struct legacy){.text = NULL};
}
