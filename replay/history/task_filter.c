#include "replay/history/task_filter.h"

#include "proto/decimal.h"
#include "proto/event.h"
#include "proto/nearest.h"
#include "proto/status.h"
#include "proto/utf8.h"
#include "proto/uuid.h"

#include <string.h>

/* ---- what a value may be ---------------------------------------------------------------------------------------- */

typedef bool reader(struct slice given, struct slice *value, struct error *error);

static bool read_text(struct slice given, struct slice *value, struct error *error)
{
    if (utf8_check(given) != given.size)
        return error_set(error, ERROR_FATAL, "usage", "expected UTF-8, found \"%.*s\"", SLICE_PRINT(given));
    *value = given;
    return true;
}

static bool read_status(struct slice given, struct slice *value, struct error *error)
{
    struct nearest nearest;

    if (status_parse(given) != STATUS_UNSPECIFIED) {
        *value = slice_from_text(status_name(status_parse(given)));
        return true;
    }
    nearest_init(&nearest, given);
    for (enum status status = STATUS_PENDING; status <= STATUS_CANCELLED; status++)
        nearest_offer(&nearest, status_name(status));
    return nearest_refuse(&nearest, "status", "", error);
}

static bool read_attempt(struct slice given, struct slice *value, struct error *error)
{
    uint64_t number = 0;

    if (!decimal_read(given, EVENT_ATTEMPT_MAX, &number) || number == 0)
        return error_set(error, ERROR_FATAL, "usage", "attempt: expected a whole number from 1 to %u, found \"%.*s\"",
                         EVENT_ATTEMPT_MAX, SLICE_PRINT(given));
    *value = given;
    return true;
}

static bool read_producer(struct slice given, struct slice *value, struct error *error)
{
    char text[UUID_TEXT_BYTES] = "";
    struct uuid ignored;

    if (given.size < sizeof text)
        memcpy(text, given.data, given.size);
    if (given.size >= sizeof text || !uuid_parse(text, &ignored))
        return error_set(error, ERROR_FATAL, "usage", "producer_id: expected a UUID, found \"%.*s\"",
                         SLICE_PRINT(given));
    *value = given;
    return true;
}

/* In the order of the parameters. */
static const struct field {
    const char *name;
    reader *read;
} fields[TASK_FILTER_FIELDS] = {
    {"task_id", read_text}, {"status", read_status},   {"attempt", read_attempt},    {"step", read_text},
    {"worker", read_text},  {"queue", read_text},      {"task_name", read_text},     {"parent_task_id", read_text},
    {"message", read_text}, {"error_type", read_text}, {"error_message", read_text}, {"producer_id", read_producer},
};

/* ---- the filter ------------------------------------------------------------------------------------------------- */

void task_filter_init(struct task_filter *filter)
{
    static const enum columns_type types[] = {COLUMNS_TEXT, 0};

    *filter = (struct task_filter){.since = {.size = 0}};
    for (size_t i = 0; i < TASK_FILTER_FIELDS; i++)
        columns_init(&filter->values[i], NULL, types);
}

void task_filter_close(struct task_filter *filter)
{
    for (size_t i = 0; i < TASK_FILTER_FIELDS; i++)
        columns_close(&filter->values[i]);
    binary_close(&filter->since);
    binary_close(&filter->until);
}

static bool unknown_field(struct slice given, struct error *error)
{
    struct nearest nearest;

    nearest_init(&nearest, given);
    for (size_t i = 0; i < TASK_FILTER_FIELDS; i++)
        nearest_offer(&nearest, fields[i].name);
    return nearest_refuse(&nearest, "field", "", error);
}

bool task_filter_add(struct task_filter *filter, struct slice field, struct slice value, struct error *error)
{
    for (size_t i = 0; i < TASK_FILTER_FIELDS; i++) {
        if (!slice_equal(field, slice_from_text(fields[i].name)))
            continue;
        if (!fields[i].read(value, &value, error))
            return false;
        binary_bytes(columns_next(&filter->values[i]), value);
        return true;
    }
    return unknown_field(field, error);
}

bool task_filter_add_words(struct task_filter *filter, const char *words, struct error *error)
{
    const char *equals = strchr(words, '=');

    if (equals == NULL)
        return error_set(error, ERROR_FATAL, "usage",
                         "expected FIELD=VALUE, found \"%s\"; what became of one task tells: history TASK", words);
    return task_filter_add(filter, slice_of(words, (size_t)(equals - words)), slice_from_text(equals + 1), error);
}

/* A bare timestamptz: behind its size. */
enum { SIZE_BYTES = 4 };

void task_filter_between(struct task_filter *filter, int64_t since_us, int64_t until_us)
{
    if (since_us != INT64_MIN)
        binary_time_us(&filter->since, since_us);
    if (until_us != INT64_MAX)
        binary_time_us(&filter->until, until_us);
}

static struct postgres_parameter moment(const struct binary *time)
{
    struct slice bytes = binary_slice(time);

    if (bytes.size == 0)
        return (struct postgres_parameter){.is_null = true};
    return (struct postgres_parameter){.value = slice_of(bytes.data + SIZE_BYTES, bytes.size - SIZE_BYTES)};
}

bool task_filter_finish(struct task_filter *filter, struct postgres_parameter parameters[TASK_FILTER_PARAMETERS],
                        struct error *error)
{
    for (size_t i = 0; i < TASK_FILTER_FIELDS; i++) {
        if (!columns_finish(&filter->values[i], &parameters[i], error))
            return false;
        parameters[i].is_null = filter->values[i].rows == 0;
    }
    if (filter->since.failed || filter->until.failed)
        return error_set(error, ERROR_FATAL, "memory", "cannot ask for tasks: out of memory");
    parameters[TASK_FILTER_FIELDS] = moment(&filter->since);
    parameters[TASK_FILTER_FIELDS + 1] = moment(&filter->until);
    return true;
}
