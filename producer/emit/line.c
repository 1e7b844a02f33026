#include "producer/emit/line.h"

#include "producer/emit/field.h"
#include "producer/emit/json_cursor.h"
#include "proto/event.h"
#include "proto/json.h"
#include "proto/nearest.h"

#include <stdio.h>
#include <string.h>

/* An object line, and in it data with all the depth that data may have. */
enum { DEPTH_MAX = EVENT_JSON_DEPTH_MAX + 1, NUMBER_BYTES_MAX = 64 };

struct parse {
    struct line line;
    char *data_end; /* behind data given as an object; its NUL is put there when the walk is over */
    struct error *error;
};

struct key {
    const char *name;
    bool (*read)(struct parse *parse, const struct key *key, struct json_member *member);
    size_t offset; /* of a text in the event */
};

static bool expected(const char *name, const char *what, struct error *error)
{
    return error_set(error, ERROR_REJECTED, "invalid", "%s: expected %s", name, what);
}

/* ---- one value --------------------------------------------------------------------------------------------------- */

static bool read_text(struct parse *parse, const struct key *key, struct json_member *member)
{
    const char *text = member->value;

    if (member->type != JSON_STRING)
        return expected(key->name, "a string", parse->error);
    memcpy((char *)&parse->line.event + key->offset, &text, sizeof text);
    return true;
}

static bool read_status(struct parse *parse, const struct key *key, struct json_member *member)
{
    if (member->type != JSON_STRING)
        return expected(key->name, "a string", parse->error);
    return field_status(key->name, member->value, &parse->line.event.status, parse->error);
}

static bool read_occurred_at(struct parse *parse, const struct key *key, struct json_member *member)
{
    if (member->type != JSON_STRING)
        return expected(key->name, "a string", parse->error);
    return field_occurred_at(key->name, member->value, &parse->line.event.occurred_at_us, parse->error);
}

/* A number has no NUL behind it, and what is behind it is still needed. */
static bool copy_number(const struct key *key, const struct json_member *member, char number[NUMBER_BYTES_MAX],
                        struct error *error)
{
    size_t size = (size_t)(member->end - member->value);

    if (member->type != JSON_NUMBER || size >= NUMBER_BYTES_MAX)
        return expected(key->name, "a number", error);
    memcpy(number, member->value, size);
    number[size] = '\0';
    return true;
}

static bool read_attempt(struct parse *parse, const struct key *key, struct json_member *member)
{
    char number[NUMBER_BYTES_MAX];

    return copy_number(key, member, number, parse->error) &&
           field_attempt(key->name, number, &parse->line.event.attempt, parse->error);
}

static bool read_progress(struct parse *parse, const struct key *key, struct json_member *member)
{
    char number[NUMBER_BYTES_MAX];

    return copy_number(key, member, number, parse->error) &&
           field_progress(key->name, number, &parse->line.event.progress, parse->error);
}

static bool read_data(struct parse *parse, const struct key *key, struct json_member *member)
{
    if (parse->line.event.data_json != NULL)
        return error_set(parse->error, ERROR_REJECTED, "invalid", "data and data_json: expected one of them");
    if (member->type != JSON_OBJECT && member->type != JSON_STRING)
        return expected(key->name, "an object", parse->error);

    parse->line.event.data_json = member->value;
    parse->line.data_key = key->name;
    if (member->type == JSON_OBJECT)
        parse->data_end = member->end;
    return true;
}

static bool read_error(struct parse *parse, const struct key *key, struct json_member *member);

/* ---- the keys ---------------------------------------------------------------------------------------------------- */

#define TEXT(name, field)                                         \
    {                                                             \
        name, read_text, offsetof(struct taskledger_event, field) \
    }

static const struct key line_keys[] = {
    TEXT("task_id", task_id),
    {"status", read_status, 0},
    {"attempt", read_attempt, 0},
    TEXT("task_name", task_name),
    TEXT("worker", worker),
    TEXT("step", step),
    {"progress", read_progress, 0},
    TEXT("message", message),
    {"error", read_error, 0},
    {"data_json", read_data, 0},
    {"data", read_data, 0},
    TEXT("traceparent", traceparent),
    TEXT("parent_task_id", parent_task_id),
    TEXT("queue", queue),
    {"occurred_at", read_occurred_at, 0},
};

static const struct key error_keys[] = {
    TEXT("error.type", error_type),
    TEXT("error.message", error_message),
    TEXT("error.traceback", error_traceback),
};

struct keys {
    const char *prefix; /* of their names, not written in the object itself */
    const struct key *list;
    size_t count;
};

/* The flags of status are called otherwise, and a slip of the finger is not all that people mistake. */
static const struct field_name other_names[] = {
    {"task_name", "name"},
    {"task_id", "id"},
    {"parent_task_id", "parent"},
    {"worker", "worker_source"},
    {"error.type", "error_type"},
    {"error.message", "error_message"},
    {"error.traceback", "traceback"},
    {"occurred_at", "timestamp"},
};

static bool unknown_key(const struct keys *keys, const char *key, struct error *error)
{
    char given[FIELD_FOUND_BYTES_MAX];
    struct nearest nearest;

    snprintf(given, sizeof given, "%s%s", keys->prefix, key);
    nearest_init(&nearest, slice_from_text(given));
    for (size_t i = 0; i < keys->count; i++)
        nearest_offer(&nearest, keys->list[i].name);
    for (size_t i = 0; i < sizeof other_names / sizeof *other_names; i++)
        if (strcmp(given, other_names[i].name) == 0)
            nearest.word = other_names[i].field;
    nearest_refuse(&nearest, "key", "", error);
    error->kind = ERROR_REJECTED;
    error->reason = "invalid";
    return false;
}

static bool read_member(struct parse *parse, const struct keys *keys, unsigned *seen, struct json_member *member)
{
    size_t prefix_length = strlen(keys->prefix);
    size_t i = 0;

    while (i < keys->count && strcmp(keys->list[i].name + prefix_length, member->key) != 0)
        i++;
    if (i == keys->count)
        return unknown_key(keys, member->key, parse->error);

    const struct key *key = &keys->list[i];
    if ((*seen & 1u << i) != 0)
        return error_set(parse->error, ERROR_REJECTED, "invalid", "%s: given twice", key->name);
    *seen |= 1u << i;
    return member->type == JSON_NULL || key->read(parse, key, member);
}

static bool read_object(struct parse *parse, const struct keys *keys, char *object)
{
    struct json_cursor cursor = json_cursor_open(object);
    struct json_member member;
    unsigned seen = 0;

    while (json_cursor_next(&cursor, &member))
        if (!read_member(parse, keys, &seen, &member))
            return false;
    return true;
}

static bool read_error(struct parse *parse, const struct key *key, struct json_member *member)
{
    const struct keys keys = {"error.", error_keys, sizeof error_keys / sizeof *error_keys};

    if (member->type != JSON_OBJECT)
        return expected(key->name, "an object", parse->error);
    return read_object(parse, &keys, member->value);
}

bool line_parse(char *text, size_t size, struct line *line, struct error *error)
{
    const struct keys keys = {"", line_keys, sizeof line_keys / sizeof *line_keys};
    struct parse parse = {.line.event = TASKLEDGER_EVENT_INIT, .error = error};
    size_t offset = 0;

    const char *found = json_check_object(slice_of(text, size), DEPTH_MAX, &offset);
    if (found != NULL)
        return error_set(error, ERROR_REJECTED, "invalid", "expected a JSON object, found %s at byte %zu", found,
                         offset);
    if (!read_object(&parse, &keys, text))
        return false;

    if (parse.data_end != NULL)
        *parse.data_end = '\0';
    *line = parse.line;
    return true;
}
