#include "consumer/recovery/watermark.h"

#include "consumer/ledger/schema.h"
#include "proto/redis_error.h"
#include "proto/stream.h"
#include "proto/uuid.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { NUMBER_BYTES = 24, KEEP_BYTES = 256 * 1024, WORDS_BEFORE_FIELDS = 4 };

/* The numbers are SCHEMA_LOCK_CLASS and SCHEMA_LOCK_WATERMARK. */
static const struct postgres_statement take_lock = {
    .name = "watermark_lock",
    .sql = "SELECT pg_try_advisory_lock(1953260647, 3)",
};
static_assert(SCHEMA_LOCK_CLASS == 1953260647 && SCHEMA_LOCK_WATERMARK == 3, "as in the statement");

/* The range type has no room for its last number, 2^63 - 1: whoever uses it up gets no watermark for it. */
#define LAST_IN_A_RANGE "9223372036854775806"

/* `held` counts from 1 without a gap up to the end of the range that holds 1. */
#define WHOLE "coalesce((SELECT upper(r) - 1 FROM unnest(held) AS r WHERE r @> 1::bigint), 0)"
#define WHOLE_TOGETHER \
    "coalesce((SELECT upper(r) - 1 FROM unnest(p.held + EXCLUDED.held) AS r WHERE r @> 1::bigint), 0)"

/* Asked once for all rows. The sweep of consumer/recovery/gaps.h goes a day further back. */
#define OLDEST_SWEPT "(SELECT taskledger.first_uuid(now() - interval '7 days'))"

/* Ranges that appear while this runs are left for the next time. A gap that was there before is noted, see
 * consumer/recovery/gaps.h: those that come and go while consumers overtake each other cost nothing; one that no sweep
 * comes by is noted at once. The table is empty again and again, and whatever the planner thinks of it then, this must
 * stay linear: no join, no search in an array. */
static const struct postgres_statement fold = {
    .name = "watermark_fold",
    .sql = "WITH run AS ("
           "  DELETE FROM taskledger.producer_run"
           "  WHERE ctid <= (SELECT max(ctid) FROM (SELECT ctid FROM taskledger.producer_run LIMIT $1::int) AS first)"
           "  RETURNING producer_id, first_sequence, last_sequence"
           "), added AS ("
           "  SELECT producer_id,"
           "         range_agg(int8range(first_sequence, least(last_sequence, " LAST_IN_A_RANGE "), '[]')) AS held"
           "  FROM run WHERE first_sequence <= " LAST_IN_A_RANGE " GROUP BY producer_id"
           "), folded AS ("
           "  INSERT INTO taskledger.producer AS p (producer_id, folded_at, held, archived_sequence, gap_since)"
           "  SELECT producer_id, now(), held, " WHOLE ","
           "    CASE WHEN producer_id < " OLDEST_SWEPT " AND " WHOLE " < upper(held) - 1 THEN now() END"
           "  FROM added ORDER BY producer_id"
           "  ON CONFLICT (producer_id) DO UPDATE SET"
           "    folded_at = now(), watermark_removed_at = NULL, held = p.held + EXCLUDED.held,"
           "    archived_sequence = greatest(p.archived_sequence, " WHOLE_TOGETHER "),"
           "    gap_since = CASE"
           "      WHEN (p.archived_sequence < upper(p.held) - 1 OR p.producer_id < " OLDEST_SWEPT ")"
           "       AND greatest(p.archived_sequence, " WHOLE_TOGETHER ") < upper(p.held + EXCLUDED.held) - 1"
           "      THEN coalesce(p.gap_since, now()) ELSE p.gap_since END"
           "  RETURNING p.producer_id, p.archived_sequence"
           ") SELECT producer_id, archived_sequence, (SELECT count(*) FROM run) FROM folded",
};

/* Producers take a new identity after 7 days, so older ones say nothing any more. */
static const struct postgres_statement all = {
    .name = "watermark_all",
    .sql = "SELECT producer_id, archived_sequence FROM taskledger.producer"
           " WHERE producer_id > $1::uuid AND producer_id >= taskledger.first_uuid(now() - interval '8 days')"
           "   AND archived_sequence > 0 AND (closed_at IS NULL OR folded_at > now() - interval '10 minutes')"
           " ORDER BY producer_id LIMIT $2::int",
};

/* Numbers of up to 19 digits are compared as text: a double would be wrong above 2^53. */
static const char script[] = "#!lua flags=allow-oom\n"
                             "local fields = {}\n"
                             "for i = 1, #ARGV, 2 do\n"
                             "  fields[#fields + 1] = ARGV[i]\n"
                             "end\n"
                             "for i, had in ipairs(redis.call('HMGET', KEYS[1], unpack(fields))) do\n"
                             "  local got = ARGV[2 * i]\n"
                             "  if not had or #got > #had or (#got == #had and got > had) then\n"
                             "    redis.call('HSET', KEYS[1], fields[i], got)\n"
                             "  end\n"
                             "end\n"
                             "return #ARGV / 2\n";

void watermark_init(struct watermark *watermark, struct postgres *postgres, const struct clock *clock, bool tells)
{
    *watermark = (struct watermark){.postgres = postgres, .clock = clock, .tells = tells};
    arena_init(&watermark->arena, 0);
}

void watermark_close(struct watermark *watermark)
{
    arena_close(&watermark->arena);
}

int64_t watermark_due_us(const struct watermark *watermark)
{
    bool pages = watermark_is_held(watermark) && watermark->is_repeating;

    return pages && watermark->repeat_due_us < watermark->due_us ? watermark->repeat_due_us : watermark->due_us;
}

bool watermark_is_held(const struct watermark *watermark)
{
    return watermark->session != 0 && watermark->session == postgres_session(watermark->postgres);
}

static bool take_turn(struct watermark *watermark, struct error *error)
{
    AUTO_POSTGRES_RESULT result = NULL;
    struct slice taken;

    if (watermark_is_held(watermark))
        return true;
    if (!postgres_query(watermark->postgres, &take_lock, NULL, 0, &result, error))
        return false;
    if (postgres_value(result, 0, 0, &taken) && postgres_read_boolean(taken)) {
        watermark->session = postgres_session(watermark->postgres);
        watermark->must_repeat = true; /* who had it before may have folded and not told */
    }
    return true;
}

/* ---- telling ----------------------------------------------------------------------------------------------------- */

struct told {
    char producer[UUID_HEX_BYTES];
    char number[NUMBER_BYTES];
};

/* The fields of rows `first` ... `first + count`, those at 0 left out; returns how many words. */
static size_t make_fields(const struct postgres_result *rows, size_t first, size_t count, struct told *told,
                          struct slice *words)
{
    size_t used = 0;

    for (size_t i = 0; i < count; i++, told++) {
        struct slice producer;
        struct slice number;

        postgres_value(rows, first + i, 0, &producer);
        postgres_value(rows, first + i, 1, &number);
        if (postgres_read_int64(number) == 0)
            continue;

        struct uuid id = postgres_read_uuid(producer);
        uuid_format_hex(&id, told->producer);
        snprintf(told->number, sizeof told->number, "%lld", (long long)postgres_read_int64(number));
        words[used++] = slice_from_text(told->producer);
        words[used++] = slice_from_text(told->number);
    }
    return used;
}

/* A server before 7.0 does not understand the first line. It may not do without the others: a field that is ahead of
 * the ledger is the proof that the ledger went back, and setback.c has not looked at it yet. */
static bool send_fields(struct watermark *watermark, struct redis *line, struct slice *words, size_t fields,
                        struct error *error)
{
    struct reply reply;
    struct error why = {.kind = ERROR_NONE};

    arena_reset(&watermark->arena, KEEP_BYTES);
    words[0] = slice_from_text("EVAL");
    words[1] = slice_from_text(watermark->plain ? script + strcspn(script, "\n") + 1 : script);
    words[2] = slice_from_text("1");
    words[3] = slice_from_text(STREAM_ARCHIVED_KEY);
    if (redis_call(line, words, WORDS_BEFORE_FIELDS + fields, &watermark->arena, &reply, &why))
        return true;
    if (!watermark->plain && redis_error_is(&why, "reply")) {
        watermark->plain = true;
        return send_fields(watermark, line, words, fields, error);
    }
    *error = why;
    return false;
}

static bool tell(struct watermark *watermark, struct redis *line, const struct postgres_result *rows,
                 struct error *error)
{
    struct slice words[WORDS_BEFORE_FIELDS + 2 * WATERMARK_TOLD_MAX];
    struct told told[WATERMARK_TOLD_MAX];
    size_t total = postgres_rows(rows);

    for (size_t first = 0, count; first < total; first += count) {
        count = total - first < WATERMARK_TOLD_MAX ? total - first : WATERMARK_TOLD_MAX;
        size_t fields = make_fields(rows, first, count, told, words + WORDS_BEFORE_FIELDS);
        if (fields > 0 && !send_fields(watermark, line, words, fields, error))
            return false;
        watermark->counters.told += fields / 2;
    }
    return true;
}

/* ---- a round ----------------------------------------------------------------------------------------------------- */

static bool fold_runs(struct watermark *watermark, struct redis *line, bool *folded, struct error *error)
{
    AUTO_POSTGRES_RESULT rows = NULL;
    struct slice runs;
    const uint8_t limit[] = {0, 0, WATERMARK_RUNS_MAX >> 8, WATERMARK_RUNS_MAX & 0xff};
    const struct postgres_parameter parameter = {.value = slice_of(limit, sizeof limit)};

    if (!postgres_query(watermark->postgres, &fold, &parameter, 1, &rows, error))
        return false;
    *folded = postgres_rows(rows) > 0;
    if (!*folded)
        return true;

    watermark->counters.folds++;
    if (postgres_value(rows, 0, 2, &runs))
        watermark->counters.runs += (uint64_t)postgres_read_int64(runs);
    if (!watermark->tells || tell(watermark, line, rows, error))
        return true;
    watermark->must_repeat = true;
    return false;
}

/* Where the pass has come to, by the last row of a page. */
static void note_page(struct watermark *watermark, const struct postgres_result *rows)
{
    size_t count = postgres_rows(rows);
    struct slice producer;

    watermark->is_repeating = count == WATERMARK_REPEAT_MAX;
    watermark->repeat_due_us =
        clock_deadline_us(watermark->clock, watermark->is_repeating ? WATERMARK_PAUSE_MS : WATERMARK_REPEAT_MS);
    if (count > 0 && postgres_value(rows, count - 1, 0, &producer))
        watermark->told_to = postgres_read_uuid(producer);
}

static bool repeat_page(struct watermark *watermark, struct redis *line, struct error *error)
{
    AUTO_POSTGRES_RESULT rows = NULL;
    uint32_t limit = htonl(WATERMARK_REPEAT_MAX);
    const struct postgres_parameter parameters[] = {
        {.value = slice_of(&watermark->told_to, sizeof watermark->told_to)},
        {.value = slice_of(&limit, sizeof limit)},
    };

    if (!postgres_query(watermark->postgres, &all, parameters, 2, &rows, error) || !tell(watermark, line, rows, error))
        return false;
    note_page(watermark, rows);
    return true;
}

/* Whatever went wrong, what was told before may be gone with it: the pass begins anew. */
static bool repeat_if_due(struct watermark *watermark, struct redis *line, struct error *error)
{
    bool is_due = watermark->clock->monotonic_us(watermark->clock->self) >= watermark->repeat_due_us;

    if (!watermark->tells || (!watermark->must_repeat && !is_due))
        return true;
    if (watermark->must_repeat || !watermark->is_repeating)
        watermark->told_to = (struct uuid){{0}};
    watermark->must_repeat = !repeat_page(watermark, line, error);
    return !watermark->must_repeat;
}

static bool fold_if_due(struct watermark *watermark, struct redis *line, struct error *error)
{
    int64_t now_us = watermark->clock->monotonic_us(watermark->clock->self);
    bool folded = false;

    if (now_us < watermark->due_us)
        return true;
    watermark->due_us = now_us + 1000 * (int64_t)WATERMARK_IDLE_MS;

    if (!take_turn(watermark, error))
        return false;
    if (watermark_is_held(watermark) && !fold_runs(watermark, line, &folded, error))
        return false;
    if (folded)
        watermark->due_us = now_us + 1000 * (int64_t)WATERMARK_FOLD_MS;
    return true;
}

bool watermark_finish(struct watermark *watermark, struct redis *line, struct error *error)
{
    bool folded;

    return !watermark_is_held(watermark) || fold_runs(watermark, line, &folded, error);
}

bool watermark_round(struct watermark *watermark, struct redis *line, struct error *error)
{
    return fold_if_due(watermark, line, error) &&
           (!watermark_is_held(watermark) || repeat_if_due(watermark, line, error));
}
