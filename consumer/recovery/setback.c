#include "consumer/recovery/setback.h"

#include "proto/redis_error.h"
#include "proto/stream.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEEP_BYTES = 256 * 1024, NUMBER_DIGITS_MAX = 19, DETAIL_BYTES = 300, WORDS_BEFORE_FIELDS = 4 };

#define TOLD_AND_AHEAD                                                                     \
    "SELECT told.producer_id, told.sequence, coalesce(p.archived_sequence, 0) AS archived" \
    " FROM unnest($1::uuid[], $2::int8[]) AS told (producer_id, sequence)"                 \
    " LEFT JOIN taskledger.producer p USING (producer_id)"                                 \
    " WHERE told.sequence > coalesce(p.archived_sequence, 0) AND p.pruned_at IS NULL"      \
    " AND (p.producer_id IS NOT NULL OR $3::bool)"

static const struct postgres_statement compare_statement = {
    "setback_compare", "SELECT count(*), least(coalesce(sum(sequence - archived), 0), 9223372036854775807)::int8"
                       " FROM (" TOLD_AND_AHEAD ") AS ahead"};

static const struct postgres_statement keep_statement = {
    "setback_keep",
    "WITH ahead AS (" TOLD_AND_AHEAD "), kept AS ("
    " INSERT INTO taskledger.producer AS p (producer_id, known_sequence, gap_since)"
    "  SELECT producer_id, sequence, now() FROM ahead ORDER BY producer_id"
    "  ON CONFLICT (producer_id) DO UPDATE SET known_sequence = greatest(p.known_sequence, excluded.known_sequence),"
    "   gap_since = coalesce(p.gap_since, excluded.gap_since)"
    ") SELECT producer_id, archived FROM ahead"};

static const struct postgres_statement tell_statement = {
    "setback_tell", "INSERT INTO taskledger.loss (kind, detail) VALUES ('ledger_went_back', $1::text)"};

/* At maxmemory, too: producers that wait in vain send nothing again. */
static const char script[] = "#!lua flags=allow-oom\n"
                             "for i = 1, #ARGV, 2 do\n"
                             "  if ARGV[i + 1] == '0' then\n"
                             "    redis.call('HDEL', KEYS[1], ARGV[i])\n"
                             "  else\n"
                             "    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])\n"
                             "  end\n"
                             "end\n"
                             "return #ARGV / 2\n";

/* ---- life -------------------------------------------------------------------------------------------------------- */

void setback_init(struct setback *setback)
{
    static const enum columns_type types[] = {COLUMNS_UUID, COLUMNS_INT8, 0};

    columns_init(&setback->ahead, &compare_statement, types);
    columns_init(&setback->kept, &keep_statement, types);
    arena_init(&setback->arena, 0);
}

void setback_close(struct setback *setback)
{
    columns_close(&setback->ahead);
    columns_close(&setback->kept);
    arena_close(&setback->arena);
}

bool setback_is_done(const struct setback *setback)
{
    return setback->session == postgres_session(setback->postgres) && setback->step == SETBACK_DONE;
}

/* ---- a page ------------------------------------------------------------------------------------------------------ */

/* What is no field of ours says nothing. */
static bool read_field(struct slice field, struct slice value, struct uuid *producer_id, int64_t *sequence)
{
    char hex[UUID_HEX_BYTES];

    if (field.size != UUID_HEX_BYTES - 1 || value.size == 0 || value.size > NUMBER_DIGITS_MAX)
        return false;
    memcpy(hex, field.data, field.size);
    hex[field.size] = '\0';
    *sequence = 0;
    for (size_t i = 0; i < value.size; i++) {
        int digit = value.data[i] - '0';
        if (digit < 0 || digit > 9 || *sequence > (INT64_MAX - digit) / 10)
            return false;
        *sequence = 10 * *sequence + digit;
    }
    return uuid_parse(hex, producer_id);
}

static bool is_page(const struct reply *page)
{
    return page->type == REPLY_ARRAY && page->count == 2 && page->elements[0].type == REPLY_STRING &&
           page->elements[0].text.size < SETBACK_CURSOR_BYTES && page->elements[1].type == REPLY_ARRAY;
}

static void take_page(struct setback *setback, const struct reply *page, struct columns *columns)
{
    const struct reply *fields = &page->elements[1];

    memcpy(setback->cursor, page->elements[0].text.data, page->elements[0].text.size);
    setback->cursor[page->elements[0].text.size] = '\0';
    columns_reset(columns);
    for (size_t i = 0; i + 1 < fields->count; i += 2) {
        struct uuid producer_id;
        int64_t sequence;

        if (!read_field(fields->elements[i].text, fields->elements[i + 1].text, &producer_id, &sequence))
            continue;
        binary_uuid(columns_next(columns), &producer_id);
        binary_int64(columns_next(columns), sequence);
    }
}

/* The next fields, into the columns of the statement that asks the ledger about them; `*result` is NULL when there were
 * none. The cursor moves on. */
static bool ask_about_page(struct setback *setback, struct redis *line, struct columns *columns,
                           struct postgres_result **result, struct error *error)
{
    struct postgres_parameter parameters[COLUMNS_MAX];
    struct reply page;
    uint8_t knows_all = setback->knows_all;
    const struct slice words[] = {slice_from_text("HSCAN"), slice_from_text(STREAM_ARCHIVED_KEY),
                                  slice_from_text(setback->cursor), slice_from_text("COUNT"), slice_from_text("1000")};

    arena_reset(&setback->arena, KEEP_BYTES);
    if (!redis_call(line, REDIS_WORDS(words), &setback->arena, &page, error))
        return false;
    if (!is_page(&page))
        return error_set(error, ERROR_TRANSIENT, "protocol", "could not understand the answer to HSCAN");
    take_page(setback, &page, columns);
    if (columns->rows == 0)
        return true;
    if (!columns_finish(columns, parameters, error))
        return false;
    parameters[columns->count] = (struct postgres_parameter){.value = slice_of(&knows_all, sizeof knows_all)};
    return postgres_query(setback->postgres, columns->statement, parameters, columns->count + 1, result, error);
}

static bool page_was_last(const struct setback *setback)
{
    return strcmp(setback->cursor, "0") == 0;
}

/* ---- what is done about it --------------------------------------------------------------------------------------- */

/* A stream or a group that is not there will be read from its beginning anyway. */
static bool set_group_back(struct setback *setback, struct redis *line, const char *key, struct error *error)
{
    struct reply reply;
    struct error why = {.kind = ERROR_NONE};
    const struct slice words[] = {slice_from_text("XGROUP"), slice_from_text("SETID"), slice_from_text(key),
                                  slice_from_text(setback->group_name), slice_from_text("0")};

    arena_reset(&setback->arena, KEEP_BYTES);
    if (redis_call(line, REDIS_WORDS(words), &setback->arena, &reply, &why) || redis_error_is(&why, "nogroup") ||
        redis_error_is(&why, "reply"))
        return true;
    *error = why;
    return false;
}

static bool tell(struct setback *setback, struct error *error)
{
    char detail[DETAIL_BYTES];
    const struct setback_counters *found = &setback->found;

    snprintf(detail, sizeof detail,
             "the watermarks of %" PRIu64 " producers were ahead of the ledger, by %" PRIu64
             " events; what the streams retain is applied again",
             found->producers, found->events);
    const struct postgres_parameter parameter = {.value = slice_from_text(detail)};
    return postgres_query(setback->postgres, &tell_statement, &parameter, 1, NULL, error);
}

static bool set_back(struct setback *setback, struct redis *line, struct error *error)
{
    for (unsigned shard = 0; shard < setback->shards; shard++)
        if (!set_group_back(setback, line, group_key(setback->source, shard), error))
            return false;
    if (!tell(setback, error))
        return false;
    setback->counters.went_back++;
    setback->counters.producers = setback->found.producers;
    setback->counters.events = setback->found.events;
    return true;
}

static bool send_fields(struct setback *setback, struct redis *line, struct slice *words, size_t fields,
                        struct error *error)
{
    struct reply reply;
    struct error why = {.kind = ERROR_NONE};

    words[0] = slice_from_text("EVAL");
    words[1] = slice_from_text(setback->plain ? script + strcspn(script, "\n") + 1 : script);
    words[2] = slice_from_text("1");
    words[3] = slice_from_text(STREAM_ARCHIVED_KEY);
    if (redis_call(line, words, WORDS_BEFORE_FIELDS + fields, &setback->arena, &reply, &why))
        return true;
    if (!setback->plain && redis_error_is(&why, "reply")) {
        setback->plain = true;
        return send_fields(setback, line, words, fields, error);
    }
    *error = why;
    return false;
}

/* The ledger's numbers of these producers into Redis. */
static bool lower(struct setback *setback, struct redis *line, const struct postgres_result *rows, struct error *error)
{
    enum { TEXT_BYTES = UUID_HEX_BYTES + NUMBER_DIGITS_MAX + 2 };
    size_t count = postgres_rows(rows);
    struct slice *words = arena_take(&setback->arena, (WORDS_BEFORE_FIELDS + 2 * count) * sizeof *words);
    char(*texts)[TEXT_BYTES] = arena_take(&setback->arena, count * sizeof *texts);

    if (count == 0)
        return true;
    if (words == NULL || texts == NULL)
        return error_set(error, ERROR_FATAL, "memory", "cannot get memory for %zu watermarks", count);
    for (size_t i = 0; i < count; i++) {
        struct slice producer, number;
        char *digits = texts[i] + UUID_HEX_BYTES;

        postgres_value(rows, i, 0, &producer);
        postgres_value(rows, i, 1, &number);
        struct uuid id = postgres_read_uuid(producer);
        uuid_format_hex(&id, texts[i]);
        snprintf(digits, TEXT_BYTES - UUID_HEX_BYTES, "%" PRId64, postgres_read_int64(number));
        words[WORDS_BEFORE_FIELDS + 2 * i] = slice_from_text(texts[i]);
        words[WORDS_BEFORE_FIELDS + 2 * i + 1] = slice_from_text(digits);
    }
    return send_fields(setback, line, words, 2 * count, error);
}

/* ---- steps ------------------------------------------------------------------------------------------------------- */

static void begin(struct setback *setback, enum setback_step step)
{
    if (step == SETBACK_COMPARING)
        setback->found = (struct setback_counters){0};
    setback->step = step;
    strcpy(setback->cursor, "0");
}

static bool compare_page(struct setback *setback, struct redis *line, struct error *error)
{
    AUTO_POSTGRES_RESULT result = NULL;
    struct slice value;

    if (!ask_about_page(setback, line, &setback->ahead, &result, error))
        return false;
    if (result != NULL && postgres_value(result, 0, 0, &value))
        setback->found.producers += (uint64_t)postgres_read_int64(value);
    if (result != NULL && postgres_value(result, 0, 1, &value))
        setback->found.events += (uint64_t)postgres_read_int64(value);
    if (!page_was_last(setback))
        return true;
    if (setback->found.producers > 0 && !set_back(setback, line, error))
        return false;
    begin(setback, setback->found.producers > 0 ? SETBACK_LOWERING : SETBACK_DONE);
    return true;
}

static bool lower_page(struct setback *setback, struct redis *line, struct error *error)
{
    AUTO_POSTGRES_RESULT result = NULL;

    if (!ask_about_page(setback, line, &setback->kept, &result, error) ||
        (result != NULL && !lower(setback, line, result, error)))
        return false;
    if (page_was_last(setback))
        setback->step = SETBACK_DONE;
    return true;
}

bool setback_round(struct setback *setback, struct redis *line, struct error *error)
{
    int64_t deadline_us = clock_deadline_us(setback->clock, SETBACK_ROUND_MS);
    bool good = true;

    if (setback->session != postgres_session(setback->postgres)) {
        setback->session = postgres_session(setback->postgres);
        begin(setback, SETBACK_COMPARING);
    }
    while (good && setback->step != SETBACK_DONE && clock_left_ms(setback->clock, deadline_us) > 0)
        good =
            setback->step == SETBACK_COMPARING ? compare_page(setback, line, error) : lower_page(setback, line, error);
    if (!good)
        begin(setback, setback->step);
    return good;
}
