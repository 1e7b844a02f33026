#include "proto/wire.h"

#include "proto/utf8.h"

#include <stdint.h>

enum wire_type { WIRE_VARINT = 0, WIRE_64_BIT = 1, WIRE_LENGTH = 2, WIRE_32_BIT = 5 };

enum { VARINT_BYTES_MAX = 10 };

/* The part of the message that is still unread. */
struct cursor {
    const uint8_t *at;
    const uint8_t *end;
};

static bool take_varint(struct cursor *cursor, uint64_t *value)
{
    uint64_t taken = 0;

    for (unsigned i = 0; i < VARINT_BYTES_MAX && cursor->at < cursor->end; i++) {
        uint8_t byte = *cursor->at++;

        taken |= (uint64_t)(byte & 0x7f) << (7 * i);
        if ((byte & 0x80) == 0) {
            *value = taken;
            return true;
        }
    }
    return false;
}

static bool take_bytes(struct cursor *cursor, uint64_t size, struct slice *bytes)
{
    if (size > (uint64_t)(cursor->end - cursor->at))
        return false;
    *bytes = slice_of(cursor->at, (size_t)size);
    cursor->at += size;
    return true;
}

struct field {
    uint64_t tag;
    uint64_t number;      /* of a varint, or how long the content is */
    struct slice content; /* empty for a varint */
};

static bool take_field(struct cursor *cursor, struct field *field)
{
    *field = (struct field){0};
    if (!take_varint(cursor, &field->tag))
        return false;

    switch (field->tag & 7) {
    case WIRE_VARINT:
        return take_varint(cursor, &field->number);
    case WIRE_64_BIT:
        return take_bytes(cursor, 8, &field->content);
    case WIRE_32_BIT:
        return take_bytes(cursor, 4, &field->content);
    case WIRE_LENGTH:
        return take_varint(cursor, &field->number) && take_bytes(cursor, field->number, &field->content);
    default: /* groups are not part of proto3 */
        return false;
    }
}

static bool check_string(struct slice text, const ProtobufCMessageDescriptor *message,
                         const ProtobufCFieldDescriptor *field, struct error *error)
{
    size_t wrong = utf8_check(text);

    if (wrong == text.size)
        return true;
    return error_set(error, ERROR_REJECTED, "invalid", "%s.%s: byte %zu is %s", message->short_name, field->name, wrong,
                     text.data[wrong] == 0 ? "a NUL" : "not UTF-8");
}

static bool check_field(struct slice content, const ProtobufCMessageDescriptor *message,
                        const ProtobufCFieldDescriptor *field, struct error *error)
{
    if (field->type == PROTOBUF_C_TYPE_STRING)
        return check_string(content, message, field, error);
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) /* no deeper than the schema, which does not nest in itself */
        return wire_check(content, field->descriptor, error);
    return true;
}

bool wire_check(struct slice message, const ProtobufCMessageDescriptor *descriptor, struct error *error)
{
    struct cursor cursor = {.at = message.data, .end = message.data + message.size};

    for (unsigned fields = 0; cursor.at < cursor.end; fields++) {
        struct field taken;

        if (fields == WIRE_FIELDS_MAX)
            return error_set(error, ERROR_REJECTED, "undecodable", "%s: more than %d fields", descriptor->short_name,
                             WIRE_FIELDS_MAX);
        if (!take_field(&cursor, &taken))
            return error_set(error, ERROR_REJECTED, "undecodable", "%s: not protobuf at byte %td",
                             descriptor->short_name, cursor.at - message.data);
        if ((taken.tag & 7) != WIRE_LENGTH || taken.tag >> 3 > UINT32_MAX)
            continue;

        const ProtobufCFieldDescriptor *field =
            protobuf_c_message_descriptor_get_field(descriptor, (unsigned)(taken.tag >> 3));
        if (field != NULL && !check_field(taken.content, descriptor, field, error))
            return false;
    }
    return true;
}

/* The last occurrence counts. */
static bool find(struct slice message, uint64_t tag, struct field *found)
{
    struct cursor cursor = {.at = message.data, .end = message.data + message.size};
    bool is_there = false;

    while (cursor.at < cursor.end) {
        struct field field;

        if (!take_field(&cursor, &field))
            return false;
        if (field.tag != tag)
            continue;
        *found = field;
        is_there = true;
    }
    return is_there;
}

bool wire_find_bytes(struct slice message, uint32_t number, struct slice *bytes)
{
    struct field found;

    if (!find(message, (uint64_t)number << 3 | WIRE_LENGTH, &found))
        return false;
    *bytes = found.content;
    return true;
}

bool wire_find_varint(struct slice message, uint32_t number, uint64_t *value)
{
    struct field found;

    if (!find(message, (uint64_t)number << 3 | WIRE_VARINT, &found))
        return false;
    *value = found.number;
    return true;
}
