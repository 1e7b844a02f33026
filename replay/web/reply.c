#include "replay/web/reply.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { SECONDS_BYTES = 12 };

static const struct server_header headers[] = {
    {"Cache-Control", "no-store"},
    {"X-Content-Type-Options", "nosniff"},
    {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
};

enum { HEADERS = sizeof headers / sizeof *headers };

/* As reply_error would have it. */
static const char instead_body[] =
    "{\"error\":{\"kind\":\"unavailable\",\"message\":\"too many answers are not taken\","
    "\"retry_after_s\":2}}";
static const struct server_header instead_headers[] = {
    {"Cache-Control", "no-store"},
    {"X-Content-Type-Options", "nosniff"},
    {"Retry-After", "2"},
};

const struct server_answer reply_instead = {
    .status = REPLY_UNAVAILABLE,
    .type = "application/json",
    .body = {.data = (const uint8_t *)instead_body, .size = sizeof instead_body - 1},
    .is_static = true,
    .headers = instead_headers,
    .header_count = sizeof instead_headers / sizeof *instead_headers,
};
static_assert(REPLY_RETRY_AFTER_S == 2, "as it is said there");

/* One header besides, unless its name is NULL. */
static void send(struct server_exchange *exchange, enum reply_status status, const struct json_writer *json,
                 struct server_header besides)
{
    struct server_header all[HEADERS + 1];
    struct server_answer answer = {
        .status = status, .type = "application/json", .body = json_writer_slice(json), .headers = all};

    for (size_t i = 0; i < HEADERS; i++)
        all[i] = headers[i];
    all[HEADERS] = besides;
    answer.header_count = besides.name == NULL ? HEADERS : HEADERS + 1;
    server_answer(exchange, &answer);
}

void reply_json(struct server_exchange *exchange, const struct json_writer *json)
{
    if (json->failed)
        reply_error(exchange, REPLY_UNAVAILABLE, "the answer is too large, or memory is short");
    else
        send(exchange, REPLY_OK, json, (struct server_header){NULL, NULL});
}

static const char *kind_of(enum reply_status status)
{
    switch (status) {
    case REPLY_UNAUTHORIZED:
        return "unauthorized";
    case REPLY_FORBIDDEN:
        return "forbidden";
    case REPLY_NOT_FOUND:
        return "not_found";
    case REPLY_TOO_MANY:
        return "too_many";
    case REPLY_UNAVAILABLE:
        return "unavailable";
    case REPLY_OK:
    case REPLY_SEE_OTHER:
    case REPLY_NOT_MODIFIED:
    case REPLY_BAD_REQUEST:
    case REPLY_METHOD_NOT_ALLOWED:
    case REPLY_MISDIRECTED:
        break;
    }
    return "bad_request";
}

/* `retry_after_s`: 0: no word on when. */
static void refuse(struct server_exchange *exchange, enum reply_status status, const char *message, int retry_after_s,
                   struct server_header besides)
{
    struct json_writer json = {.text = NULL};

    json_writer_object_begin(&json);
    json_writer_key(&json, "error");
    json_writer_object_begin(&json);
    json_writer_key(&json, "kind");
    json_writer_text(&json, kind_of(status));
    json_writer_key(&json, "message");
    json_writer_text(&json, message);
    json_writer_key(&json, "retry_after_s");
    if (retry_after_s > 0)
        json_writer_integer(&json, retry_after_s);
    else
        json_writer_null(&json);
    json_writer_object_end(&json);
    json_writer_object_end(&json);
    send(exchange, status, &json, besides);
    json_writer_close(&json);
}

void reply_later(struct server_exchange *exchange, enum reply_status status, const char *message, int retry_after_s)
{
    char seconds[SECONDS_BYTES];

    snprintf(seconds, sizeof seconds, "%d", retry_after_s);
    refuse(exchange, status, message, retry_after_s, (struct server_header){"Retry-After", seconds});
}

void reply_method(struct server_exchange *exchange, const char *method)
{
    bool is_get = strcmp(method, "GET") == 0;

    refuse(exchange, REPLY_METHOD_NOT_ALLOWED, is_get ? "GET and HEAD only" : "POST only", 0,
           (struct server_header){"Allow", is_get ? "GET, HEAD" : method});
}

void reply_error(struct server_exchange *exchange, enum reply_status status, const char *message)
{
    if (status == REPLY_TOO_MANY || status == REPLY_UNAVAILABLE)
        reply_later(exchange, status, message, REPLY_RETRY_AFTER_S);
    else if (status == REPLY_UNAUTHORIZED)
        refuse(exchange, status, message, 0, (struct server_header){"WWW-Authenticate", "Bearer"});
    else
        refuse(exchange, status, message, 0, (struct server_header){NULL, NULL});
}

void reply_failure(struct server_exchange *exchange, const struct error *error)
{
    if (error->kind == ERROR_REJECTED && strcmp(error->reason, "not_found") == 0)
        reply_error(exchange, REPLY_NOT_FOUND, error->text);
    else if (error->kind == ERROR_REJECTED && strcmp(error->reason, "bad_request") == 0)
        reply_error(exchange, REPLY_BAD_REQUEST, error->text);
    else if (error->kind == ERROR_REJECTED)
        reply_error(exchange, REPLY_BAD_REQUEST, "the ledger cannot be asked for that");
    else
        reply_error(exchange, REPLY_UNAVAILABLE, "PostgreSQL cannot be asked now");
}
