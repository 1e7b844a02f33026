#include "producer/emit/field.h"

#include "proto/event.h"
#include "proto/rfc3339.h"
#include "proto/status.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool expected(const char *name, const char *what, const char *found, struct error *error)
{
    return error_set(error, ERROR_REJECTED, "invalid", "%s: expected %s, found \"%.*s\"", name, what,
                     FIELD_FOUND_BYTES_MAX, found);
}

bool field_status(const char *name, const char *text, enum taskledger_status *status, struct error *error)
{
    enum status parsed = status_parse(slice_from_text(text));

    if (parsed == STATUS_UNSPECIFIED)
        return expected(name, "one of PENDING, QUEUED, RUNNING, RETRY, SUCCESS, PARTIAL_FAILURE, FAILURE and CANCELLED",
                        text, error);
    *status = (enum taskledger_status)parsed;
    return true;
}

/* The C library would also take leading space, a plus, hexadecimal and infinity. */
static bool consists_of(const char *text, const char *letters)
{
    return text[0] != '\0' && strspn(text, letters) == strlen(text);
}

bool field_attempt(const char *name, const char *text, uint32_t *attempt, struct error *error)
{
    errno = 0;
    unsigned long long parsed = strtoull(text, NULL, 10);

    if (!consists_of(text, "0123456789") || errno != 0 || parsed < 1 || parsed > EVENT_ATTEMPT_MAX)
        return expected(name, "a whole number from 1 to 2147483647", text, error);
    *attempt = (uint32_t)parsed;
    return true;
}

bool field_progress(const char *name, const char *text, double *progress, struct error *error)
{
    char *end;
    double parsed = strtod(text, &end);

    if (!consists_of(text, "+-.0123456789eE") || *end != '\0' || !(parsed >= 0.0 && parsed <= 1.0))
        return expected(name, "a number from 0 to 1", text, error);
    *progress = parsed;
    return true;
}

bool field_occurred_at(const char *name, const char *text, int64_t *occurred_at_us, struct error *error)
{
    int64_t parsed_us;

    if (!rfc3339_parse(slice_from_text(text), &parsed_us))
        return expected(name, "a time like 2026-11-21T22:33:44.5Z or 2026-11-21T22:33:44+01:00", text, error);
    if (parsed_us < 1)
        return expected(name, "a time after 1970 began", text, error);
    *occurred_at_us = parsed_us;
    return true;
}

/* Where in the reason the field stands: "<field>: ...", "... without <field>, ...". */
static const char *find_field(const char *reason)
{
    static const char without[] = " without ";
    const char *found = strstr(reason, without);
    bool leads = reason[strcspn(reason, ": ")] == ':';

    return leads || found == NULL ? reason : found + sizeof without - 1;
}

void field_reword(const char *reason, const struct field_name *names, char text[ERROR_TEXT_MAX])
{
    const char *field = find_field(reason);
    struct slice given = slice_of(field, strcspn(field, ":,"));

    while (names->field != NULL && !slice_equal(slice_from_text(names->field), given))
        names++;
    if (names->field == NULL)
        snprintf(text, ERROR_TEXT_MAX, "%s", reason);
    else
        snprintf(text, ERROR_TEXT_MAX, "%.*s%s%s", (int)(field - reason), reason, names->name, field + given.size);
}
