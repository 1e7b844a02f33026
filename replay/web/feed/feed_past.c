#include "replay/web/feed/feed_past.h"

#include "consumer/stream/info.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>

enum { ARENA_KEPT_BYTES = 256 * 1024, INFO_BYTES_MAX = 1024 * 1024, CLOCKS_APART_MS = 5 * 60 * 1000 };

/* Spans of time in the ledger: the first one, the least, the most, and how they change. */
#define SPAN_FIRST_MS UINT64_C(60000)
#define SPAN_LEAST_MS UINT64_C(1000)
#define SPAN_MOST_MS  (UINT64_C(1) << 40)
enum { SPAN_GROWS = 4, SPAN_SHRINKS = 2, SPAN_GIVES_WAY = 16 };

/* ---- the stream as it is ---------------------------------------------------------------------------------------- */

static bool ask(struct redis *redis, struct arena *arena, const struct slice *words, size_t count, struct reply *reply,
                struct error *error)
{
    return redis_call(redis, words, count, arena, reply, error);
}

static bool read_first(const struct reply *fields, struct stream_id *id)
{
    const struct reply *entry = info_field(fields, "first-entry");

    return entry != NULL && entry->type == REPLY_ARRAY && entry->count > 0 && entry->elements[0].type == REPLY_STRING &&
           stream_id_parse(entry->elements[0].text, id);
}

static void read_counts(const struct reply *fields, struct feed_stream *stream)
{
    int64_t added, length;

    if (!info_integer(fields, "entries-added", &added) || !info_integer(fields, "length", &length) || length < 0 ||
        added < length)
        return;
    stream->is_counted = true;
    stream->added = (uint64_t)added;
    stream->removed = (uint64_t)(added - length);
}

static bool look(struct redis *redis, struct arena *arena, const char *key, struct feed_stream *stream,
                 struct error *error)
{
    const struct slice exists[] = {slice_from_text("EXISTS"), slice_from_text(key)};
    const struct slice info[] = {slice_from_text("XINFO"), slice_from_text("STREAM"), slice_from_text(key)};
    const struct feed_stream missing = {.is_counted = true};
    struct feed_stream found = {.has_entries = false};
    struct reply reply;
    struct slice last;

    if (!ask(redis, arena, REDIS_WORDS(exists), &reply, error))
        return false;
    if (reply.type == REPLY_INTEGER && reply.integer == 0) {
        *stream = missing;
        return true;
    }
    if (!ask(redis, arena, REDIS_WORDS(info), &reply, error))
        return false;
    found.has_entries = read_first(&reply, &found.first);
    read_counts(&reply, &found);
    if (!info_text(&reply, "last-generated-id", &last) || !stream_id_parse(last, &found.last))
        return error_set(error, ERROR_TRANSIENT, "protocol", "could not understand the answer to XINFO STREAM");
    *stream = found;
    return true;
}

bool feed_past_look(struct redis *redis, const char *key, struct feed_stream *stream, struct error *error)
{
    struct arena arena;

    arena_init(&arena, INFO_BYTES_MAX);
    bool good = look(redis, &arena, key, stream, error);
    arena_close(&arena);
    return good;
}

/* ---- a page of the stream --------------------------------------------------------------------------------------- */

static bool read_range(struct feed_past *past, struct entry_reader *reader, struct error *error)
{
    struct redis_visitor visitor = entry_visitor(reader);
    char from[STREAM_ID_BYTES_MAX + 1] = "(", count[16];
    bool complete = false;

    stream_id_format(past->place, from + 1);
    snprintf(count, sizeof count, "%d", FEED_PAST_PAGE);
    const struct slice words[] = {slice_from_text("XRANGE"), slice_from_text(past->key), slice_from_text(from),
                                  slice_from_text("+"),      slice_from_text("COUNT"),   slice_from_text(count)};
    if (!redis_append(past->redis, REDIS_WORDS(words), error) || !redis_send(past->redis, error))
        return false;
    while (!complete)
        if (!redis_receive_part(past->redis, &visitor, REDIS_PART_BYTES, 0, &complete, error))
            return false;
    return true;
}

/* What no event can be made of is the consumers' business. */
static void keep_entry(struct feed_past *past, const struct entry *entry)
{
    struct feed_past_event *event = &past->events[past->count];
    bool has_identity;
    struct error why;

    if (entry->state == ENTRY_WHOLE && event_decode(entry->payload, &event->event, &has_identity, &why) &&
        event->event.body == EVENT_TASK_STATUS) {
        event->id = entry->id;
        past->count++;
    }
}

/* `last` is the greatest ID that the stream had given before. When nothing is behind the place, whatever was there up to
 * that ID was deleted by hand: it is the place then, or somebody who comes back would never arrive. */
static bool page_of_stream(struct feed_past *past, struct stream_id last, enum feed_past_end *end, struct error *error)
{
    struct entry entries[FEED_PAST_PAGE];
    struct entry_reader reader = {
        .shape = ENTRY_SHAPE_RANGE, .arena = &past->arena, .entries = entries, .capacity = FEED_PAST_PAGE};
    struct feed_stream after;

    if (!read_range(past, &reader, error) || !feed_past_look(past->redis, past->key, &after, error))
        return false;
    *end = FEED_PAST_MORE;
    if (!feed_plan_is_whole(past->place, &after))
        return true;
    for (size_t i = 0; i < reader.count; i++)
        keep_entry(past, &entries[i]);
    if (reader.count == 0)
        *end = FEED_PAST_REACHED;
    past->place = reader.count == 0 ? last : entries[reader.count - 1].id;
    return true;
}

/* ---- a page of the ledger --------------------------------------------------------------------------------------- */

/* Rows of a pruned partition are gone, and nothing tells of which places they were: only that nothing was pruned since
 * somebody was there. */
static const struct postgres_statement pruned_statement = {
    "feed_pruned", "SELECT EXISTS (SELECT FROM taskledger.prune WHERE pruned_at >= to_timestamp($1::int8 / 1000.0))"};

/* Of those that are walked, how many are there, and how many are of this shard? Not in any order, so it ends early. */
static const struct postgres_statement measure_statement = {
    "feed_measure", "SELECT count(*), count(*) FILTER (WHERE stream = $1::text AND task_id IS NOT NULL)"
                    " FROM (SELECT stream, task_id FROM taskledger.task_event"
                    "  WHERE stream_ms BETWEEN $2::int8 AND $3::int8 LIMIT $4::int8) AS walked"};

static const struct postgres_statement page_statement = {
    "feed_page",
    "SELECT stream_ms, stream_seq, payload, producer_id, sequence, occurred_at, task_id, status::text, attempt"
    " FROM taskledger.task_event"
    " WHERE stream = $1::text AND stream_ms BETWEEN $2::int8 AND $4::int8 AND task_id IS NOT NULL"
    " AND (stream_ms, stream_seq) > ($2, $3::int8) AND (stream_ms, stream_seq) < ($4, $5::int8)"
    " ORDER BY stream_ms, stream_seq LIMIT $6::int8"};

/* Asked after the page was read: what was pruned before that is seen. */
static bool check_pruned(struct feed_past *past, bool *is_pruned, struct error *error)
{
    int64_t since_ms = past->place.ms > CLOCKS_APART_MS ? (int64_t)past->place.ms - CLOCKS_APART_MS : 0;
    uint64_t wire = htobe64((uint64_t)since_ms);
    const struct postgres_parameter parameter = {.value = slice_of(&wire, sizeof wire)};
    AUTO_POSTGRES_RESULT result = NULL;
    struct slice value;

    if (!postgres_query(past->postgres, &pruned_statement, &parameter, 1, &result, error))
        return false;
    *is_pruned = postgres_value(result, 0, 0, &value) && postgres_read_boolean(value);
    return true;
}

static bool ask_page(struct feed_past *past, const struct feed_plan *plan, struct postgres_result **result,
                     struct error *error)
{
    const uint64_t wire[] = {htobe64(plan->after.ms), htobe64(plan->after.sequence), htobe64(plan->before.ms),
                             htobe64(plan->before.sequence), htobe64(FEED_PAST_PAGE)};
    struct postgres_parameter parameters[6] = {{.value = slice_from_text(past->key)}};

    for (size_t i = 0; i < sizeof wire / sizeof *wire; i++)
        parameters[i + 1].value = slice_of(&wire[i], sizeof wire[i]);
    return postgres_query(past->postgres, &page_statement, parameters, 6, result, error);
}

/* A column that is not NULL. */
static struct slice cell(const struct postgres_result *result, size_t row, size_t column)
{
    struct slice value = {.size = 0};

    postgres_value(result, row, column, &value);
    return value;
}

/* What is left of a redacted event. */
static struct event remains(const struct postgres_result *result, size_t row, struct arena *arena)
{
    return (struct event){
        .producer_id = postgres_read_uuid(cell(result, row, 3)),
        .sequence = (uint64_t)postgres_read_int64(cell(result, row, 4)),
        .occurred_at_us = postgres_read_time_us(cell(result, row, 5)),
        .body = EVENT_TASK_STATUS,
        .task_status =
            {
                .task_id = arena_copy(arena, cell(result, row, 6)),
                .status = status_parse(cell(result, row, 7)),
                .attempt = (uint32_t)postgres_read_int32(cell(result, row, 8)),
            },
    };
}

static bool keep_row(struct feed_past *past, const struct postgres_result *result, size_t row, struct error *error)
{
    struct feed_past_event *event = &past->events[past->count++];
    struct slice payload = arena_copy(&past->arena, cell(result, row, 2));
    bool has_identity;
    struct error why;

    event->id.ms = (uint64_t)postgres_read_int64(cell(result, row, 0));
    event->id.sequence = (uint64_t)postgres_read_int64(cell(result, row, 1));
    if (!event_decode(payload, &event->event, &has_identity, &why))
        event->event = remains(result, row, &past->arena);
    if (event->event.task_status.task_id.data == NULL)
        return error_set(error, ERROR_TRANSIENT, "memory", "could not keep a page of the feed");
    return true;
}

/* False in `*fits`: it is more than is told. */
static bool measure(struct feed_past *past, const struct feed_plan *plan, bool *fits, struct error *error)
{
    const uint64_t wire[] = {htobe64(plan->after.ms), htobe64(plan->before.ms), htobe64(FEED_PAST_WALKED_MAX)};
    struct postgres_parameter parameters[4] = {{.value = slice_from_text(past->key)}};
    AUTO_POSTGRES_RESULT result = NULL;

    for (size_t i = 0; i < sizeof wire / sizeof *wire; i++)
        parameters[i + 1].value = slice_of(&wire[i], sizeof wire[i]);
    if (!postgres_query(past->postgres, &measure_statement, parameters, 4, &result, error))
        return false;
    *fits = postgres_read_int64(cell(result, 0, 0)) < FEED_PAST_WALKED_MAX &&
            past->ledger.events + (size_t)postgres_read_int64(cell(result, 0, 1)) <= FEED_PAST_EVENTS_MAX;
    past->ledger.span_ms = SPAN_FIRST_MS;
    return true;
}

/* The beginning of what the plan has, no longer than the span. */
static struct feed_plan piece_of(const struct feed_plan *plan, uint64_t span_ms)
{
    struct feed_plan piece = *plan;

    if (plan->before.ms - plan->after.ms > span_ms)
        piece.before = (struct stream_id){.ms = plan->after.ms + span_ms};
    return piece;
}

static uint64_t span_behind(uint64_t span_ms, size_t count)
{
    if (count == FEED_PAST_PAGE)
        return span_ms / SPAN_SHRINKS < SPAN_LEAST_MS ? SPAN_LEAST_MS : span_ms / SPAN_SHRINKS;
    if (count > FEED_PAST_PAGE / 2)
        return span_ms;
    return span_ms * SPAN_GROWS > SPAN_MOST_MS ? SPAN_MOST_MS : span_ms * SPAN_GROWS;
}

static bool keep_page(struct feed_past *past, const struct postgres_result *result, const struct feed_plan *piece,
                      struct error *error)
{
    for (size_t row = 0; row < postgres_rows(result); row++)
        if (!keep_row(past, result, row, error))
            return false;

    past->ledger.events += past->count;
    past->ledger.span_ms = span_behind(past->ledger.span_ms, past->count);
    past->place =
        past->count == FEED_PAST_PAGE ? past->events[past->count - 1].id : feed_plan_right_before(piece->before);
    return true;
}

static bool read_ledger(struct feed_past *past, const struct feed_plan *plan, enum feed_past_end *end,
                        struct error *error)
{
    AUTO_POSTGRES_RESULT result = NULL;
    bool is_pruned, fits = true;

    if (!postgres_open(past->postgres, error))
        return false;
    if (past->ledger.span_ms == 0 && !measure(past, plan, &fits, error))
        return false;
    *end = FEED_PAST_FAR;
    if (!fits || past->ledger.events >= FEED_PAST_EVENTS_MAX)
        return true;

    struct feed_plan piece = piece_of(plan, past->ledger.span_ms);
    if (!ask_page(past, &piece, &result, error) || !check_pruned(past, &is_pruned, error))
        return false;
    *end = is_pruned ? FEED_PAST_GONE : FEED_PAST_MORE;
    return is_pruned || keep_page(past, result, &piece, error);
}

/* What took PostgreSQL too long would take it as long again. */
static bool page_of_ledger(struct feed_past *past, const struct feed_plan *plan, enum feed_past_end *end,
                           struct error *error)
{
    if (read_ledger(past, plan, end, error))
        return true;
    if (strcmp(error->reason, "canceled") != 0)
        return false;

    bool is_least = past->ledger.span_ms <= SPAN_LEAST_MS;
    *end = is_least ? FEED_PAST_FAR : FEED_PAST_MORE;
    if (!is_least)
        past->ledger.span_ms = past->ledger.span_ms / SPAN_GIVES_WAY < SPAN_LEAST_MS
                                   ? SPAN_LEAST_MS
                                   : past->ledger.span_ms / SPAN_GIVES_WAY;
    return true;
}

/* ---- the next page ---------------------------------------------------------------------------------------------- */

bool feed_past_next(struct feed_past *past, enum feed_past_end *end, struct error *error)
{
    struct feed_stream stream;

    past->count = 0;
    arena_reset(&past->arena, ARENA_KEPT_BYTES);
    if (!feed_past_look(past->redis, past->key, &stream, error))
        return false;

    struct feed_plan plan = feed_plan_next(past->place, &stream);
    switch (plan.source) {
    case FEED_PLAN_DONE:
        *end = FEED_PAST_REACHED;
        return true;
    case FEED_PLAN_ANOTHER:
        *end = FEED_PAST_ANOTHER;
        return true;
    case FEED_PLAN_LEDGER:
        return page_of_ledger(past, &plan, end, error);
    case FEED_PLAN_STREAM:
        break;
    }
    return page_of_stream(past, stream.last, end, error);
}

void feed_past_close(struct feed_past *past)
{
    arena_close(&past->arena);
}
