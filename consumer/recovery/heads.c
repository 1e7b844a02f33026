#include "consumer/recovery/heads.h"

#include <endian.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const struct postgres_statement read_statement = {
    "heads_read", "SELECT ordinal::int8, last_id, coalesce(entries_added, -1), unread, pending"
                  " FROM unnest($1::text[]) WITH ORDINALITY AS ours (stream, ordinal)"
                  " JOIN taskledger.stream_head USING (stream)"};

static const struct postgres_statement write_statement = {
    "heads_write",
    "INSERT INTO taskledger.stream_head AS head (stream, last_id, entries_added, unread, pending)"
    " SELECT stream, last_id, nullif(entries_added, -1), unread, pending"
    " FROM unnest($1::text[], $2::text[], $3::int8[], $4::int8[], $5::int8[])"
    " AS seen (stream, last_id, entries_added, unread, pending) ORDER BY stream"
    " ON CONFLICT (stream) DO UPDATE SET last_id = excluded.last_id, entries_added = excluded.entries_added,"
    "  unread = excluded.unread, pending = excluded.pending, seen_at = now()"};

/* With the head that it has now, so that it is told once. */
static const struct postgres_statement tell_statement = {
    "heads_tell",
    "WITH head AS ("
    " INSERT INTO taskledger.stream_head (stream, last_id, entries_added, unread, pending)"
    "  VALUES ($1::text, $2::text, nullif($3::int8, -1), 0, 0)"
    "  ON CONFLICT (stream) DO UPDATE SET last_id = excluded.last_id, entries_added = excluded.entries_added,"
    "   unread = 0, pending = 0, seen_at = now()"
    ") INSERT INTO taskledger.loss (kind, stream, stream_id, detail) VALUES ('stream_went_back', $1, $4::text, "
    "$5::text)"};

/* ---- life -------------------------------------------------------------------------------------------------------- */

bool heads_init(struct heads *heads)
{
    static const enum columns_type types[] = {COLUMNS_TEXT, COLUMNS_TEXT, COLUMNS_INT8, COLUMNS_INT8, COLUMNS_INT8, 0};

    columns_init(&heads->columns, &write_statement, types);
    heads->known = calloc(heads->shards, sizeof *heads->known);
    heads->changed = calloc(heads->shards, sizeof *heads->changed);
    heads->losses = calloc(heads->shards, sizeof *heads->losses);
    return heads->known != NULL && heads->changed != NULL && heads->losses != NULL;
}

void heads_close(struct heads *heads)
{
    columns_close(&heads->columns);
    free(heads->known);
    free(heads->changed);
    free(heads->losses);
}

void heads_doubt(struct heads *heads)
{
    heads->in_doubt = true;
}

void heads_rest(struct heads *heads)
{
    heads->session = 0;
}

/* ---- what was known ---------------------------------------------------------------------------------------------- */

static int64_t number(const struct postgres_result *result, size_t row, size_t column)
{
    struct slice value;

    return postgres_value(result, row, column, &value) ? postgres_read_int64(value) : 0;
}

static void take(struct heads *heads, const struct postgres_result *result, size_t row)
{
    size_t shard = (size_t)number(result, row, 0) - 1;
    struct slice id;

    if (shard >= heads->shards || !postgres_value(result, row, 1, &id) ||
        !stream_id_parse(id, &heads->known[shard].last))
        return;
    heads->known[shard].added = number(result, row, 2);
    heads->known[shard].unread = number(result, row, 3);
    heads->known[shard].pending = number(result, row, 4);
}

static struct stream_id lost_at(const struct heads *heads, unsigned shard)
{
    const struct stream_id *ids = group_counters(heads->source)->lost_at;

    return ids == NULL ? (struct stream_id){0} : ids[shard];
}

static bool read_known(struct heads *heads, struct error *error)
{
    static const enum columns_type types[] = {COLUMNS_TEXT, 0};
    struct postgres_parameter parameter[COLUMNS_MAX];
    AUTO_POSTGRES_RESULT result = NULL;
    struct columns keys;

    if (heads->session == postgres_session(heads->postgres))
        return true;

    columns_init(&keys, &read_statement, types);
    for (unsigned shard = 0; shard < heads->shards; shard++) {
        heads->known[shard] = (struct heads_head){.added = -1};
        heads->changed[shard] = true;
        heads->losses[shard] = (struct heads_loss){.at = lost_at(heads, shard)};
        binary_bytes(columns_next(&keys), slice_from_text(group_key(heads->source, shard)));
    }
    bool good = columns_finish(&keys, parameter, error) &&
                postgres_query(heads->postgres, &read_statement, parameter, 1, &result, error);
    columns_close(&keys);
    if (!good)
        return false;
    for (size_t row = 0; row < postgres_rows(result); row++)
        take(heads, result, row);
    heads->session = postgres_session(heads->postgres);
    return true;
}

static bool write_changed(struct heads *heads, struct error *error)
{
    if (clock_left_ms(heads->clock, heads->write_due_us) > 0)
        return true;
    heads->write_due_us = clock_deadline_us(heads->clock, HEADS_WRITE_MS);

    columns_reset(&heads->columns);
    for (unsigned shard = 0; shard < heads->shards; shard++) {
        const struct heads_head *head = &heads->known[shard];
        char id[STREAM_ID_BYTES_MAX];

        if (!heads->changed[shard])
            continue;
        stream_id_format(head->last, id);
        binary_bytes(columns_next(&heads->columns), slice_from_text(group_key(heads->source, shard)));
        binary_bytes(columns_next(&heads->columns), slice_from_text(id));
        binary_int64(columns_next(&heads->columns), head->added);
        binary_int64(columns_next(&heads->columns), head->unread);
        binary_int64(columns_next(&heads->columns), head->pending);
    }
    if (heads->columns.rows > 0 && !columns_send(&heads->columns, heads->postgres, error))
        return false;
    for (unsigned shard = 0; shard < heads->shards; shard++)
        heads->changed[shard] = false;
    return true;
}

/* ---- comparing --------------------------------------------------------------------------------------------------- */

/* All that is there came since, and it is more than was added since. */
static bool is_another(const struct heads_head *known, const struct survey_facts *facts)
{
    return stream_id_compare(facts->first, known->last) > 0 && facts->length > facts->added - known->added;
}

bool heads_went_back(const struct heads_head *known, const struct survey_shard *now)
{
    bool is_counted = known->added >= 0 && now->facts.added >= 0;

    if (known->last.ms == 0 && known->last.sequence == 0)
        return false;
    return !now->exists || stream_id_compare(now->facts.last, known->last) < 0 ||
           (is_counted && (now->facts.added < known->added || is_another(known, &now->facts)));
}

bool heads_is_another(struct stream_id last, const struct survey_shard *now)
{
    static const struct stream_id nothing = {0};
    bool has_all = now->facts.added == now->facts.length;

    return stream_id_compare(last, nothing) > 0 &&
           (stream_id_compare(now->facts.last, last) < 0 || (has_all && stream_id_compare(now->facts.first, last) > 0));
}

/* Whether the reader has just noticed what no look has. It may notice later than a look what was told then. */
static bool reader_noticed(struct heads *heads, unsigned shard, const struct survey_shard *now, bool was_told)
{
    struct heads_loss *loss = &heads->losses[shard];
    struct stream_id at = lost_at(heads, shard);
    bool is_new = stream_id_compare(at, loss->at) != 0;

    was_told |= loss->was_told;
    *loss = (struct heads_loss){.at = at, .was_told = was_told && !is_new};
    if (!is_new || was_told || !heads_is_another(at, now))
        return false;
    heads->known[shard] = (struct heads_head){.last = at, .added = -1};
    return true;
}

/* Trimmed away it proves nothing. */
static bool lacks_head(struct heads *heads, unsigned shard, const struct survey_facts *facts, struct redis *line,
                       bool *lacks, struct error *error)
{
    char id[STREAM_ID_BYTES_MAX];
    struct arena arena;
    struct reply entries;
    struct stream_id last = heads->known[shard].last;

    *lacks = false;
    if (!heads->in_doubt || facts->length == 0 || stream_id_compare(facts->first, last) > 0)
        return true;
    stream_id_format(last, id);
    const struct slice words[] = {slice_from_text("XRANGE"), slice_from_text(group_key(heads->source, shard)),
                                  slice_from_text(id), slice_from_text(id)};
    arena_init(&arena, 0);
    bool good = redis_call(line, REDIS_WORDS(words), &arena, &entries, error);
    if (good)
        *lacks = entries.type == REPLY_ARRAY && entries.count == 0;
    arena_close(&arena);
    return good;
}

static struct heads_head head_of(const struct survey_shard *now)
{
    if (!now->exists)
        return (struct heads_head){.added = -1};
    return (struct heads_head){
        .last = now->facts.last, .added = now->facts.added, .unread = now->lag, .pending = now->pending};
}

static bool are_equal(const struct heads_head *a, const struct heads_head *b)
{
    return stream_id_compare(a->last, b->last) == 0 && a->added == b->added && a->unread == b->unread &&
           a->pending == b->pending;
}

static void describe(struct heads *heads, const struct heads_head *was, const struct heads_head *is)
{
    char before[STREAM_ID_BYTES_MAX], after[STREAM_ID_BYTES_MAX];

    stream_id_format(was->last, before);
    stream_id_format(is->last, after);
    snprintf(heads->detail, sizeof heads->detail,
             "last ID %s, now %s; entries ever added %" PRId64 ", now %" PRId64 "; at the last look before, %" PRId64
             " were unread and %" PRId64 " unsettled",
             before, after, was->added, is->added, was->unread, was->pending);
}

/* Told in the ledger first: what is known in memory goes with us. */
static bool tell(struct heads *heads, unsigned shard, const struct heads_head *is, struct error *error)
{
    char before[STREAM_ID_BYTES_MAX], after[STREAM_ID_BYTES_MAX];
    uint64_t added = htobe64((uint64_t)is->added);

    describe(heads, &heads->known[shard], is);
    stream_id_format(heads->known[shard].last, before);
    stream_id_format(is->last, after);
    const struct postgres_parameter parameters[] = {
        {.value = slice_from_text(group_key(heads->source, shard))},
        {.value = slice_from_text(after)},
        {.value = slice_of(&added, sizeof added)},
        {.value = slice_from_text(before)},
        {.value = slice_from_text(heads->detail)},
    };
    bool good = postgres_query(heads->postgres, &tell_statement, parameters, 5, NULL, error);
    heads->counters.went_back += good;
    return good;
}

static bool set_back_group(struct heads *heads, unsigned shard, struct redis *line, struct error *error)
{
    uint8_t memory[512];
    struct arena arena;
    struct reply reply;
    const struct slice words[] = {
        slice_from_text("XGROUP"),          slice_from_text("SETID"), slice_from_text(group_key(heads->source, shard)),
        slice_from_text(heads->group_name), slice_from_text("0"),
    };

    arena_init_with(&arena, memory, sizeof memory, 0);
    bool good = redis_call(line, REDIS_WORDS(words), &arena, &reply, error);
    arena_close(&arena);
    heads->counters.set_back += good;
    return good;
}

static bool compare(struct heads *heads, unsigned shard, const struct survey_shard *now, struct redis *line,
                    struct error *error)
{
    struct heads_head is = head_of(now);
    bool went_back = heads_went_back(&heads->known[shard], now);

    if (!went_back && !lacks_head(heads, shard, &now->facts, line, &went_back, error))
        return false;
    went_back |= reader_noticed(heads, shard, now, went_back);
    if (went_back && !tell(heads, shard, &is, error))
        return false;
    heads->changed[shard] |= !are_equal(&heads->known[shard], &is);
    heads->known[shard] = is;

    bool is_ahead = now->has_group && stream_id_compare(now->facts.delivered, now->facts.last) > 0;
    return !is_ahead || set_back_group(heads, shard, line, error);
}

bool heads_compare(struct heads *heads, const struct survey_shard *shards, struct redis *line, struct error *error)
{
    if (!read_known(heads, error))
        return false;
    for (unsigned shard = 0; shard < heads->shards; shard++)
        if (!compare(heads, shard, &shards[shard], line, error))
            return false;
    heads->in_doubt = false;
    return write_changed(heads, error);
}
