#include "consumer/stream/pending.h"

#include <assert.h>
#include <stdio.h>

enum { NUMBER_BYTES = 24, WORDS_BEFORE_IDS = 5 };

static struct slice number(char text[NUMBER_BYTES], int64_t value)
{
    return slice_of(text, (size_t)snprintf(text, NUMBER_BYTES, "%lld", (long long)value));
}

static bool call(const struct pending *pending, const struct slice *words, size_t count, enum reply_type type,
                 struct reply *reply, struct error *error)
{
    struct reply answer = {.type = REPLY_NIL};

    if (!redis_call(pending->redis, words, count, pending->arena, &answer, error))
        return false;
    if (answer.type != type)
        return error_set(error, ERROR_TRANSIENT, "protocol", "could not understand the answer to %.*s",
                         SLICE_PRINT(words[0]));
    *reply = answer;
    return true;
}

bool pending_of(const struct pending *pending, struct slice consumer, int64_t idle_ms, size_t count, struct reply *rows,
                struct error *error)
{
    char idle_text[NUMBER_BYTES];
    char count_text[NUMBER_BYTES];
    const struct slice words[] = {
        slice_from_text("XPENDING"), slice_from_text(pending->key),      slice_from_text(pending->group),
        slice_from_text("IDLE"),     number(idle_text, idle_ms),         slice_from_text("-"),
        slice_from_text("+"),        number(count_text, (int64_t)count), consumer,
    };

    return call(pending, REDIS_WORDS(words), REPLY_ARRAY, rows, error);
}

bool pending_between(const struct pending *pending, struct slice consumer, struct stream_id first,
                     struct stream_id last, struct reply *rows, struct error *error)
{
    char first_text[STREAM_ID_BYTES_MAX];
    char last_text[STREAM_ID_BYTES_MAX];
    char count_text[NUMBER_BYTES];

    stream_id_format(first, first_text);
    stream_id_format(last, last_text);
    const struct slice words[] = {
        slice_from_text("XPENDING"),
        slice_from_text(pending->key),
        slice_from_text(pending->group),
        slice_from_text(first_text),
        slice_from_text(last_text),
        number(count_text, PENDING_PAGE_MAX),
        consumer,
    };
    size_t count = sizeof words / sizeof *words;

    return call(pending, words, consumer.size > 0 ? count : count - 1, REPLY_ARRAY, rows, error);
}

/* The ID that a row begins with; an empty slice for a row that is none. */
static struct slice row_id(const struct reply *row)
{
    if (row->type != REPLY_ARRAY || row->count == 0 || row->elements[0].type != REPLY_STRING)
        return (struct slice){0};
    return row->elements[0].text;
}

bool pending_give(const struct pending *pending, const char *consumer, const struct reply *rows, struct reply *ids,
                  struct error *error)
{
    struct slice words[WORDS_BEFORE_IDS + PENDING_PAGE_MAX + 1] = {
        slice_from_text("XCLAIM"), slice_from_text(pending->key), slice_from_text(pending->group),
        slice_from_text(consumer), slice_from_text("0"),
    };
    size_t used = WORDS_BEFORE_IDS;

    assert(rows->count <= PENDING_PAGE_MAX);
    for (size_t i = 0; i < rows->count; i++)
        words[used++] = row_id(&rows->elements[i]);
    words[used++] = slice_from_text("JUSTID");
    return call(pending, words, used, REPLY_ARRAY, ids, error);
}

static bool read_idle(const struct reply *answer, struct pending_idle *idle)
{
    const struct reply *parts = answer->elements;

    if (answer->count < 2 || parts[0].type != REPLY_STRING || parts[1].type != REPLY_ARRAY ||
        !stream_id_parse(parts[0].text, &idle->next))
        return false;
    idle->given = parts[1].count;
    idle->deleted = answer->count > 2 && parts[2].type == REPLY_ARRAY ? &parts[2] : NULL;
    return true;
}

bool pending_give_idle(const struct pending *pending, const char *consumer, int64_t idle_ms, struct stream_id start,
                       size_t count, struct pending_idle *idle, struct error *error)
{
    char idle_text[NUMBER_BYTES];
    char count_text[NUMBER_BYTES];
    char start_text[STREAM_ID_BYTES_MAX];
    struct reply answer = {.type = REPLY_NIL};

    stream_id_format(start, start_text);
    const struct slice words[] = {
        slice_from_text("XAUTOCLAIM"), slice_from_text(pending->key),      slice_from_text(pending->group),
        slice_from_text(consumer),     number(idle_text, idle_ms),         slice_from_text(start_text),
        slice_from_text("COUNT"),      number(count_text, (int64_t)count), slice_from_text("JUSTID"),
    };
    if (!call(pending, REDIS_WORDS(words), REPLY_ARRAY, &answer, error))
        return false;
    return read_idle(&answer, idle) ||
           error_set(error, ERROR_TRANSIENT, "protocol", "could not understand the answer to XAUTOCLAIM");
}

bool pending_exists(const struct pending *pending, struct slice id, bool *exists, struct error *error)
{
    struct reply entries = {.type = REPLY_NIL};
    const struct slice words[] = {slice_from_text("XRANGE"), slice_from_text(pending->key), id, id};

    if (!call(pending, REDIS_WORDS(words), REPLY_ARRAY, &entries, error))
        return false;
    *exists = entries.count > 0;
    return true;
}
