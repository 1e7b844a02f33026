#include "replay/transfer/record_json.h"

#include "proto/decimal.h"
#include "proto/digest.h"
#include "proto/json.h"
#include "proto/rfc3339.h"
#include "proto/uuid.h"
#include "replay/transfer/letters.h"
#include "replay/transfer/members.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_BYTES_MAX = 64 };

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static bool write_letters(const struct record_field *field, struct slice value, struct json_writer *json,
                          struct arena *arena)
{
    struct slice text;
    bool good =
        field->type == RECORD_BYTES ? letters_to_base64(value, arena, &text) : letters_to_hex(value, arena, &text);

    if (good)
        json_writer_string(json, text);
    return good;
}

static void write_uuid(struct slice value, struct json_writer *json)
{
    const struct uuid uuid = postgres_read_uuid(value);
    char text[UUID_TEXT_BYTES];

    uuid_format(&uuid, text);
    json_writer_text(json, text);
}

static void write_time(struct slice value, struct json_writer *json)
{
    char text[RFC3339_TEXT_BYTES];

    rfc3339_format(postgres_read_time_us(value), text);
    json_writer_text(json, text);
}

static bool write_value(const struct record_field *field, struct slice value, struct json_writer *json,
                        struct arena *arena)
{
    switch (field->type) {
    case RECORD_UUID:
        write_uuid(value, json);
        break;
    case RECORD_INT4:
        json_writer_integer(json, postgres_read_int32(value));
        break;
    case RECORD_INT8:
        json_writer_integer(json, postgres_read_int64(value));
        break;
    case RECORD_TIME:
        write_time(value, json);
        break;
    case RECORD_TEXT:
        json_writer_string(json, value);
        break;
    case RECORD_BYTES:
    case RECORD_DIGEST:
        return write_letters(field, value, json, arena);
    case RECORD_DOUBLE:
        json_writer_double(json, postgres_read_double(value));
        break;
    case RECORD_BOOLEAN:
        json_writer_boolean(json, postgres_read_boolean(value));
        break;
    case RECORD_JSON:
        json_writer_raw(json, postgres_read_jsonb(value));
        break;
    }
    return true;
}

bool record_json_write(const struct record *record, struct json_writer *json, struct arena *arena, struct error *error)
{
    const struct record_form *form = &record_forms[record->kind];
    bool good = true;

    json_writer_object_begin(json);
    json_writer_key(json, "kind");
    json_writer_text(json, form->name);
    for (size_t i = 0; i < form->count && good; i++) {
        if (record->values[i].data == NULL)
            continue;
        json_writer_key(json, form->fields[i].name);
        good = write_value(&form->fields[i], record->values[i], json, arena);
    }
    json_writer_object_end(json);
    json_writer_newline(json);
    return (good && !json->failed) || error_set(error, ERROR_FATAL, "memory", "cannot get memory for a record");
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static bool read_number(struct slice value, char number[NUMBER_BYTES_MAX])
{
    if (value.size == 0 || value.size >= NUMBER_BYTES_MAX || (value.data[0] != '-' && (value.data[0] & 0xf0) != 0x30))
        return false;
    memcpy(number, value.data, value.size);
    number[value.size] = '\0';
    return true;
}

static bool read_integer(struct slice value, int64_t *integer)
{
    char number[NUMBER_BYTES_MAX];
    uint64_t magnitude;

    if (!read_number(value, number))
        return false;
    bool is_negative = number[0] == '-';
    if (!decimal_read(slice_from_text(number + is_negative), INT64_MAX, &magnitude))
        return false;
    *integer = is_negative ? -(int64_t)magnitude : (int64_t)magnitude;
    return true;
}

static bool read_double(struct record *record, size_t place, struct slice value, struct arena *arena)
{
    char number[NUMBER_BYTES_MAX];
    double real;
    int64_t bits;

    if (!read_number(value, number))
        return false;
    real = strtod(number, NULL);
    memcpy(&bits, &real, sizeof bits);
    return isfinite(real) && record_put_integer(record, place, bits, arena);
}

static bool read_uuid(struct slice text, struct arena *arena, struct slice *value)
{
    char hyphened[UUID_TEXT_BYTES] = "";
    struct uuid uuid;

    if (text.size != UUID_TEXT_BYTES - 1)
        return false;
    memcpy(hyphened, text.data, text.size);
    if (!uuid_parse(hyphened, &uuid))
        return false;
    *value = arena_copy(arena, slice_of(uuid.bytes, UUID_BYTES));
    return value->data != NULL;
}

static bool read_json(struct slice value, struct arena *arena, struct slice *jsonb)
{
    uint8_t *bytes = arena_take(arena, value.size + 1);

    if (bytes == NULL || value.size == 0 || value.data[0] != '{')
        return false;
    bytes[0] = 1; /* the version of the binary form */
    memcpy(bytes + 1, value.data, value.size);
    *jsonb = slice_of(bytes, value.size + 1);
    return true;
}

static bool read_boolean(struct slice value, struct slice *boolean)
{
    static const uint8_t truth = 1, falsehood = 0;

    *boolean = slice_of(value.size == 4 ? &truth : &falsehood, 1);
    return slice_equal(value, slice_from_text(value.size == 4 ? "true" : "false"));
}

/* A value that is not written in quotes. */
static bool read_bare(struct record *record, size_t place, struct slice value, struct arena *arena)
{
    enum record_type type = record_forms[record->kind].fields[place].type;
    int64_t integer;

    if (type == RECORD_DOUBLE)
        return read_double(record, place, value, arena);
    if (type == RECORD_BOOLEAN)
        return read_boolean(value, &record->values[place]);
    if (type == RECORD_JSON)
        return read_json(value, arena, &record->values[place]);
    return read_integer(value, &integer) && (type == RECORD_INT8 || (integer >= INT32_MIN && integer <= INT32_MAX)) &&
           record_put_integer(record, place, integer, arena);
}

static bool read_quoted(struct record *record, size_t place, struct slice text, struct arena *arena)
{
    enum record_type type = record_forms[record->kind].fields[place].type;
    struct slice *value = &record->values[place];
    int64_t unix_us;

    if (type == RECORD_UUID)
        return read_uuid(text, arena, value);
    if (type == RECORD_TIME)
        return rfc3339_parse(text, &unix_us) && record_put_time(record, place, unix_us, arena);
    if (type == RECORD_BYTES)
        return letters_from_base64(text, arena, value);
    if (type == RECORD_DIGEST)
        return text.size == DIGEST_HEX_BYTES - 1 && letters_from_hex(text, arena, value);
    *value = text;
    return true;
}

static bool read_value(struct record *record, size_t place, const struct members *members, struct slice value)
{
    static const bool is_quoted[] = {[RECORD_UUID] = true,  [RECORD_TIME] = true,   [RECORD_TEXT] = true,
                                     [RECORD_BYTES] = true, [RECORD_DIGEST] = true, [RECORD_JSON] = false};
    struct slice text;

    if (!is_quoted[record_forms[record->kind].fields[place].type])
        return read_bare(record, place, value, members->arena);
    return members_text(members, value, &text) && read_quoted(record, place, text, members->arena);
}

static bool find_field(const struct record_form *form, struct slice name, size_t *place)
{
    for (size_t i = 0; i < form->count; i++) {
        if (form->fields[i].number != 0 && slice_equal(name, slice_from_text(form->fields[i].name))) {
            *place = i;
            return true;
        }
    }
    return false;
}

static bool read_members(struct members *members, struct record *record, struct error *error)
{
    const struct record_form *form = &record_forms[record->kind];
    struct member member;
    size_t place;

    while (members_next(members, &member)) {
        if (!find_field(form, member.name, &place) || slice_equal(member.value, slice_from_text("null")))
            continue;
        if (!read_value(record, place, members, member.value))
            return error_set(error, ERROR_REJECTED, "archive", "%s: %s is no such value", form->name,
                             form->fields[place].name);
    }
    return true;
}

bool record_json_read(struct slice line, struct arena *arena, struct record *record, struct error *error)
{
    struct members members = {.rest = line, .arena = arena};
    struct member member;
    struct slice name;
    size_t offset = 0;
    const char *found = json_check_object(line, JSON_DEPTH_MAX, &offset);

    if (found != NULL)
        return error_set(error, ERROR_REJECTED, "archive", "byte %zu: %s", offset, found);
    if (!members_next(&members, &member) || !slice_equal(member.name, slice_from_text("kind")) ||
        !members_text(&members, member.value, &name))
        return error_set(error, ERROR_REJECTED, "archive", "it does not begin with its kind");

    *record = (struct record){.kind = record_kind_of(name)};
    return record->kind == 0 || read_members(&members, record, error);
}
