#include "replay/web/route.h"

#include "proto/decimal.h"
#include "proto/rfc3339.h"
#include "proto/status.h"
#include "proto/utf8.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

enum { SHOWN_BYTES = 64 /* of a value, in a complaint about it */, NAME_BYTES = 32 };

/* ---- which row --------------------------------------------------------------------------------------------------- */

/* The part that braces take: up to the next '/'. */
static struct slice take_part(struct slice *rest)
{
    const uint8_t *end = rest->size == 0 ? NULL : memchr(rest->data, '/', rest->size);
    struct slice part = slice_of(rest->data, end == NULL ? rest->size : (size_t)(end - rest->data));

    *rest = slice_of(rest->data + part.size, rest->size - part.size);
    return part;
}

static bool matches(const char *pattern, struct slice path, struct slice *part)
{
    while (*pattern != '\0') {
        if (*pattern == '{') {
            *part = take_part(&path);
            if (part->size == 0)
                return false;
            pattern = strchr(pattern, '}') + 1;
        } else if (path.size > 0 && path.data[0] == (uint8_t)*pattern) {
            path = slice_of(path.data + 1, path.size - 1);
            pattern++;
        } else {
            return false;
        }
    }
    return path.size == 0;
}

static bool takes(const struct route *route, const char *method)
{
    return strcmp(route->method, strcmp(method, "HEAD") == 0 ? "GET" : method) == 0;
}

struct route_found route_find(const struct route *routes, size_t count, const char *method, struct slice path)
{
    struct route_found found = {.route = NULL};

    for (size_t i = 0; i < count && !found.has_method; i++) {
        if (!matches(routes[i].pattern, path, &found.part))
            continue;
        found.route = &routes[i];
        found.has_method = takes(&routes[i], method);
    }
    return found;
}

/* ---- the part in braces ------------------------------------------------------------------------------------------ */

/* "id" of "/api/tasks/{id}". False: there are no braces. */
static bool part_name(const struct route *route, char name[NAME_BYTES])
{
    const char *brace = strchr(route->pattern, '{');
    size_t size = brace == NULL ? 0 : (size_t)(strchr(brace, '}') - brace - 1);

    assert(size < NAME_BYTES);
    if (size == 0)
        return false;
    memcpy(name, brace + 1, size);
    name[size] = '\0';
    return true;
}

static bool read_part(struct question *question, struct slice encoded, struct error *error)
{
    char decoded[3 * ROUTE_PART_BYTES_MAX];
    char name[NAME_BYTES];
    struct slice part;

    if (!part_name(question->route, name))
        return true;
    if (question->route->is_open || !server_query(question->exchange, name, 0, &part)) {
        size_t size = 0;
        if (encoded.size > sizeof decoded || !server_decode(encoded, decoded, &size))
            return error_set(error, ERROR_REJECTED, "bad_request", "%s: cannot be decoded, or is too long", name);
        part = slice_of(decoded, size);
    }
    if (part.size == 0 || part.size > sizeof question->bytes || utf8_check(part) != part.size)
        return error_set(error, ERROR_REJECTED, "bad_request", "%s: expected 1 to %zu bytes of UTF-8", name,
                         sizeof question->bytes);
    memcpy(question->bytes, part.data, part.size);
    question->part = slice_of(question->bytes, part.size);
    return true;
}

/* ---- one value --------------------------------------------------------------------------------------------------- */

static bool read_text(const struct route_parameter *parameter, struct slice text, struct error *error)
{
    if (text.size >= (size_t)parameter->least && text.size <= (size_t)parameter->most && utf8_check(text) == text.size)
        return true;
    return error_set(error, ERROR_REJECTED, "bad_request", "%s: expected %" PRId64 " to %" PRId64 " bytes of UTF-8",
                     parameter->name, parameter->least, parameter->most);
}

/* What was found, as far as it can be shown. */
static struct slice shown(struct slice text)
{
    return utf8_cut(text, utf8_check(text) < SHOWN_BYTES ? utf8_check(text) : SHOWN_BYTES);
}

static bool read_integer(const struct route_parameter *parameter, struct slice text, int64_t *integer,
                         struct error *error)
{
    uint64_t number;

    if (!decimal_read(text, (uint64_t)parameter->most, &number) || number < (uint64_t)parameter->least)
        return error_set(error, ERROR_REJECTED, "bad_request",
                         "%s: expected a number from %" PRId64 " to %" PRId64 ", found \"%.*s\"", parameter->name,
                         parameter->least, parameter->most, SLICE_PRINT(shown(text)));
    *integer = (int64_t)number;
    return true;
}

static bool read_flag(const struct route_parameter *parameter, struct slice text, int64_t *integer, struct error *error)
{
    if (text.size != 1 || (text.data[0] != '0' && text.data[0] != '1'))
        return error_set(error, ERROR_REJECTED, "bad_request", "%s: expected 0 or 1, found \"%.*s\"", parameter->name,
                         SLICE_PRINT(shown(text)));
    *integer = text.data[0] - '0';
    return true;
}

static bool read_time(const struct route_parameter *parameter, struct slice text, int64_t *integer, struct error *error)
{
    return rfc3339_parse(text, integer) || error_set(error, ERROR_REJECTED, "bad_request",
                                                     "%s: expected a time as 2026-11-22T18:05:00Z, found \"%.*s\"",
                                                     parameter->name, SLICE_PRINT(shown(text)));
}

static bool read_statuses(const struct route_parameter *parameter, struct slice text, int64_t *integer,
                          struct error *error)
{
    while (true) {
        const uint8_t *comma = text.size == 0 ? NULL : memchr(text.data, ',', text.size);
        struct slice name = slice_of(text.data, comma == NULL ? text.size : (size_t)(comma - text.data));
        enum status status = status_parse(name);

        if (status == STATUS_UNSPECIFIED)
            return error_set(error, ERROR_REJECTED, "bad_request", "%s: there is no status \"%.*s\"", parameter->name,
                             SLICE_PRINT(shown(name)));
        *integer |= INT64_C(1) << status;
        if (comma == NULL)
            return true;
        text = slice_of(comma + 1, text.size - name.size - 1);
    }
}

static bool read_value(const struct route_parameter *parameter, struct slice text, struct route_value *value,
                       struct error *error)
{
    if (!value->is_given)
        value->text = text;
    value->is_given = true;
    switch (parameter->type) {
    case ROUTE_TEXT:
    case ROUTE_TEXTS:
        return read_text(parameter, text, error);
    case ROUTE_INTEGER:
        return read_integer(parameter, text, &value->integer, error);
    case ROUTE_FLAG:
        return read_flag(parameter, text, &value->integer, error);
    case ROUTE_TIME:
        return read_time(parameter, text, &value->integer, error);
    case ROUTE_STATUSES:
        return read_statuses(parameter, text, &value->integer, error);
    }
    return false;
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

static bool comes_often(const struct route_parameter *parameter)
{
    return parameter->type == ROUTE_TEXTS || parameter->type == ROUTE_STATUSES;
}

static bool read_parameter(struct question *question, size_t index, struct error *error)
{
    const struct route_parameter *parameter = &question->route->parameters[index];
    struct route_value *value = &question->values[index];
    struct slice text;

    *value = (struct route_value){.integer = parameter->otherwise};
    for (size_t i = 0; server_query(question->exchange, parameter->name, i, &text); i++) {
        if (i > 0 && !comes_often(parameter))
            return error_set(error, ERROR_REJECTED, "bad_request", "%s: given more than once", parameter->name);
        if (!read_value(parameter, text, value, error))
            return false;
    }
    return true;
}

static bool knows(const struct route *route, const char *name)
{
    char part[NAME_BYTES];

    for (size_t i = 0; i < route->parameter_count; i++)
        if (strcmp(route->parameters[i].name, name) == 0)
            return true;
    return part_name(route, part) && strcmp(part, name) == 0;
}

static bool check_names(const struct question *question, struct error *error)
{
    const char *name;

    for (size_t i = 0; (name = server_query_name(question->exchange, i)) != NULL; i++)
        if (!knows(question->route, name))
            return error_set(error, ERROR_REJECTED, "bad_request", "there is no parameter \"%.*s\" here",
                             SLICE_PRINT(shown(slice_from_text(name))));
    return true;
}

bool route_read(struct question *question, struct slice part, struct error *error)
{
    assert(question->route->parameter_count <= ROUTE_PARAMETERS_MAX);
    if (!read_part(question, part, error))
        return false;
    if (question->route->is_open)
        return true;
    if (!check_names(question, error))
        return false;
    for (size_t i = 0; i < question->route->parameter_count; i++)
        if (!read_parameter(question, i, error))
            return false;
    return true;
}

const struct route_value *route_value(const struct question *question, const char *name)
{
    const struct route *route = question->route;
    size_t place = 0;

    while (place < route->parameter_count && strcmp(route->parameters[place].name, name) != 0)
        place++;
    assert(place < route->parameter_count);
    return &question->values[place];
}

bool route_text(const struct question *question, const char *name, size_t index, struct slice *text)
{
    return server_query(question->exchange, name, index, text);
}
