/* log: one line per event of the program's life, for people or for machines.
 *
 *   text   2026-11-21T22:33:44.123456Z warning postgresql_away reason=connection detail="could not connect ..."
 *   json   {"time":"2026-11-21T22:33:44.123456Z","level":"warning","event":"postgresql_away","pid":7,"reason": ...}
 *
 * An event has a name that never changes, and its data in fields: nobody has to parse a sentence. A state is told when
 * it changes, not at every try. A line is one write(2); one that is longer than LOG_LINE_MAX is cut, and still JSON
 * where it is JSON. Not for several threads. */
#ifndef TASKLEDGER_CONSUMER_LOG_H
#define TASKLEDGER_CONSUMER_LOG_H

#include "proto/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LOG_LINE_MAX = 4096, LOG_TEXT_MAX = 1024 /* of one field */ };

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

#define LOG_LEVELS  "debug info warning error"
#define LOG_FORMATS "text json"

struct log {
    int descriptor;
    enum log_level level; /* what is below is not written */
    enum log_format format;
    const struct clock *clock;
};

struct log_field {
    const char *name;
    const char *text; /* NULL: `integer` */
    int64_t integer;
};

struct log_fields {
    const struct log_field *fields;
    size_t count;
};

/* log_write(log, LOG_LEVEL_INFO, "started", LOG_FIELDS(log_text("consumer", name), log_integer("shards", 4))) */
#define LOG_FIELDS(...)                                           \
    ((struct log_fields){(const struct log_field[]){__VA_ARGS__}, \
                         sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field)})
#define LOG_NO_FIELDS ((struct log_fields){NULL, 0})

static inline struct log_field log_text(const char *name, const char *text)
{
    return (struct log_field){.name = name, .text = text == NULL ? "" : text};
}

static inline struct log_field log_integer(const char *name, int64_t integer)
{
    return (struct log_field){.name = name, .integer = integer};
}

/* By the words of LOG_LEVELS and LOG_FORMATS, "" or NULL for the default: info; text on a terminal, else json. */
enum log_level log_level_parse(const char *word);
enum log_format log_format_parse(const char *word, int descriptor);

void log_write(const struct log *log, enum log_level level, const char *event, struct log_fields fields);

/* The line that log_write writes at this time, with its line feed; its length. */
size_t log_compose(const struct log *log, enum log_level level, const char *event, struct log_fields fields,
                   char line[LOG_LINE_MAX]);

/* A line that a signal handler can write: only its time is put in then. */
struct log_prepared {
    int descriptor;
    const struct clock *clock;
    size_t length;  /* 0: it is below the level */
    size_t time_at; /* where the time stands in it */
    char line[LOG_LINE_MAX];
};

void log_prepare(const struct log *log, enum log_level level, const char *event, struct log_prepared *prepared);
void log_write_prepared(struct log_prepared *prepared);

#endif
