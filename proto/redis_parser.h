/* redis_parser: bytes in, visits out.
 *
 * The only door to hiredis, which parses; its replies are never built, what it finds is handed to a redis_visitor at
 * once. Bytes reach it through proto/bulk, in chunks, each of which is parsed before the next, since its buffer is
 * otherwise quadratic in what it holds. One parser serves one connection from its first answer to its last. */
#ifndef TASKLEDGER_PROTO_REDIS_PARSER_H
#define TASKLEDGER_PROTO_REDIS_PARSER_H

#include "proto/error.h"
#include "proto/redis.h"
#include "proto/slice.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    REDIS_PARSER_CHUNK_BYTES = 16 * 1024,
    REDIS_PARSER_REFUSAL_BYTES = 384, /* of an error answer, kept as it came: more than any redirection has */
};

struct redis_parser;

/* Strings are cut at `string_max`. The words of an error answer that hold the `secret` (borrowed; empty: none) are not
 * repeated. NULL when memory is short. */
struct redis_parser *redis_parser_new(size_t string_max, const char *secret);
void redis_parser_free(struct redis_parser *parser);

/* Parse what is there already and at most one chunk off the front of `input`, up to the end of the current answer.
 * On failure the connection must be closed: TRANSIENT "protocol" or "memory", FATAL "tls" when the peer is a TLS
 * server. */
bool redis_parser_step(struct redis_parser *parser, const struct redis_visitor *visitor, struct slice *input,
                       bool *complete, struct error *error);

/* Whether anything of the answer after the last complete one has come. */
bool redis_parser_has_begun(const struct redis_parser *parser);

/* Behind an answer that is complete: so many bytes of the next ones are here already, and no step has looked at them. */
size_t redis_parser_unseen(const struct redis_parser *parser);

/* After a complete answer: false with the error that it was or, for a visitor without on_error, held. */
bool redis_parser_verdict(const struct redis_parser *parser, struct error *error);

/* After a complete answer that was an error as a whole: its bytes without the hyphen, cut at REDIS_PARSER_REFUSAL_BYTES;
 * for programs, who are not to read what is made for people. Else empty. Lives until the next step. */
struct slice redis_parser_refusal(const struct redis_parser *parser);

#endif
