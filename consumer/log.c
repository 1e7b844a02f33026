#include "consumer/log.h"

#include "proto/json_writer.h"
#include "proto/rfc3339.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define JSON_BEFORE_TIME "{\"time\":\""

static const char *const level_names[] = {"debug", "info", "warning", "error"};

enum log_level log_level_parse(const char *word)
{
    for (size_t i = 0; word != NULL && i < sizeof level_names / sizeof *level_names; i++)
        if (strcmp(word, level_names[i]) == 0)
            return (enum log_level)i;
    return LOG_LEVEL_INFO;
}

enum log_format log_format_parse(const char *word, int descriptor)
{
    if (word == NULL || *word == '\0')
        return isatty(descriptor) ? LOG_FORMAT_TEXT : LOG_FORMAT_JSON;
    return strcmp(word, "text") == 0 ? LOG_FORMAT_TEXT : LOG_FORMAT_JSON;
}

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

static struct slice cut(const char *text)
{
    return slice_of(text, strnlen(text, LOG_TEXT_MAX));
}

static void write_json_field(struct json_writer *json, const struct log_field *field)
{
    json_writer_key(json, field->name);
    if (field->text != NULL)
        json_writer_string(json, cut(field->text));
    else
        json_writer_integer(json, field->integer);
}

/* With the first `count` fields. */
static void write_json(struct json_writer *json, const char *time, const char *level, const char *event,
                       struct log_fields fields)
{
    json_writer_reset(json);
    json_writer_object_begin(json);
    json_writer_key(json, "time");
    json_writer_text(json, time);
    json_writer_key(json, "level");
    json_writer_text(json, level);
    json_writer_key(json, "event");
    json_writer_text(json, event);
    json_writer_key(json, "pid");
    json_writer_integer(json, getpid());
    for (size_t i = 0; i < fields.count; i++)
        write_json_field(json, &fields.fields[i]);
    json_writer_object_end(json);
    json_writer_newline(json);
}

/* Fields from the end are left out until the line is short enough. */
static size_t compose_json(const char *time, const char *level, const char *event, struct log_fields fields,
                           char line[LOG_LINE_MAX])
{
    struct json_writer json = {0};
    size_t length = 0;

    write_json(&json, time, level, event, fields);
    while (json.length > LOG_LINE_MAX && fields.count > 0) {
        fields.count--;
        write_json(&json, time, level, event, fields);
    }
    if (!json.failed && json.length <= LOG_LINE_MAX) {
        length = json.length;
        memcpy(line, json.text, length);
    }
    json_writer_close(&json);
    return length;
}

/* ---- text -------------------------------------------------------------------------------------------------------- */

struct line {
    char *text;
    size_t length;
};

/* One byte is kept for the line feed. */
static void put(struct line *line, const char *text, size_t size)
{
    size_t room = LOG_LINE_MAX - 1 - line->length;

    if (size > room)
        size = room;
    memcpy(line->text + line->length, text, size);
    line->length += size;
}

static void put_text(struct line *line, const char *text)
{
    put(line, text, strlen(text));
}

static bool is_plain(struct slice text)
{
    for (size_t i = 0; i < text.size; i++)
        if (!isgraph(text.data[i]) || strchr("\"'\\=", text.data[i]) != NULL)
            return false;
    return text.size > 0;
}

/* In quotes, with what could end or forge a line written as escapes. */
static void put_quoted(struct line *line, struct slice text)
{
    char escape[8];

    put(line, "\"", 1);
    for (size_t i = 0; i < text.size; i++) {
        char byte = (char)text.data[i];

        if (byte == '"' || byte == '\\')
            put(line, (const char[]){'\\', byte}, 2);
        else if (iscntrl(text.data[i]))
            put(line, escape, (size_t)snprintf(escape, sizeof escape, "\\x%02x", text.data[i]));
        else
            put(line, &byte, 1);
    }
    put(line, "\"", 1);
}

static void put_field(struct line *line, const struct log_field *field)
{
    char number[24];

    put(line, " ", 1);
    put_text(line, field->name);
    put(line, "=", 1);
    if (field->text == NULL)
        put(line, number, (size_t)snprintf(number, sizeof number, "%lld", (long long)field->integer));
    else if (is_plain(cut(field->text)))
        put(line, field->text, cut(field->text).size);
    else
        put_quoted(line, cut(field->text));
}

static size_t compose_text(const char *time, const char *level, const char *event, struct log_fields fields, char *text)
{
    struct line line = {.text = text};

    put_text(&line, time);
    put(&line, " ", 1);
    put_text(&line, level);
    put(&line, " ", 1);
    put_text(&line, event);
    for (size_t i = 0; i < fields.count; i++)
        put_field(&line, &fields.fields[i]);
    text[line.length++] = '\n';
    return line.length;
}

/* ---- either ------------------------------------------------------------------------------------------------------ */

size_t log_compose(const struct log *log, enum log_level level, const char *event, struct log_fields fields,
                   char line[LOG_LINE_MAX])
{
    char time[RFC3339_TEXT_BYTES];

    rfc3339_format(log->clock->unix_us(log->clock->self), time);
    if (log->format == LOG_FORMAT_JSON)
        return compose_json(time, level_names[level], event, fields, line);
    return compose_text(time, level_names[level], event, fields, line);
}

void log_write(const struct log *log, enum log_level level, const char *event, struct log_fields fields)
{
    char line[LOG_LINE_MAX];

    if (level < log->level)
        return;

    size_t length = log_compose(log, level, event, fields, line);
    while (write(log->descriptor, line, length) < 0 && errno == EINTR)
        continue;
}

void log_prepare(const struct log *log, enum log_level level, const char *event, struct log_prepared *prepared)
{
    bool json = log->format == LOG_FORMAT_JSON;

    *prepared = (struct log_prepared){.descriptor = log->descriptor, .clock = log->clock};
    prepared->time_at = json ? sizeof JSON_BEFORE_TIME - 1 : 0;
    if (level >= log->level)
        prepared->length = log_compose(log, level, event, LOG_NO_FIELDS, prepared->line);
}

void log_write_prepared(struct log_prepared *prepared)
{
    char time[RFC3339_TEXT_BYTES];

    if (prepared->length == 0)
        return;
    rfc3339_format(prepared->clock->unix_us(prepared->clock->self), time);
    memcpy(prepared->line + prepared->time_at, time, sizeof time - 1);
    if (write(prepared->descriptor, prepared->line, prepared->length) < 0)
        return; /* there is nobody left to tell */
}
