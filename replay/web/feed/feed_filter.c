#include "replay/web/feed/feed_filter.h"

#include <stdlib.h>

/* What a client sent is not repeated in the answer: it need not be text. */
#define REFUSE(error, ...) error_set(error, ERROR_REJECTED, "bad_request", __VA_ARGS__)

static bool grow(struct feed_filter_values *values, struct error *error)
{
    struct slice *more = realloc(values->values, (values->count + 1) * sizeof *more);

    if (more == NULL)
        return error_set(error, ERROR_TRANSIENT, "memory", "could not keep a filter");
    values->values = more;
    return true;
}

static bool add_value(struct feed_filter_values *values, const char *name, struct slice value, struct error *error)
{
    if (value.size == 0 || value.size > FEED_FILTER_VALUE_BYTES_MAX)
        return REFUSE(error, "%s: %zu bytes, must have 1 to %d", name, value.size, FEED_FILTER_VALUE_BYTES_MAX);
    if (values->count == FEED_FILTER_VALUES_MAX)
        return REFUSE(error, "%s: given more than %d times", name, FEED_FILTER_VALUES_MAX);
    if (!grow(values, error))
        return false;

    uint8_t *copy = malloc(value.size);
    if (copy == NULL)
        return error_set(error, ERROR_TRANSIENT, "memory", "could not keep a filter");
    memcpy(copy, value.data, value.size);
    values->values[values->count++] = slice_of(copy, value.size);
    return true;
}

static bool add_statuses(struct feed_filter *filter, struct slice value, struct error *error)
{
    unsigned statuses = 0;

    for (;;) {
        const uint8_t *comma = value.size == 0 ? NULL : memchr(value.data, ',', value.size);
        size_t size = comma == NULL ? value.size : (size_t)(comma - value.data);
        enum status status = status_parse(slice_of(value.data, size));

        if (status == STATUS_UNSPECIFIED)
            return REFUSE(error, "status: there is none of that name");
        statuses |= 1U << status;
        if (comma == NULL)
            break;
        value = slice_of(comma + 1, value.size - size - 1);
    }
    filter->statuses |= statuses;
    return true;
}

bool feed_filter_add(struct feed_filter *filter, struct slice name, struct slice value, struct error *error)
{
    if (slice_equal(name, slice_from_text("task")))
        return add_value(&filter->tasks, "task", value, error);
    if (slice_equal(name, slice_from_text("name")))
        return add_value(&filter->names, "name", value, error);
    if (slice_equal(name, slice_from_text("status")))
        return add_statuses(filter, value, error);
    return REFUSE(error, "cannot select by that: known are task, status and name");
}

static bool holds(const struct feed_filter_values *values, struct slice value)
{
    for (size_t i = 0; i < values->count; i++)
        if (slice_equal(values->values[i], value))
            return true;
    return values->count == 0;
}

bool feed_filter_matches(const struct feed_filter *filter, const struct feed_subject *subject)
{
    return (filter->statuses == 0 || (filter->statuses & (1U << subject->status)) != 0) &&
           holds(&filter->tasks, subject->task_id) && holds(&filter->names, subject->task_name);
}

static void close_values(struct feed_filter_values *values)
{
    for (size_t i = 0; i < values->count; i++)
        free((void *)(uintptr_t)values->values[i].data);
    free(values->values);
}

void feed_filter_close(struct feed_filter *filter)
{
    close_values(&filter->tasks);
    close_values(&filter->names);
    *filter = (struct feed_filter){.statuses = 0};
}
