#include "replay/transfer/record_wire.h"

#include "proto/digest.h"
#include "proto/json.h"
#include "proto/rfc3339.h"
#include "proto/utf8.h"
#include "proto/uuid.h"

#include <math.h>
#include <string.h>

enum wire_type { VARINT = 0, FIXED64 = 1, LENGTH = 2, FIXED32 = 5 };

enum { VARINT_BYTES_MAX = 10, TAG_BITS = 3 };

static enum wire_type wire_type_of(enum record_type type)
{
    static const enum wire_type types[] = {
        [RECORD_UUID] = LENGTH,    [RECORD_INT4] = VARINT,  [RECORD_INT8] = VARINT,   [RECORD_TIME] = VARINT,
        [RECORD_TEXT] = LENGTH,    [RECORD_BYTES] = LENGTH, [RECORD_DIGEST] = LENGTH, [RECORD_DOUBLE] = FIXED64,
        [RECORD_BOOLEAN] = VARINT, [RECORD_JSON] = LENGTH,
    };

    return types[type];
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static size_t put_varint(uint8_t bytes[VARINT_BYTES_MAX], uint64_t number)
{
    size_t size = 0;

    for (; number > 0x7f; number >>= 7)
        bytes[size++] = (uint8_t)(number | 0x80);
    bytes[size++] = (uint8_t)number;
    return size;
}

static void append_varint(struct binary *bytes, uint64_t number)
{
    uint8_t varint[VARINT_BYTES_MAX];

    binary_append(bytes, varint, put_varint(varint, number));
}

static uint64_t number_of(enum record_type type, struct slice value)
{
    if (type == RECORD_BOOLEAN)
        return postgres_read_boolean(value);
    if (type == RECORD_INT4)
        return (uint64_t)(int64_t)postgres_read_int32(value);
    return (uint64_t)(type == RECORD_TIME ? postgres_read_time_us(value) : postgres_read_int64(value));
}

static void append_double(struct binary *bytes, struct slice value)
{
    uint64_t bits = (uint64_t)postgres_read_int64(value);
    uint8_t little[sizeof bits];

    for (size_t i = 0; i < sizeof little; i++)
        little[i] = (uint8_t)(bits >> (8 * i));
    binary_append(bytes, little, sizeof little);
}

static void append_field(struct binary *bytes, const struct record_field *field, struct slice value)
{
    enum wire_type type = wire_type_of(field->type);

    append_varint(bytes, (uint64_t)field->number << TAG_BITS | type);
    if (type == VARINT) {
        append_varint(bytes, number_of(field->type, value));
    } else if (type == FIXED64) {
        append_double(bytes, value);
    } else {
        struct slice content = field->type == RECORD_JSON ? postgres_read_jsonb(value) : value;
        append_varint(bytes, content.size);
        binary_append(bytes, content.data, content.size);
    }
}

/* Sizes stand in front of what is not made yet: room is left for them, and what is too much is taken away. */
bool record_wire_write(const struct record *record, struct binary *bytes, struct error *error)
{
    static const uint8_t room[2 * VARINT_BYTES_MAX + 1];
    const struct record_form *form = &record_forms[record->kind];
    size_t begin = bytes->size;
    uint8_t head[sizeof room], size[VARINT_BYTES_MAX];

    binary_append(bytes, room, sizeof room);
    for (size_t i = 0; i < form->count; i++)
        if (form->fields[i].number != 0 && record->values[i].data != NULL)
            append_field(bytes, &form->fields[i], record->values[i]);
    if (bytes->failed)
        return error_set(error, ERROR_FATAL, "memory", "cannot get memory for a record");

    size_t content = bytes->size - begin - sizeof room;
    size_t size_bytes = put_varint(size, content);
    size_t head_bytes = put_varint(head, 1 + size_bytes + content);
    head[head_bytes++] = (uint8_t)(record->kind << TAG_BITS | LENGTH);
    memcpy(head + head_bytes, size, size_bytes);
    head_bytes += size_bytes;
    memcpy(bytes->data + begin, head, head_bytes);
    memmove(bytes->data + begin + head_bytes, bytes->data + begin + sizeof room, content);
    bytes->size = begin + head_bytes + content;
    return true;
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

size_t record_wire_size(struct slice bytes, uint64_t *size)
{
    uint64_t number = 0;

    for (size_t i = 0; i < bytes.size && i < VARINT_BYTES_MAX; i++) {
        number |= (uint64_t)(bytes.data[i] & 0x7f) << (7 * i);
        if ((bytes.data[i] & 0x80) == 0) {
            *size = number;
            return i + 1;
        }
    }
    return bytes.size < VARINT_BYTES_MAX ? 0 : VARINT_BYTES_MAX + 1;
}

struct wire_field {
    uint64_t tag;
    uint64_t number;      /* of a varint */
    struct slice content; /* else */
};

static bool take_varint(struct slice *rest, uint64_t *number)
{
    size_t size = record_wire_size(*rest, number);

    if (size == 0 || size > VARINT_BYTES_MAX)
        return false;
    *rest = slice_of(rest->data + size, rest->size - size);
    return true;
}

static bool take_content(struct slice *rest, uint64_t size, struct slice *content)
{
    if (size > rest->size)
        return false;
    *content = slice_of(rest->data, (size_t)size);
    *rest = slice_of(rest->data + size, rest->size - (size_t)size);
    return true;
}

static bool take_field(struct slice *rest, struct wire_field *field)
{
    uint64_t size;

    *field = (struct wire_field){.tag = 0};
    if (!take_varint(rest, &field->tag))
        return false;
    switch (field->tag & ((1 << TAG_BITS) - 1)) {
    case VARINT:
        return take_varint(rest, &field->number);
    case FIXED64:
        return take_content(rest, sizeof(uint64_t), &field->content);
    case FIXED32:
        return take_content(rest, sizeof(uint32_t), &field->content);
    case LENGTH:
        return take_varint(rest, &size) && take_content(rest, size, &field->content);
    default:
        return false;
    }
}

static bool read_number(struct record *record, size_t place, int64_t number, struct arena *arena)
{
    static const uint8_t truths[] = {0, 1};

    enum record_type type = record_forms[record->kind].fields[place].type;

    if (type == RECORD_BOOLEAN) {
        record->values[place] = slice_of(&truths[number != 0], 1);
        return true;
    }
    if (type == RECORD_TIME)
        return number >= RFC3339_MIN_US && number <= RFC3339_MAX_US && record_put_time(record, place, number, arena);
    return (type != RECORD_INT4 || (number >= INT32_MIN && number <= INT32_MAX)) &&
           record_put_integer(record, place, number, arena);
}

static bool read_double(struct record *record, size_t place, struct slice little, struct arena *arena)
{
    uint64_t bits = 0;
    double real;

    for (size_t i = 0; i < little.size; i++)
        bits |= (uint64_t)little.data[i] << (8 * i);
    memcpy(&real, &bits, sizeof real);
    return isfinite(real) && record_put_integer(record, place, (int64_t)bits, arena);
}

static bool read_content(struct record *record, size_t place, struct slice content, struct arena *arena)
{
    enum record_type type = record_forms[record->kind].fields[place].type;
    struct slice *value = &record->values[place];

    *value = content;
    if (type == RECORD_UUID)
        return content.size == UUID_BYTES;
    if (type == RECORD_DIGEST)
        return content.size == DIGEST_BYTES;
    if (type == RECORD_TEXT)
        return utf8_check(content) == content.size;
    if (type != RECORD_JSON)
        return true;

    uint8_t *jsonb = arena_take(arena, content.size + 1);
    size_t offset;
    if (jsonb == NULL || json_check_object(content, JSON_DEPTH_MAX, &offset) != NULL)
        return false;
    jsonb[0] = 1; /* the version of the binary form */
    memcpy(jsonb + 1, content.data, content.size);
    *value = slice_of(jsonb, content.size + 1);
    return true;
}

static bool read_field(struct record *record, const struct wire_field *field, struct arena *arena, struct error *error)
{
    const struct record_form *form = &record_forms[record->kind];
    size_t i = 0;
    bool good;

    while (i < form->count && (form->fields[i].number == 0 || form->fields[i].number != field->tag >> TAG_BITS))
        i++;
    if (i == form->count)
        return true;

    enum wire_type type = wire_type_of(form->fields[i].type);
    if ((field->tag & ((1 << TAG_BITS) - 1)) != type)
        good = false;
    else if (type == VARINT)
        good = read_number(record, i, (int64_t)field->number, arena);
    else
        good = type == FIXED64 ? read_double(record, i, field->content, arena)
                               : read_content(record, i, field->content, arena);
    return good ||
           error_set(error, ERROR_REJECTED, "archive", "%s: %s is no such value", form->name, form->fields[i].name);
}

static bool no_protobuf(struct error *error)
{
    return error_set(error, ERROR_REJECTED, "archive", "it is not protobuf");
}

bool record_wire_read(struct slice message, struct arena *arena, struct record *record, struct error *error)
{
    struct wire_field field;
    struct slice rest = message;

    *record = (struct record){.kind = 0};
    if (!take_field(&rest, &field) || rest.size > 0)
        return no_protobuf(error);
    uint64_t kind = field.tag >> TAG_BITS;
    if ((field.tag & ((1 << TAG_BITS) - 1)) != LENGTH || kind >= RECORD_KINDS || kind < RECORD_BEGIN)
        return true; /* of a newer version */

    record->kind = (enum record_kind)kind;
    rest = field.content;
    while (rest.size > 0) {
        if (!take_field(&rest, &field))
            return no_protobuf(error);
        if (!read_field(record, &field, arena, error))
            return false;
    }
    return true;
}
