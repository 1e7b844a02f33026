#include "consumer/recovery/retrace.h"

#include "consumer/stream/survey.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { KEEP_BYTES = 64 * 1024, DETAIL_BYTES = 300 };

/* LIMIT makes it one probe of the key for each row, however wrong the planner is about sizes. The digest is that of the
 * bytes, under which they are set aside. */
static const struct postgres_statement missing_statement = {
    "retrace_missing",
    "WITH missed AS MATERIALIZED ("
    " SELECT asked.producer_id, asked.digest, asked.i"
    " FROM unnest($1::uuid[], $2::int8[], $3::bytea[]) WITH ORDINALITY AS asked (producer_id, sequence, digest, i)"
    " LEFT JOIN LATERAL (SELECT true AS is_held FROM taskledger.task_event AS event"
    "  WHERE event.producer_id = asked.producer_id AND event.sequence = asked.sequence LIMIT 1) AS stored ON true"
    " WHERE stored.is_held IS NULL"
    ") SELECT count(*), coalesce(max(i), 0) FROM missed"
    " WHERE NOT EXISTS (SELECT FROM taskledger.rejected_event AS aside WHERE aside.digest = missed.digest)"
    "  AND NOT EXISTS (SELECT FROM taskledger.producer AS p"
    "   WHERE p.producer_id = missed.producer_id AND p.pruned_at IS NOT NULL)"};

/* Once: who died between this and setting the group back left the same entry to be found. */
static const struct postgres_statement tell_statement = {
    "retrace_tell", "INSERT INTO taskledger.loss (kind, stream, stream_id, detail)"
                    " SELECT 'ledger_went_back', $1::text, $2::text, $3::text WHERE NOT EXISTS ("
                    "  SELECT FROM taskledger.loss WHERE kind = 'ledger_went_back' AND repaired_at IS NULL"
                    "   AND stream = $1 AND stream_id = $2)"};

/* ARGV: our group, where it is set to. Somebody else may have set it further back meanwhile. Numbers of IDs are
 * compared as text: they have up to 20 digits, and a double holds 15. */
static const char script[] = "local function parts(id)\n"
                             "  return string.match(id, '^(%d+)-(%d+)$')\n"
                             "end\n"
                             "local function less(a, b)\n"
                             "  if #a ~= #b then return #a < #b end\n"
                             "  return a < b\n"
                             "end\n"
                             "if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end\n"
                             "local ms, sequence = parts(ARGV[2])\n"
                             "for _, words in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do\n"
                             "  local group = {}\n"
                             "  for i = 1, #words, 2 do group[words[i]] = words[i + 1] end\n"
                             "  local its_ms, its_sequence = parts(group['last-delivered-id'])\n"
                             "  if group.name == ARGV[1] and\n"
                             "    (less(ms, its_ms) or ms == its_ms and less(sequence, its_sequence)) then\n"
                             "    redis.call('XGROUP', 'SETID', KEYS[1], ARGV[1], ARGV[2])\n"
                             "    return 1\n"
                             "  end\n"
                             "end\n"
                             "return 0\n";

/* ---- life -------------------------------------------------------------------------------------------------------- */

bool retrace_init(struct retrace *retrace)
{
    static const enum columns_type types[] = {COLUMNS_UUID, COLUMNS_INT8, COLUMNS_BYTEA, 0};

    columns_init(&retrace->columns, &missing_statement, types);
    arena_init(&retrace->arena, 0);
    retrace->found = calloc(retrace->shards, sizeof *retrace->found);
    return settled_init(&retrace->settled) && retrace->found != NULL;
}

void retrace_close(struct retrace *retrace)
{
    columns_close(&retrace->columns);
    settled_close(&retrace->settled);
    arena_close(&retrace->arena);
    free(retrace->found);
}

bool retrace_is_done(const struct retrace *retrace)
{
    return retrace->session == postgres_session(retrace->postgres) && retrace->step == RETRACE_DONE;
}

/* ---- walking ----------------------------------------------------------------------------------------------------- */

static const char *key_of(const struct retrace *retrace)
{
    return group_key(retrace->source, retrace->shard);
}

static void begin_shard(struct retrace *retrace, unsigned shard)
{
    retrace->shard = shard;
    retrace->is_amid = false;
    retrace->walked = 0;
    retrace->held = 0;
}

static uint64_t enough(const struct retrace *retrace)
{
    uint64_t each = RETRACE_HELD / retrace->shards;

    return each < RETRACE_HELD_MIN ? RETRACE_HELD_MIN : each;
}

/* 0-0 when there is no group, or nothing was delivered to it. */
static bool ask_delivered(struct retrace *retrace, struct redis *line, struct stream_id *delivered, struct error *error)
{
    struct survey_shard shard = {0};

    if (!survey_shard(&shard, line, key_of(retrace), retrace->group_name, error))
        return false;
    *delivered = shard.exists && shard.has_group ? shard.facts.delivered : (struct stream_id){0};
    return true;
}

/* How many of this page are missing, and the place of the oldest of them, from 1 on. */
static bool ask_ledger(struct retrace *retrace, uint64_t *missing, size_t *oldest, struct error *error)
{
    struct postgres_parameter parameters[COLUMNS_MAX];
    AUTO_POSTGRES_RESULT result = NULL;
    struct slice count, place;

    columns_reset(&retrace->columns);
    for (size_t i = 0; i < retrace->settled.count; i++) {
        const struct settled_entry *entry = &retrace->settled.entries[i];

        binary_uuid(columns_next(&retrace->columns), &entry->producer_id);
        binary_int64(columns_next(&retrace->columns), (int64_t)entry->sequence);
        binary_bytes(columns_next(&retrace->columns), digest_slice(&entry->digest));
    }
    if (!columns_finish(&retrace->columns, parameters, error) ||
        !postgres_query(retrace->postgres, &missing_statement, parameters, retrace->columns.count, &result, error))
        return false;
    *missing = postgres_value(result, 0, 0, &count) ? (uint64_t)postgres_read_int64(count) : 0;
    *oldest = postgres_value(result, 0, 1, &place) ? (size_t)postgres_read_int64(place) : 0;
    return true;
}

static bool look_up(struct retrace *retrace, struct error *error)
{
    const struct settled *settled = &retrace->settled;
    struct retrace_shard *found = &retrace->found[retrace->shard];
    uint64_t missing = 0;
    size_t oldest = 0;

    if (settled->count > 0 && !ask_ledger(retrace, &missing, &oldest, error))
        return false;
    if (missing > 0) {
        found->missing += missing;
        found->oldest = settled->entries[oldest - 1].id;
        retrace->held = 0;
    }
    retrace->held += settled->count - oldest;
    return true;
}

/* Where the walk begins. Nothing delivered: nothing to walk through. */
static bool begin_walk(struct retrace *retrace, struct redis *line, struct error *error)
{
    static const struct stream_id nothing = {0};

    if (!ask_delivered(retrace, line, &retrace->next, error))
        return false;
    retrace->found[retrace->shard] = (struct retrace_shard){0};
    retrace->is_amid = stream_id_compare(retrace->next, nothing) > 0;
    if (!retrace->is_amid)
        begin_shard(retrace, retrace->shard + 1);
    return true;
}

/* The page is known: on to the one before it, or to the next shard. */
static void go_on(struct retrace *retrace)
{
    bool was_last = retrace->settled.seen < retrace->page_size;

    retrace->walked += retrace->settled.seen;
    retrace->counters.walked += retrace->settled.seen;
    if (!was_last)
        retrace->next = stream_id_before(retrace->settled.oldest);
    if (was_last || retrace->held >= enough(retrace)) {
        begin_shard(retrace, retrace->shard + 1);
    } else if (retrace->walked >= RETRACE_WALK_MAX) {
        retrace->found[retrace->shard].oldest = (struct stream_id){0};
        begin_shard(retrace, retrace->shard + 1);
    }
}

/* A group that was made anew in the meantime has nothing pending of what it was not yet given. */
static bool walk_page(struct retrace *retrace, struct redis *line, struct error *error)
{
    const struct pending where = {.redis = line, .key = key_of(retrace), .group = retrace->group_name};
    struct stream_id delivered;

    if (!settled_read(&retrace->settled, where, retrace->next, retrace->page_size, error) ||
        !ask_delivered(retrace, line, &delivered, error))
        return false;
    if (stream_id_compare(delivered, retrace->next) < 0) {
        begin_shard(retrace, retrace->shard);
        return true;
    }
    if (!look_up(retrace, error))
        return false;
    go_on(retrace);
    return true;
}

/* What one page costs depends on the events, and on how much of the ledger is in memory. */
static void adapt(struct retrace *retrace, int64_t took_us)
{
    if (took_us > 1000 * (int64_t)RETRACE_PAGE_MS)
        retrace->page_size /= 2;
    else if (took_us < 1000 * (int64_t)RETRACE_PAGE_MS / 2)
        retrace->page_size *= 2;
    if (retrace->page_size < RETRACE_PAGE_MIN)
        retrace->page_size = RETRACE_PAGE_MIN;
    if (retrace->page_size > SETTLED_PAGE_MAX)
        retrace->page_size = SETTLED_PAGE_MAX;
}

static uint64_t missing(const struct retrace *retrace)
{
    uint64_t sum = 0;

    for (unsigned shard = 0; shard < retrace->shards; shard++)
        sum += retrace->found[shard].missing;
    return sum;
}

static bool walk(struct retrace *retrace, struct redis *line, struct error *error)
{
    int64_t started_us = retrace->clock->monotonic_us(retrace->clock->self);

    if (retrace->shard == retrace->shards) {
        retrace->step = missing(retrace) > 0 ? RETRACE_TELLING : RETRACE_DONE;
        return true;
    }
    if (!retrace->is_amid)
        return begin_walk(retrace, line, error);
    if (!walk_page(retrace, line, error))
        return false;
    adapt(retrace, retrace->clock->monotonic_us(retrace->clock->self) - started_us);
    return true;
}

/* ---- what is done about it --------------------------------------------------------------------------------------- */

/* The first shard of which something is missing stands for all. */
static unsigned first_found(const struct retrace *retrace)
{
    unsigned shard = 0;

    while (retrace->found[shard].missing == 0)
        shard++;
    return shard;
}

static bool tell(struct retrace *retrace, struct redis *line, struct error *error)
{
    char detail[DETAIL_BYTES];
    char id[STREAM_ID_BYTES_MAX];
    unsigned shard = first_found(retrace);

    (void)line;
    stream_id_format(retrace->found[shard].oldest, id);
    snprintf(detail, sizeof detail,
             "%" PRIu64 " events that are settled in the streams are not held; from the oldest on all is applied again",
             missing(retrace));
    const struct postgres_parameter parameters[] = {
        {.value = slice_from_text(group_key(retrace->source, shard))},
        {.value = slice_from_text(id)},
        {.value = slice_from_text(detail)},
    };
    if (!postgres_query(retrace->postgres, &tell_statement, parameters, 3, NULL, error))
        return false;
    retrace->counters.went_back++;
    retrace->counters.events = missing(retrace);
    retrace->step = RETRACE_SETTING_BACK;
    return true;
}

static bool set_back_shard(struct retrace *retrace, unsigned shard, struct redis *line, struct error *error)
{
    char id[STREAM_ID_BYTES_MAX];
    struct reply reply;

    stream_id_format(stream_id_before(retrace->found[shard].oldest), id);
    const struct slice words[] = {
        slice_from_text("EVAL"),
        slice_from_text(script),
        slice_from_text("1"),
        slice_from_text(group_key(retrace->source, shard)),
        slice_from_text(retrace->group_name),
        slice_from_text(id),
    };
    arena_reset(&retrace->arena, KEEP_BYTES);
    return redis_call(line, REDIS_WORDS(words), &retrace->arena, &reply, error);
}

static bool set_back(struct retrace *retrace, struct redis *line, struct error *error)
{
    for (unsigned shard = 0; shard < retrace->shards; shard++)
        if (retrace->found[shard].missing > 0 && !set_back_shard(retrace, shard, line, error))
            return false;
    retrace->step = RETRACE_DONE;
    return true;
}

/* ---- rounds ------------------------------------------------------------------------------------------------------ */

static void begin(struct retrace *retrace)
{
    retrace->session = postgres_session(retrace->postgres);
    retrace->step = RETRACE_WALKING;
    retrace->page_size = RETRACE_PAGE_MIN;
    begin_shard(retrace, 0);
}

bool retrace_round(struct retrace *retrace, struct redis *line, struct error *error)
{
    static bool (*const steps[])(struct retrace *, struct redis *, struct error *) = {
        [RETRACE_WALKING] = walk, [RETRACE_TELLING] = tell, [RETRACE_SETTING_BACK] = set_back};
    int64_t deadline_us = clock_deadline_us(retrace->clock, RETRACE_ROUND_MS);

    if (retrace->session != postgres_session(retrace->postgres))
        begin(retrace);
    while (retrace->step != RETRACE_DONE && clock_left_ms(retrace->clock, deadline_us) > 0)
        if (!steps[retrace->step](retrace, line, error))
            return false;
    return true;
}
