#include "replay/arguments.h"

#include "proto/event.h"
#include "proto/rfc3339.h"
#include "proto/utf8.h"
#include "replay/moment.h"

#include <stdio.h>

enum { TIME_BYTES_MAX = 64 };

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

/* RFC 3339 but for its zone. */
static bool lacks_zone(const char *text)
{
    char zoned[TIME_BYTES_MAX];
    int64_t ignored;

    return (size_t)snprintf(zoned, sizeof zoned, "%sZ", text) < sizeof zoned &&
           rfc3339_parse(slice_from_text(zoned), &ignored);
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
    if (lacks_zone(text))
        return error_set(error, ERROR_FATAL, "usage", "%s \"%s\" lacks its zone: Z for UTC, or an offset like +08:00",
                         flag, text);
    return error_set(error, ERROR_FATAL, "usage",
                     "%s takes a time like 2026-11-21T22:33:44Z, -90s, -5m, -2h, -7d or now, not \"%s\"", flag, text);
}

bool arguments_refuse_order(const char *since, const char *until, struct error *error)
{
    return error_set(error, ERROR_FATAL, "usage", "--since %s is behind %s%s: nothing is between them", since,
                     until == NULL ? "now" : "--until ", until == NULL ? "" : until);
}

bool arguments_between(const char *since, const char *until, const struct clock *clock, struct arguments_span *span,
                       struct error *error)
{
    return arguments_moment("--since", since, clock, span->since_us, &span->since_us, error) &&
           arguments_moment("--until", until, clock, span->until_us, &span->until_us, error) &&
           (span->since_us <= span->until_us || arguments_refuse_order(since, until, error));
}
