#include "proto/redis_parser.h"

#include "proto/bulk.h"
#include "proto/redis_error.h"

#include <assert.h>
#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#if HIREDIS_MAJOR >= 1
typedef size_t element_count;
#else
typedef int element_count;
#endif

enum { TLS_ALERT = 0x15 };

struct redis_parser {
    redisReader *reader;
    struct bulk bulk;
    const char *secret;
    const struct redis_visitor *visitor; /* of the present step */
    struct error verdict;                /* on the answer being parsed */
    int refusal;                         /* errno of the visit that failed */
    bool begun;                          /* bytes of the answer have reached the reader */
    bool ended;                          /* the answer has been complete: the next bytes are another's */
    bool spoken;                         /* the peer has kept to the protocol so far, and said something */
    size_t said_bytes;                   /* of an answer that is an error */
    uint8_t said[REDIS_PARSER_REFUSAL_BYTES];
};

/* ---- what hiredis finds ---- */

static struct redis_parser *parser_of(const redisReadTask *task)
{
    return task->privdata;
}

/* False when the item stands too deep. */
static bool find_place(const redisReadTask *task, struct redis_place *place)
{
    unsigned depth = 0;

    for (const redisReadTask *up = task; up->parent != NULL; up = up->parent)
        depth++;
    if (depth > REDIS_DEPTH_MAX)
        return false;

    place->depth = depth;
    for (const redisReadTask *up = task; up->parent != NULL; up = up->parent)
        place->path[--depth] = (size_t)up->idx;
    return true;
}

/* hiredis takes NULL for "out of memory" and anything else for an object of ours, of which it keeps the outermost. */
static void *seen(struct redis_parser *parser, bool good)
{
    if (good)
        return parser;
    parser->refusal = errno;
    return NULL;
}

static void *too_deep(struct redis_parser *parser)
{
    errno = EPROTO;
    return seen(parser, false);
}

static void keep_refusal(struct redis_parser *parser, struct slice text)
{
    parser->said_bytes = text.size < sizeof parser->said ? text.size : sizeof parser->said;
    if (parser->said_bytes > 0)
        memcpy(parser->said, text.data, parser->said_bytes);
}

static bool visit_error(struct redis_parser *parser, const struct redis_place *place, struct slice text, size_t bytes)
{
    const struct redis_visitor *visitor = parser->visitor;

    if (place->depth > 0 && visitor->on_error != NULL)
        return visitor->on_error(visitor->self, place, text, bytes);
    if (parser->verdict.kind == ERROR_NONE)
        redis_error_set(&parser->verdict, text, parser->secret);
    return true;
}

static bool visit_text(struct redis_parser *parser, int type, const struct redis_place *place, struct slice text)
{
    const struct redis_visitor *visitor = parser->visitor;
    size_t limit = parser->bulk.limit;
    size_t bytes = text.size;

    if (type == REDIS_REPLY_ERROR && place->depth == 0)
        keep_refusal(parser, text);
    if (type == REDIS_REPLY_STRING && bytes == limit)
        bytes = parser->bulk.string_bytes;
    if (text.size > limit)
        text.size = limit;

    if (type == REDIS_REPLY_ERROR)
        return visit_error(parser, place, text, bytes);
    if (type == REDIS_REPLY_STATUS && visitor->on_status != NULL)
        return visitor->on_status(visitor->self, place, text, bytes);
    return visitor->on_string(visitor->self, place, text, bytes);
}

static void *found_text(const redisReadTask *task, char *text, size_t size)
{
    struct redis_parser *parser = parser_of(task);
    struct redis_place place;

    if (!find_place(task, &place))
        return too_deep(parser);
    return seen(parser, visit_text(parser, task->type, &place, slice_of(text, size)));
}

static void *found_array(const redisReadTask *task, element_count count)
{
    struct redis_parser *parser = parser_of(task);
    struct redis_place place;

    if (!find_place(task, &place) || place.depth == REDIS_DEPTH_MAX)
        return too_deep(parser);
    return seen(parser, parser->visitor->on_array(parser->visitor->self, &place, (size_t)count));
}

static void *found_integer(const redisReadTask *task, long long value)
{
    struct redis_parser *parser = parser_of(task);
    struct redis_place place;

    if (!find_place(task, &place))
        return too_deep(parser);
    return seen(parser, parser->visitor->on_integer(parser->visitor->self, &place, value));
}

static void *found_nil(const redisReadTask *task)
{
    struct redis_parser *parser = parser_of(task);
    struct redis_place place;

    if (!find_place(task, &place))
        return too_deep(parser);
    return seen(parser, parser->visitor->on_nil(parser->visitor->self, &place));
}

static void free_nothing(void *object)
{
    (void)object;
}

static redisReplyObjectFunctions finders = {
    .createString = found_text,
    .createArray = found_array,
    .createInteger = found_integer,
    .createNil = found_nil,
    .freeObject = free_nothing,
};

/* ---- the parser ---- */

struct redis_parser *redis_parser_new(size_t string_max, const char *secret)
{
    struct redis_parser *parser = calloc(1, sizeof *parser);

    if (parser == NULL)
        return NULL;
    parser->reader = redisReaderCreateWithFunctions(&finders);
    if (parser->reader == NULL) {
        free(parser);
        return NULL;
    }
    parser->reader->privdata = parser;
    parser->reader->maxbuf = 0; /* keep the buffer: it is needed again at once */
    parser->secret = secret;
    bulk_init(&parser->bulk, string_max);
    return parser;
}

void redis_parser_free(struct redis_parser *parser)
{
    if (parser == NULL)
        return;
    redisReaderFree(parser->reader);
    free(parser);
}

static bool protocol_error(struct error *error, const char *what)
{
    return error_set(error, ERROR_TRANSIENT, "protocol", "could not understand the answer: %s", what);
}

static bool parse_failed(const struct redis_parser *parser, struct error *error)
{
    bool visited = parser->refusal != 0;

    if (visited && parser->refusal == EPROTO)
        return protocol_error(error, "it has not the expected shape");
    if (visited && parser->refusal == EMSGSIZE)
        return error_set(error, ERROR_TRANSIENT, "memory",
                         "could not take in the answer: it is larger than any that was asked for can be");
    if (visited || parser->reader->err == REDIS_ERR_OOM)
        return error_set(error, ERROR_TRANSIENT, "memory", "could not take in the answer: out of memory");
    return protocol_error(error, parser->reader->errstr);
}

/* Parse what the reader holds, up to the end of an answer. */
static bool parse(struct redis_parser *parser, bool *complete, struct error *error)
{
    void *answer = NULL;

    if (parser->ended) {
        parser->verdict.kind = ERROR_NONE;
        parser->said_bytes = 0;
    }
    if (redisReaderGetReply(parser->reader, &answer) != REDIS_OK)
        return parse_failed(parser, error);
    *complete = answer != NULL;
    parser->ended = *complete;
    parser->begun = parser->reader->pos < parser->reader->len || (!*complete && parser->begun);
    return true;
}

static bool filter_failed(const struct redis_parser *parser, uint8_t first, struct error *error)
{
    if (!parser->spoken && first == TLS_ALERT)
        return error_set(error, ERROR_FATAL, "tls",
                         "cannot go on: the server speaks TLS, the URL must begin with "
                         "rediss://");
    return protocol_error(error, "it is not in the protocol of Redis");
}

static bool feed(struct redis_parser *parser, struct slice bytes, struct error *error)
{
    if (bytes.size == 0)
        return true;
    parser->begun = true;
    return redisReaderFeed(parser->reader, (const char *)bytes.data, bytes.size) == REDIS_OK ||
           parse_failed(parser, error);
}

static bool take_chunk(struct redis_parser *parser, struct slice *input, struct error *error)
{
    size_t size = input->size < REDIS_PARSER_CHUNK_BYTES ? input->size : REDIS_PARSER_CHUNK_BYTES;
    struct slice chunk = slice_of(input->data, size);
    struct bulk_passed passed;

    if (!bulk_pass(&parser->bulk, &chunk, &passed))
        return filter_failed(parser, input->data[0], error);
    parser->spoken = true;
    size -= chunk.size;
    *input = slice_of(input->data + size, input->size - size);
    return feed(parser, passed.number, error) && feed(parser, passed.rest, error);
}

bool redis_parser_step(struct redis_parser *parser, const struct redis_visitor *visitor, struct slice *input,
                       bool *complete, struct error *error)
{
    parser->visitor = visitor;
    if (!parse(parser, complete, error))
        return false;
    if (*complete || input->size == 0)
        return true;
    return take_chunk(parser, input, error) && parse(parser, complete, error);
}

bool redis_parser_has_begun(const struct redis_parser *parser)
{
    return parser->begun;
}

size_t redis_parser_unseen(const struct redis_parser *parser)
{
    return parser->ended ? parser->reader->len - parser->reader->pos : 0;
}

bool redis_parser_verdict(const struct redis_parser *parser, struct error *error)
{
    if (parser->verdict.kind == ERROR_NONE)
        return true;
    *error = parser->verdict;
    return false;
}

struct slice redis_parser_refusal(const struct redis_parser *parser)
{
    return slice_of(parser->said, parser->said_bytes);
}
