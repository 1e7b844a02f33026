/* route: what the monitor can be asked, as a table, and how a request is read by it.
 *
 * To add an address:
 *
 *   1. replay/web/NAME_api.{h,c} with NAME_api_tell(), which writes the members of the answer (see struct route)
 *   2. a row in replay/web/routes.c, and a table of its parameters there if it takes some
 *   3. the files in replay/CMakeLists.txt (monitor_core), and the address in the OpenAPI file
 *
 * What comes before a handler is the same for all: is the request for us, from somebody who may look, not too many of
 * them; is there such an address and method; does each parameter keep to its bounds. So a handler sees only values that
 * are fine, and has to look at nothing but what it tells.
 *
 * A path is split at '/' before it is decoded. A part in braces takes one whole part, which may hold anything then, '/'
 * too; the query's parameter of that name wins over it, since browsers cannot send "." and ".." as a part. Texts are
 * UTF-8 without NUL. A name that the table does not have, and a second value of what can be given once, are 400, so that
 * a mistyped filter is not taken for none. */
#ifndef TASKLEDGER_REPLAY_WEB_ROUTE_H
#define TASKLEDGER_REPLAY_WEB_ROUTE_H

#include "consumer/http/server.h"
#include "proto/error.h"
#include "proto/event.h"
#include "proto/json_writer.h"
#include "proto/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ROUTE_PARAMETERS_MAX = 8, ROUTE_PART_BYTES_MAX = EVENT_TASK_ID_BYTES_MAX };

struct access_request;
struct desk;
struct monitor;
struct question;

enum route_type {
    ROUTE_TEXT,     /* `least` to `most` bytes: value.text */
    ROUTE_TEXTS,    /* the same, any number of times: value.text is the first, route_text gives each */
    ROUTE_INTEGER,  /* `least` to `most`, `otherwise` when not given: value.integer, as are all below */
    ROUTE_FLAG,     /* "0" or "1" */
    ROUTE_TIME,     /* RFC 3339: Unix microseconds; `otherwise` when not given */
    ROUTE_STATUSES, /* names, by commas and any number of times: 1u << enum status of each; 0: none given */
};

struct route_parameter {
    const char *name;
    enum route_type type;
    int64_t least;
    int64_t most;
    int64_t otherwise;
};

struct route_value {
    bool is_given;
    int64_t integer;
    struct slice text; /* borrowed of the request: until it is answered */
};

struct route {
    const char *method;                       /* "GET" (which answers HEAD, too) or "POST" */
    const char *pattern;                      /* "/api/tasks/{id}/history" */
    const struct route_parameter *parameters; /* NULL: none */
    size_t parameter_count;                   /* at most ROUTE_PARAMETERS_MAX */
    bool is_open;                             /* holds no data: needs no signing in, and the query is not looked at */
    bool is_counted;                          /* against what one client may ask, although it is open */

    /* In a worker, which may wait: the members of an object, behind "now", from a snapshot that was just taken
     * (desk.h). An error is answered by its kind: REJECTED as 400 with its text, but with the reason "not_found" as 404;
     * else 503, and the text is for us alone. What was written before an error is thrown away. Bound what you write by
     * limits of parameters; JSON_WRITER_BYTES_MAX is the end of it. NULL: `serve`. */
    bool (*tell)(const struct question *question, struct desk *desk, struct json_writer *json, struct error *error);

    /* `tell` writes "now" and takes its snapshot (desk_begin) by itself, or none: it has something to ask before, or has
     * an answer also while PostgreSQL is away. */
    bool is_late;

    /* In the server's thread, which must not wait: answers by itself (reply.h), or makes a stream of it. The question is
     * gone when this returns. */
    void (*serve)(const struct question *question);
};

/* One request, as the table reads it. */
struct question {
    struct monitor *monitor;
    struct server_exchange *exchange;
    const struct access_request *request; /* for `serve` alone */
    const struct route *route;
    int64_t asked_us;  /* of the monotonic clock */
    struct slice part; /* what the pattern has braces for, decoded: 1 to ROUTE_PART_BYTES_MAX bytes; else empty */
    struct route_value values[ROUTE_PARAMETERS_MAX];
    char bytes[ROUTE_PART_BYTES_MAX];
};

struct route_found {
    const struct route *route; /* NULL: there is nothing at that path */
    bool has_method;           /* else the row is one of another method */
    struct slice part;         /* of the path, in braces, still encoded */
};

/* The row for a method and a path. */
struct route_found route_find(const struct route *routes, size_t count, const char *method, struct slice path);

/* Read the request by its row: `exchange` and `route` are set. REJECTED, "bad_request", with a text for who asked. */
bool route_read(struct question *question, struct slice part, struct error *error);

/* The value of a parameter that the question's row has. */
const struct route_value *route_value(const struct question *question, const char *name);

/* Each of ROUTE_TEXTS, from 0. False: there is none with that index. */
bool route_text(const struct question *question, const char *name, size_t index, struct slice *text);

#endif
