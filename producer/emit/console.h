/* console: what taskledger-emit says to people, a line at a time on standard error; and what others said, shown to them. */
#ifndef TASKLEDGER_PRODUCER_EMIT_CONSOLE_H
#define TASKLEDGER_PRODUCER_EMIT_CONSOLE_H

#include "proto/error.h"
#include "proto/slice.h"

enum { CONSOLE_TEXT_BYTES_MAX = 1024 };

/* "taskledger-emit: <text>", the text cut to its maximum and made harmless (proto/text.h), since much of it was read
 * from somewhere. A standard error that is gone is no failure. */
void console_say(const char *format, ...) __attribute__((format(printf, 1, 2), nonnull(1)));

/* The same with the error's text; when it is about how the command was called, "usage" or "invalid", also with what to
 * read. */
void console_complain(const char *command, const struct error *error);

/* `before` and what others wrote, made harmless, on standard output; neither when that is empty. */
void console_print(const char *before, struct slice text);

#endif
