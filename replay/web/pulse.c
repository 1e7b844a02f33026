#include "replay/web/pulse.h"

#include "consumer/ledger/schema.h"
#include "consumer/stream/keys.h"
#include "consumer/stream/survey.h"
#include "replay/verify/stream_pages.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_BYTES_MAX = 1024 * 1024 };

struct pulse {
    struct pulse_options options;
    struct keys keys;

    /* The looking thread's own. */
    struct redis *redis; /* NULL: none */
    struct postgres *postgres;
    struct survey_shard *shards;
    struct stream_id *seen; /* places, of this look */
    int64_t due_us;
    unsigned until_postgres; /* looks */

    pthread_mutex_t lock; /* of what follows */
    struct pulse_view view;
    struct stream_id *places;
    bool has_places;
};

/* ---- life -------------------------------------------------------------------------------------------------------- */

static bool open_lines(struct pulse *pulse, struct error *error)
{
    pulse->postgres = postgres_new(&pulse->options.postgres, error);
    if (pulse->postgres == NULL)
        return false;
    if (pulse->options.redis.url == NULL)
        return true;
    pulse->redis = redis_new(&pulse->options.redis, error);
    return pulse->redis != NULL;
}

struct pulse *pulse_open(const struct pulse_options *options, struct error *error)
{
    struct pulse *pulse = calloc(1, sizeof *pulse);

    if (pulse == NULL) {
        error_set(error, ERROR_FATAL, "memory", "cannot allocate the pulse");
        return NULL;
    }
    pulse->options = *options;
    pulse->view = (struct pulse_view){.length = -1, .lag = -1, .pending = -1, .oldest_s = (double)NAN};
    pthread_mutex_init(&pulse->lock, NULL);
    pulse->shards = calloc(options->shards, sizeof *pulse->shards);
    pulse->seen = calloc(options->shards, sizeof *pulse->seen);
    pulse->places = calloc(options->shards, sizeof *pulse->places);
    if (pulse->shards == NULL || pulse->seen == NULL || pulse->places == NULL ||
        !keys_init(&pulse->keys, options->stream, options->shards))
        error_set(error, ERROR_FATAL, "memory", "cannot allocate the pulse");
    else if (open_lines(pulse, error))
        return pulse;
    pulse_close(pulse);
    return NULL;
}

void pulse_close(struct pulse *pulse)
{
    if (pulse == NULL)
        return;
    redis_free(pulse->redis);
    postgres_free(pulse->postgres);
    keys_close(&pulse->keys);
    free(pulse->shards);
    free(pulse->seen);
    free(pulse->places);
    pthread_mutex_destroy(&pulse->lock);
    free(pulse);
}

/* ---- Redis ------------------------------------------------------------------------------------------------------- */

static struct stream_id just_before(struct stream_id id)
{
    if (id.sequence > 0)
        return (struct stream_id){.ms = id.ms, .sequence = id.sequence - 1};
    if (id.ms > 0)
        return (struct stream_id){.ms = id.ms - 1, .sequence = INT64_MAX};
    return id;
}

/* Everything up to there was settled. */
static struct stream_id settled_end(const struct stream_position *position)
{
    struct stream_id before;

    if (!position->has_group)
        return (struct stream_id){.ms = 0};
    if (position->pending == 0)
        return position->delivered;
    before = just_before(position->first_pending);
    return stream_id_compare(before, position->delivered) < 0 ? before : position->delivered;
}

/* TIME: [seconds, microseconds]. */
static bool ask_time(struct redis *redis, int64_t *unix_ms, struct error *error)
{
    const struct slice words[] = {slice_from_text("TIME")};
    struct arena arena;
    struct reply reply;
    char text[24];

    arena_init(&arena, ANSWER_BYTES_MAX);
    bool good = redis_call(redis, REDIS_WORDS(words), &arena, &reply, error);
    if (good && reply.type == REPLY_ARRAY && reply.count == 2) {
        snprintf(text, sizeof text, "%.*s", SLICE_PRINT(reply.elements[0].text));
        *unix_ms = strtoll(text, NULL, 10) * 1000;
        snprintf(text, sizeof text, "%.*s", SLICE_PRINT(reply.elements[1].text));
        *unix_ms += strtoll(text, NULL, 10) / 1000;
    } else if (good) {
        good = error_set(error, ERROR_TRANSIENT, "protocol", "could not understand the answer to TIME");
    }
    arena_close(&arena);
    return good;
}

/* When the first entry behind the settled ones came; untouched when there is none. */
static bool ask_oldest(struct redis *redis, const char *key, struct stream_id settled, int64_t *oldest_ms,
                       struct error *error)
{
    char from[STREAM_ID_BYTES_MAX];
    struct stream_id id;
    struct arena arena;
    struct reply reply;

    stream_id_format(stream_pages_behind(settled), from);
    const struct slice words[] = {slice_from_text("XRANGE"), slice_from_text(key),     slice_from_text(from),
                                  slice_from_text("+"),      slice_from_text("COUNT"), slice_from_text("1")};
    arena_init(&arena, ANSWER_BYTES_MAX);
    bool good = redis_call(redis, REDIS_WORDS(words), &arena, &reply, error);
    if (good && reply.type == REPLY_ARRAY && reply.count == 1) {
        const struct reply *entry = &reply.elements[0];
        if (entry->type == REPLY_ARRAY && entry->count > 0 && stream_id_parse(entry->elements[0].text, &id) &&
            (int64_t)id.ms < *oldest_ms)
            *oldest_ms = (int64_t)id.ms;
    }
    arena_close(&arena);
    return good;
}

/* The place first: what is settled afterwards is only missing in it. */
static bool look_at_shard(struct pulse *pulse, unsigned shard, int64_t *oldest_ms, struct error *error)
{
    const char *key = pulse->keys.texts[shard];
    struct stream_position position = {.has_group = false};

    if (!stream_pages_position(pulse->redis, key, pulse->options.group, &position, error))
        return false;
    pulse->seen[shard] = settled_end(&position);
    if (!survey_shard(&pulse->shards[shard], pulse->redis, key, pulse->options.group, error))
        return false;
    return stream_id_compare(pulse->seen[shard], pulse->shards[shard].facts.last) >= 0 ||
           ask_oldest(pulse->redis, key, pulse->seen[shard], oldest_ms, error);
}

static bool look_at_redis(struct pulse *pulse, struct pulse_view *view, struct error *error)
{
    int64_t oldest_ms = INT64_MAX;
    int64_t now_ms = 0;

    view->length = view->lag = view->pending = 0;
    if (!redis_connect(pulse->redis, error) || !ask_time(pulse->redis, &now_ms, error))
        return false;
    for (unsigned shard = 0; shard < pulse->options.shards; shard++) {
        if (!look_at_shard(pulse, shard, &oldest_ms, error))
            return false;
        view->length += pulse->shards[shard].length;
        view->lag += pulse->shards[shard].lag;
        view->pending += pulse->shards[shard].pending;
    }
    view->oldest_s = oldest_ms >= now_ms ? 0 : (double)(now_ms - oldest_ms) / 1000;
    return true;
}

/* ---- PostgreSQL -------------------------------------------------------------------------------------------------- */

static const struct postgres_statement look_statement = {
    "monitor_look", "SELECT clock_timestamp(), has_table_privilege('taskledger.task', 'INSERT')"};

static bool look_at_postgres(struct pulse *pulse, struct pulse_view *view, struct error *error)
{
    AUTO_POSTGRES_RESULT row = NULL;
    struct slice value;

    if (!postgres_open(pulse->postgres, error) || !schema_check(pulse->postgres, error) ||
        !postgres_query(pulse->postgres, &look_statement, NULL, 0, &row, error))
        return false;
    if (postgres_rows(row) > 0 && postgres_value(row, 0, 0, &value))
        view->ahead_us = postgres_read_time_us(value) - pulse->options.clock->unix_us(pulse->options.clock->self);
    view->can_write = postgres_rows(row) > 0 && postgres_value(row, 0, 1, &value) && postgres_read_boolean(value);
    return true;
}

/* ---- the look ---------------------------------------------------------------------------------------------------- */

static void note(struct pulse_server *server, bool is_up, const struct error *error)
{
    server->was_asked = true;
    server->is_up = is_up;
    server->reason = is_up ? NULL : error->reason;
    snprintf(server->text, sizeof server->text, "%s", is_up ? "" : error->text);
}

static void forget_streams(struct pulse_view *view)
{
    view->length = view->lag = view->pending = -1;
    view->oldest_s = (double)NAN;
}

void pulse_look(struct pulse *pulse)
{
    struct pulse_view view = pulse->view; /* nobody else writes it */
    struct error error = {.kind = ERROR_NONE};
    bool has_places = pulse->redis != NULL && look_at_redis(pulse, &view, &error);

    if (!has_places)
        forget_streams(&view);
    if (pulse->redis != NULL)
        note(&view.redis, has_places, &error);
    if (pulse->until_postgres == 0 || !view.postgresql.is_up) {
        pulse->until_postgres = PULSE_POSTGRES_EVERY;
        note(&view.postgresql, look_at_postgres(pulse, &view, &error), &error);
    }
    pulse->until_postgres--;
    view.looked_us = pulse->options.clock->monotonic_us(pulse->options.clock->self);
    pulse->due_us = view.looked_us + (1 + pulse->options.shards / PULSE_SHARDS_A_LOOK) * PULSE_MS * INT64_C(1000);

    pthread_mutex_lock(&pulse->lock);
    pulse->view = view;
    pulse->has_places = has_places;
    if (has_places)
        memcpy(pulse->places, pulse->seen, pulse->options.shards * sizeof *pulse->seen);
    pthread_mutex_unlock(&pulse->lock);
}

int64_t pulse_due_us(const struct pulse *pulse)
{
    return pulse->due_us;
}

void pulse_view(struct pulse *pulse, struct pulse_view *view)
{
    pthread_mutex_lock(&pulse->lock);
    *view = pulse->view;
    pthread_mutex_unlock(&pulse->lock);
}

const char *pulse_postgresql_fault(const struct pulse_view *view)
{
    const struct pulse_server *server = &view->postgresql;

    if (server->is_up)
        return NULL;
    return server->reason != NULL && strcmp(server->reason, "not_migrated") == 0 ? "not_migrated" : "postgresql_away";
}

bool pulse_places(struct pulse *pulse, struct stream_id *places)
{
    pthread_mutex_lock(&pulse->lock);
    bool has_places = pulse->has_places;
    if (has_places)
        memcpy(places, pulse->places, pulse->options.shards * sizeof *places);
    pthread_mutex_unlock(&pulse->lock);
    return has_places;
}
