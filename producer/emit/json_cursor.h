/* json_cursor: walk over the members of a JSON object, in place.
 *
 * Only over text that json_check_object has found good: nothing is checked again. Strings are decoded where they stand
 * (no decoded string is longer than its escaped form) and get their NUL on their closing quote, so a walk takes no
 * memory; the text is used up by it. Numbers and nested values stay as they were written. */
#ifndef TASKLEDGER_PRODUCER_EMIT_JSON_CURSOR_H
#define TASKLEDGER_PRODUCER_EMIT_JSON_CURSOR_H

#include <stdbool.h>

struct json_cursor {
    char *at;
};

enum json_type { JSON_NULL, JSON_BOOLEAN, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json_member {
    const char *key; /* decoded */
    enum json_type type;
    char *value; /* a string decoded, all else as it stands, with no NUL behind it */
    char *end;   /* behind the value in the text */
};

/* To the first member; `object` begins with its brace, space before it allowed. */
struct json_cursor json_cursor_open(char *object);

/* The next member; false when there is none. Borrowed from the text. */
bool json_cursor_next(struct json_cursor *cursor, struct json_member *member);

#endif
