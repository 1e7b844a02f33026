/* console: what taskledger-emit says to people, a line at a time on standard error. */
#ifndef TASKLEDGER_PRODUCER_EMIT_CONSOLE_H
#define TASKLEDGER_PRODUCER_EMIT_CONSOLE_H

enum { CONSOLE_LINE_BYTES_MAX = 1024 };

/* "taskledger-emit: <text>". Cut to a line's maximum; bytes that could steer a terminal, or are not UTF-8, come out as
 * question marks, since much of the text was read from somewhere. A standard error that is gone is no failure. */
void console_say(const char *format, ...) __attribute__((format(printf, 1, 2), nonnull(1)));

#endif
