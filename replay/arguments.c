#include "replay/arguments.h"

#include "proto/event.h"
#include "proto/utf8.h"
#include "replay/moment.h"

bool arguments_task(const char *word, struct slice *task_id, struct error *error)
{
    struct slice named = slice_from_text(word);

    if (named.size == 0 || named.size > EVENT_TASK_ID_BYTES_MAX)
        return error_set(error, ERROR_FATAL, "usage", "a TASK is 1 to %d bytes long, this one %zu",
                         EVENT_TASK_ID_BYTES_MAX, named.size);
    if (utf8_check(named) != named.size)
        return error_set(error, ERROR_FATAL, "usage", "a TASK is UTF-8, \"%s\" is not", word);
    *task_id = named;
    return true;
}

bool arguments_moment(const char *flag, const char *text, const struct clock *clock, int64_t otherwise_us,
                      int64_t *unix_us, struct error *error)
{
    if (text == NULL) {
        *unix_us = otherwise_us;
        return true;
    }
    if (moment_parse(text, clock->unix_us(clock->self), unix_us))
        return true;
    return error_set(error, ERROR_FATAL, "usage",
                     "%s takes a time like 2026-11-21T22:33:44Z, -90s, -5m, -2h, -7d or now, not \"%s\"", flag, text);
}
