#include "proto/wire.h"

enum { VARINT_BYTES_MAX = 10, TAG_BYTES_MAX = 5, TYPE_BITS = 3 };

static bool take_long_varint(struct slice *message, size_t bytes_max, uint64_t *value)
{
    uint64_t taken = 0;

    for (size_t i = 0; i < bytes_max && i < message->size; i++) {
        uint8_t byte = message->data[i];

        taken |= (uint64_t)(byte & 0x7f) << (7 * i);
        if ((byte & 0x80) == 0) {
            *message = slice_of(message->data + i + 1, message->size - i - 1);
            *value = taken;
            return true;
        }
    }
    return false;
}

/* Most are one byte long. */
static bool take_varint(struct slice *message, size_t bytes_max, uint64_t *value)
{
    if (message->size == 0 || message->data[0] >= 0x80)
        return take_long_varint(message, bytes_max, value);
    *value = message->data[0];
    *message = slice_of(message->data + 1, message->size - 1);
    return true;
}

static bool take_bytes(struct slice *message, uint64_t size, struct slice *bytes)
{
    if (size > message->size)
        return false;
    *bytes = slice_of(message->data, (size_t)size);
    *message = slice_of(message->data + size, message->size - (size_t)size);
    return true;
}

bool wire_take(struct slice *message, struct wire_field *field)
{
    uint64_t tag;
    uint64_t size;

    if (!take_varint(message, TAG_BYTES_MAX, &tag) || tag >> TYPE_BITS == 0)
        return false;

    *field = (struct wire_field){.number = (uint32_t)(tag >> TYPE_BITS), .type = tag & ((1U << TYPE_BITS) - 1)};
    switch (field->type) {
    case WIRE_VARINT:
        return take_varint(message, VARINT_BYTES_MAX, &field->value);
    case WIRE_64_BIT:
        return take_bytes(message, 8, &field->content);
    case WIRE_32_BIT:
        return take_bytes(message, 4, &field->content);
    case WIRE_LENGTH:
        return take_varint(message, VARINT_BYTES_MAX, &size) && take_bytes(message, size, &field->content);
    }
    return false; /* groups are not part of proto3 */
}

static bool find(struct slice message, uint32_t number, enum wire_type type, struct wire_field *found)
{
    bool is_there = false;

    while (message.size > 0) {
        struct wire_field field;

        if (!wire_take(&message, &field))
            return false;
        if (field.number != number || field.type != type)
            continue;
        *found = field;
        is_there = true;
    }
    return is_there;
}

bool wire_find_bytes(struct slice message, uint32_t number, struct slice *bytes)
{
    struct wire_field found;

    if (!find(message, number, WIRE_LENGTH, &found))
        return false;
    *bytes = found.content;
    return true;
}

bool wire_find_varint(struct slice message, uint32_t number, uint64_t *value)
{
    struct wire_field found;

    if (!find(message, number, WIRE_VARINT, &found))
        return false;
    *value = found.value;
    return true;
}
