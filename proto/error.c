#include "proto/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 2, 0))) static void set_text(struct error *error, const char *format, va_list arguments)
{
    vsnprintf(error->text, sizeof error->text, format, arguments);
}

static void append(struct error *error, const char *separator, const char *text)
{
    size_t used = strlen(error->text);

    snprintf(error->text + used, sizeof error->text - used, "%s%s", separator, text);
}

bool error_set(struct error *error, enum error_kind kind, const char *reason, const char *format, ...)
{
    va_list arguments;

    error->kind = kind;
    error->reason = reason;
    va_start(arguments, format);
    set_text(error, format, arguments);
    va_end(arguments);
    return false;
}

bool error_set_errno(struct error *error, enum error_kind kind, const char *reason, const char *format, ...)
{
    char why[128];
    va_list arguments;

    /* The GNU strerror_r may answer with a static string instead of filling the buffer. */
    const char *text = strerror_r(errno, why, sizeof why);

    error->kind = kind;
    error->reason = reason;
    va_start(arguments, format);
    set_text(error, format, arguments);
    va_end(arguments);
    append(error, ": ", text);
    return false;
}

bool error_wrap(struct error *error, const char *format, ...)
{
    char inner[ERROR_TEXT_MAX];
    va_list arguments;

    memcpy(inner, error->text, sizeof inner);
    va_start(arguments, format);
    set_text(error, format, arguments);
    va_end(arguments);
    append(error, ": ", inner);
    return false;
}
