/* json: check a JSON text, and write one.
 *
 * The checker accepts what RFC 8259 allows and PostgreSQL's jsonb will store: well-formed UTF-8, no \u0000, no lone
 * surrogate, a bounded depth, and numbers that fit into `numeric`. It builds nothing.
 *
 * The writer appends to a buffer that its user owns; it puts the commas and escapes strings. Bytes that are not UTF-8
 * are written as U+FFFD, so that the output is always JSON. */
#ifndef TASKLEDGER_PROTO_JSON_H
#define TASKLEDGER_PROTO_JSON_H

#include "proto/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    JSON_NUMBER_EXPONENT_MAX = 8000, /* either sign */
    JSON_NUMBER_DIGITS_MAX = 8000,   /* before, and behind, the point */
};

/* NULL when `text` is a JSON object at most `depth_max` deep, else what is wrong in a few words; `*offset` is then
 * where. */
const char *json_check_object(struct slice text, unsigned depth_max, size_t *offset);

/* A growing text. Zeroed is empty; when memory fails `failed` is set and everything after is ignored. */
struct json {
    char *text; /* NUL-terminated; owned; NULL while empty */
    size_t length;
    size_t capacity;
    bool comma; /* the next value needs one in front */
    bool failed;
};

void json_object_begin(struct json *json);
void json_object_end(struct json *json);
void json_array_begin(struct json *json);
void json_array_end(struct json *json);
void json_key(struct json *json, const char *key);
void json_string(struct json *json, struct slice text);
void json_integer(struct json *json, int64_t value);
void json_unsigned(struct json *json, uint64_t value);
/* Shortest form that reads back the same; a value that is not finite is written as null. */
void json_double(struct json *json, double value);
void json_boolean(struct json *json, bool value);
void json_null(struct json *json);
/* Text that is JSON already. */
void json_raw(struct json *json, struct slice text);

/* Empty it, keep its memory. */
void json_reset(struct json *json);
void json_close(struct json *json);

#endif
