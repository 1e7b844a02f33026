/* reply: what every answer of the monitor has in common: its headers, and how it says no. */
#ifndef TASKLEDGER_REPLAY_WEB_REPLY_H
#define TASKLEDGER_REPLAY_WEB_REPLY_H

#include "consumer/http/server.h"
#include "proto/error.h"
#include "proto/json_writer.h"

enum reply_status {
    REPLY_OK = 200,
    REPLY_SEE_OTHER = 303,
    REPLY_NOT_MODIFIED = 304,
    REPLY_BAD_REQUEST = 400,
    REPLY_UNAUTHORIZED = 401,
    REPLY_FORBIDDEN = 403,
    REPLY_NOT_FOUND = 404,
    REPLY_METHOD_NOT_ALLOWED = 405,
    REPLY_MISDIRECTED = 421,
    REPLY_TOO_MANY = 429,
    REPLY_UNAVAILABLE = 503,
};

enum { REPLY_RETRY_AFTER_S = 2 };

/* What is answered instead when too many answers are not taken: 503. */
extern const struct server_answer reply_instead;

/* A JSON text; a writer that failed is answered 503. The writer may be closed afterwards. */
void reply_json(struct server_exchange *exchange, const struct json_writer *json);

/* {"error": {"kind": ..., "message": ..., "retry_after_s": ...}}, as the status has it. */
void reply_error(struct server_exchange *exchange, enum reply_status status, const char *message);

/* 429 or 503 with another Retry-After than REPLY_RETRY_AFTER_S, at least 1. */
void reply_later(struct server_exchange *exchange, enum reply_status status, const char *message, int retry_after_s);

/* 405: the address knows another method. */
void reply_method(struct server_exchange *exchange, const char *method);

/* The same for what went wrong within: REJECTED "not_found" is told as 404, "bad_request" as 400; what
 * servers said is for a log, not for whoever asks. */
void reply_failure(struct server_exchange *exchange, const struct error *error);

#endif
