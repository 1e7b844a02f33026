/* json_writer: write a JSON text.
 *
 *   json_writer_object_begin(&json);
 *   json_writer_key(&json, "attempt");
 *   json_writer_unsigned(&json, 1);
 *   json_writer_object_end(&json);          ->  {"attempt":1}
 *
 * The writer puts commas and colons and escapes strings; that keys and values alternate and brackets match is up to its
 * user. Bytes that are not UTF-8, and NUL, come out as U+FFFD each, so the text is always JSON that PostgreSQL takes.
 * When memory fails, or the text would grow past its maximum, `failed` is set and everything after is ignored: look at
 * it once, at the end. */
#ifndef TASKLEDGER_PROTO_JSON_WRITER_H
#define TASKLEDGER_PROTO_JSON_WRITER_H

#include "proto/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JSON_WRITER_BYTES_MAX = 256 * 1024 * 1024 };

/* A zeroed one is empty and ready. */
struct json_writer {
    char *text; /* NUL-terminated, owned; NULL as long as nothing was written */
    size_t length;
    size_t capacity;
    bool comma; /* the next key or value needs one in front */
    bool failed;
};

void json_writer_object_begin(struct json_writer *json);
void json_writer_object_end(struct json_writer *json);
void json_writer_array_begin(struct json_writer *json);
void json_writer_array_end(struct json_writer *json);

void json_writer_key(struct json_writer *json, const char *key);

void json_writer_string(struct json_writer *json, struct slice text);
/* NULL is written as null. */
void json_writer_text(struct json_writer *json, const char *text);
void json_writer_integer(struct json_writer *json, int64_t value);
void json_writer_unsigned(struct json_writer *json, uint64_t value);
/* Reads back equal, in any locale, with 15 digits if they are enough, else up to 17; null when it is not finite. */
void json_writer_double(struct json_writer *json, double value);
void json_writer_boolean(struct json_writer *json, bool value);
void json_writer_null(struct json_writer *json);
/* Text that is JSON already. */
void json_writer_raw(struct json_writer *json, struct slice text);

/* A line feed between two texts; the next value starts afresh: JSON lines. */
void json_writer_newline(struct json_writer *json);

/* What was written so far; valid until the next call on this writer. */
struct slice json_writer_slice(const struct json_writer *json);

/* Empty it, keep its memory, forget a failure. */
void json_writer_reset(struct json_writer *json);

/* Give the memory back; the writer is then zeroed. */
void json_writer_close(struct json_writer *json);

#endif
