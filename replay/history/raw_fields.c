#include "replay/history/raw_fields.h"

#include "consumer/ledger/binary.h"
#include "proto/json_writer.h"
#include "proto/status.h"
#include "proto/utf8.h"
#include "replay/transfer/letters.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { WORDS_BYTES = 64, PATH_BYTES = 32, VARINT_BYTES_MAX = 10 };

enum wire { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

enum kind { KIND_NUMBER, KIND_DOUBLE, KIND_TEXT, KIND_BYTES, KIND_STATUS, KIND_MESSAGE };

enum message { EVENT, TASK_STATUS, ERROR, OPENED, CLOSED, DROPPED, ADOPTED, NONE };

/* As proto/event.proto has them. */
static const struct known {
    enum message of;
    uint32_t number;
    const char *name;
    enum kind kind;
    enum message inner; /* of MESSAGE */
} known_fields[] = {
    {EVENT, 1, "producer_id", KIND_BYTES, NONE},
    {EVENT, 2, "sequence", KIND_NUMBER, NONE},
    {EVENT, 3, "previous_digest", KIND_BYTES, NONE},
    {EVENT, 4, "occurred_at_us", KIND_NUMBER, NONE},
    {EVENT, 10, "task_status", KIND_MESSAGE, TASK_STATUS},
    {EVENT, 11, "producer_opened", KIND_MESSAGE, OPENED},
    {EVENT, 12, "producer_closed", KIND_MESSAGE, CLOSED},
    {EVENT, 13, "producer_dropped", KIND_MESSAGE, DROPPED},
    {EVENT, 14, "producer_adopted", KIND_MESSAGE, ADOPTED},
    {TASK_STATUS, 1, "task_id", KIND_TEXT, NONE},
    {TASK_STATUS, 2, "status", KIND_STATUS, NONE},
    {TASK_STATUS, 3, "attempt", KIND_NUMBER, NONE},
    {TASK_STATUS, 4, "task_name", KIND_TEXT, NONE},
    {TASK_STATUS, 5, "worker", KIND_TEXT, NONE},
    {TASK_STATUS, 6, "step", KIND_TEXT, NONE},
    {TASK_STATUS, 7, "progress", KIND_DOUBLE, NONE},
    {TASK_STATUS, 8, "message", KIND_TEXT, NONE},
    {TASK_STATUS, 9, "error", KIND_MESSAGE, ERROR},
    {TASK_STATUS, 10, "data_json", KIND_TEXT, NONE},
    {TASK_STATUS, 11, "traceparent", KIND_TEXT, NONE},
    {TASK_STATUS, 12, "parent_task_id", KIND_TEXT, NONE},
    {TASK_STATUS, 13, "queue", KIND_TEXT, NONE},
    {ERROR, 1, "type", KIND_TEXT, NONE},
    {ERROR, 2, "message", KIND_TEXT, NONE},
    {ERROR, 3, "traceback", KIND_TEXT, NONE},
    {OPENED, 1, "host", KIND_TEXT, NONE},
    {OPENED, 2, "pid", KIND_NUMBER, NONE},
    {OPENED, 3, "worker", KIND_TEXT, NONE},
    {OPENED, 4, "library_version", KIND_TEXT, NONE},
    {OPENED, 5, "confirms", KIND_NUMBER, NONE},
    {CLOSED, 1, "last_sequence", KIND_NUMBER, NONE},
    {DROPPED, 1, "first_sequence", KIND_NUMBER, NONE},
    {DROPPED, 2, "last_sequence", KIND_NUMBER, NONE},
    {DROPPED, 3, "reason", KIND_TEXT, NONE},
    {ADOPTED, 1, "producer_id", KIND_BYTES, NONE},
    {ADOPTED, 2, "last_sequence", KIND_NUMBER, NONE},
    {ADOPTED, 3, "last_digest", KIND_BYTES, NONE},
};

static const struct known *find_known(enum message of, uint32_t number)
{
    for (size_t i = 0; i < sizeof known_fields / sizeof *known_fields; i++)
        if (known_fields[i].of == of && known_fields[i].number == number)
            return &known_fields[i];
    return NULL;
}

/* ---- the wire --------------------------------------------------------------------------------------------------- */

struct field {
    char path[PATH_BYTES];
    const struct known *known; /* NULL: it is not */
    uint32_t number;
    enum wire wire;
    uint64_t integer;   /* of all but BYTES */
    struct slice bytes; /* of BYTES */
};

static bool take_varint(struct slice *rest, uint64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < rest->size && i < VARINT_BYTES_MAX; i++) {
        *value |= (uint64_t)(rest->data[i] & 0x7f) << (7 * i);
        if ((rest->data[i] & 0x80) == 0) {
            *rest = slice_of(rest->data + i + 1, rest->size - i - 1);
            return true;
        }
    }
    return false;
}

static bool take_bytes(struct slice *rest, uint64_t size, struct slice *bytes)
{
    if (size > rest->size)
        return false;
    *bytes = slice_of(rest->data, size);
    *rest = slice_of(rest->data + size, rest->size - size);
    return true;
}

static bool take_fixed(struct slice *rest, size_t size, uint64_t *value)
{
    struct slice bytes;

    if (!take_bytes(rest, size, &bytes))
        return false;
    *value = 0;
    for (size_t i = size; i-- > 0;)
        *value = *value << 8 | bytes.data[i];
    return true;
}

/* The next field of a message. False: the bytes are no protobuf. */
static bool take_field(struct slice *rest, struct field *field)
{
    uint64_t key = 0, size = 0;

    if (!take_varint(rest, &key) || key >> 3 == 0 || key >> 3 > UINT32_MAX >> 3)
        return false;
    field->number = (uint32_t)(key >> 3);
    field->wire = (enum wire)(key & 7);
    switch (field->wire) {
    case WIRE_VARINT:
        return take_varint(rest, &field->integer);
    case WIRE_FIXED64:
        return take_fixed(rest, sizeof(uint64_t), &field->integer);
    case WIRE_FIXED32:
        return take_fixed(rest, sizeof(uint32_t), &field->integer);
    case WIRE_BYTES:
        return take_varint(rest, &size) && take_bytes(rest, size, &field->bytes);
    }
    return false;
}

/* ---- what is written of a field --------------------------------------------------------------------------------- */

struct writing {
    struct arena *arena;
    bool is_json;
    struct json_writer json;
    struct binary lines;
};

static enum kind kind_of(const struct field *field)
{
    static const enum wire wires[] = {
        [KIND_NUMBER] = WIRE_VARINT, [KIND_DOUBLE] = WIRE_FIXED64, [KIND_TEXT] = WIRE_BYTES,
        [KIND_BYTES] = WIRE_BYTES,   [KIND_STATUS] = WIRE_VARINT,  [KIND_MESSAGE] = WIRE_BYTES,
    };
    bool is_as_known = field->known != NULL && wires[field->known->kind] == field->wire;

    if (!is_as_known)
        return field->wire == WIRE_BYTES ? KIND_BYTES : KIND_NUMBER;
    if (field->known->kind == KIND_TEXT && utf8_check(field->bytes) != field->bytes.size)
        return KIND_BYTES;
    return field->known->kind;
}

static double as_double(uint64_t bits)
{
    double value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

/* NULL data when memory is short. */
static struct slice hex_of(struct writing *writing, struct slice bytes)
{
    struct slice text = {.data = NULL};

    return letters_to_hex(bytes, writing->arena, &text) ? text : (struct slice){.data = NULL};
}

static const char *wire_name(enum wire wire)
{
    switch (wire) {
    case WIRE_VARINT:
        return "varint";
    case WIRE_FIXED64:
        return "fixed64";
    case WIRE_BYTES:
        return "bytes";
    case WIRE_FIXED32:
        return "fixed32";
    }
    return "unknown";
}

static void write_json(struct writing *writing, const struct field *field, enum kind kind)
{
    struct json_writer *json = &writing->json;

    json_writer_object_begin(json);
    json_writer_key(json, "field");
    json_writer_text(json, field->path);
    json_writer_key(json, "name");
    json_writer_text(json, field->known == NULL ? NULL : field->known->name);
    json_writer_key(json, "wire");
    json_writer_text(json, wire_name(field->wire));
    json_writer_key(json, "value");
    if (kind == KIND_TEXT)
        json_writer_string(json, field->bytes);
    else if (kind == KIND_BYTES)
        json_writer_string(json, hex_of(writing, field->bytes));
    else if (kind == KIND_DOUBLE)
        json_writer_double(json, as_double(field->integer));
    else
        json_writer_unsigned(json, field->integer);
    json_writer_object_end(json);
}

/* A line feed within a value would begin a line of its own. */
static void write_value(struct binary *lines, struct slice text)
{
    for (size_t i = 0; i < text.size; i++)
        binary_append(lines, text.data[i] == '\n' ? (const void *)"\\n" : text.data + i, text.data[i] == '\n' ? 2 : 1);
}

static void write_line(struct writing *writing, const struct field *field, enum kind kind)
{
    char words[WORDS_BYTES];

    snprintf(words, sizeof words, "%-6s %-16s ", field->path, field->known == NULL ? "?" : field->known->name);
    binary_append(&writing->lines, words, strlen(words));
    if (kind == KIND_TEXT)
        write_value(&writing->lines, field->bytes);
    else if (kind == KIND_BYTES)
        write_value(&writing->lines, hex_of(writing, field->bytes));
    else {
        if (kind == KIND_DOUBLE)
            snprintf(words, sizeof words, "%.17g", as_double(field->integer));
        else
            snprintf(words, sizeof words, "%" PRIu64 " %s", field->integer,
                     kind == KIND_STATUS && field->integer <= STATUS_CANCELLED
                         ? status_name((enum status)field->integer)
                         : "");
        binary_append(&writing->lines, words, strlen(words) - (words[strlen(words) - 1] == ' '));
    }
    binary_append(&writing->lines, "\n", 1);
}

static void write_broken(struct writing *writing, const char *path, size_t left)
{
    char words[WORDS_BYTES];

    snprintf(words, sizeof words, "%zu bytes that are no protobuf", left);
    if (!writing->is_json) {
        binary_append(&writing->lines, words, strlen(words));
        binary_append(&writing->lines, "\n", 1);
        return;
    }
    json_writer_object_begin(&writing->json);
    json_writer_key(&writing->json, "field");
    json_writer_text(&writing->json, path);
    json_writer_key(&writing->json, "broken");
    json_writer_text(&writing->json, words);
    json_writer_object_end(&writing->json);
}

/* Messages within messages are at most three deep: those that are known. */
static void walk(struct writing *writing, struct slice rest, enum message of, const char *path)
{
    while (rest.size > 0) {
        struct field field = {.number = 0};
        struct slice before = rest;

        if (!take_field(&rest, &field)) {
            write_broken(writing, path, before.size);
            return;
        }
        field.known = find_known(of, field.number);
        snprintf(field.path, sizeof field.path, "%s%s%" PRIu32, path, path[0] == '\0' ? "" : ".", field.number);
        enum kind kind = kind_of(&field);
        if (kind == KIND_MESSAGE)
            walk(writing, field.bytes, field.known->inner, field.path);
        else if (writing->is_json)
            write_json(writing, &field, kind);
        else
            write_line(writing, &field, kind);
    }
}

struct slice raw_fields(struct slice payload, bool is_json, struct arena *arena)
{
    struct writing writing = {.arena = arena, .is_json = is_json};
    struct slice text = {.data = NULL};

    if (is_json)
        json_writer_array_begin(&writing.json);
    walk(&writing, payload, EVENT, "");
    if (is_json)
        json_writer_array_end(&writing.json);

    if (!writing.json.failed && !writing.lines.failed)
        text = arena_copy(arena, is_json ? json_writer_slice(&writing.json) : binary_slice(&writing.lines));
    json_writer_close(&writing.json);
    binary_close(&writing.lines);
    return text;
}
