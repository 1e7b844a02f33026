/* error: what went wrong, and what to do about it.
 *
 * Every function that can fail is `bool f(..., struct error *error)`. It returns true and leaves `error` alone, or
 * returns false, fills `error`, and leaves its outputs alone. The kind is the whole policy:
 *
 *   TRANSIENT  back off and do the same again; it may work later        ("could not ...")
 *   REJECTED   set this event aside; it can never succeed               ("cannot ...")
 *   FATAL      stop; an operator must act                               ("cannot ...")
 *
 * Kinds are decided at the borders only: the Redis line, the PostgreSQL connection, the decoder. Broken invariants are
 * asserts, never errors. Texts are lower case, without a full stop, and never hold a password. */
#ifndef TASKLEDGER_PROTO_ERROR_H
#define TASKLEDGER_PROTO_ERROR_H

#include <stdbool.h>

enum error_kind {
    ERROR_NONE,
    ERROR_TRANSIENT,
    ERROR_REJECTED,
    ERROR_FATAL,
};

enum { ERROR_TEXT_MAX = 512 };

struct error {
    enum error_kind kind;
    const char *reason; /* a word that never changes, for counters and tables; static storage, never NULL when set */
    char text[ERROR_TEXT_MAX]; /* for people; cut, never overrun */
};

/* Fill `error` and return false, so that a failure is one line: `return error_set(error, ERROR_FATAL, "config",
 * ...)`. */
bool error_set(struct error *error, enum error_kind kind, const char *reason, const char *format, ...)
    __attribute__((format(printf, 4, 5), nonnull(1, 3, 4), cold));

/* The same with errno's text behind ": ". */
bool error_set_errno(struct error *error, enum error_kind kind, const char *reason, const char *format, ...)
    __attribute__((format(printf, 4, 5), nonnull(1, 3, 4), cold));

/* Put context in front of the text: "could not apply batch: <what was there>". Returns false. */
bool error_wrap(struct error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3), nonnull(1, 2), cold));

#endif
