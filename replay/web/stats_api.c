#include "replay/web/stats_api.h"

#include "consumer/upkeep/stuck.h"
#include "replay/web/monitor_inside.h"
#include "replay/web/row_json.h"
#include "replay/web/stats/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { US_PER_S = 1000 * 1000 };

#define MS_PER_S 1000.0

/* What one answer is made of: too much for a stack. */
struct told {
    struct pulse_view pulse;
    struct stats_now now;
    struct feed_series series;
    bool has_series; /* the streams are read */
};

static void integer(struct json_writer *json, const char *name, int64_t value)
{
    json_writer_key(json, name);
    json_writer_integer(json, value);
}

static void fraction(struct json_writer *json, const char *name, double value)
{
    json_writer_key(json, name);
    json_writer_double(json, value);
}

static void text(struct json_writer *json, const char *name, const char *value)
{
    json_writer_key(json, name);
    json_writer_text(json, value);
}

/* A part that is not known is null. */
static bool part(struct json_writer *json, const char *name, bool is_known)
{
    json_writer_key(json, name);
    if (is_known)
        json_writer_object_begin(json);
    else
        json_writer_null(json);
    return is_known;
}

/* ---- how much came ----------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum feed_series_kind kind;
} kinds[] = {
    {"events", FEED_SERIES_EVENTS},
    {"started", FEED_SERIES_STARTED},
    {"finished", FEED_SERIES_FINISHED},
    {"failed", FEED_SERIES_FAILED},
};

static void write_rates(struct json_writer *json, const struct told *told)
{
    unsigned window = told->has_series ? feed_series_window(&told->series) : 0;

    if (!part(json, "rates", window > 0))
        return;
    integer(json, "window_s", window);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        fraction(json, kinds[i].name, feed_series_rate(&told->series, kinds[i].kind, window));
    json_writer_object_end(json);
}

static void write_values(struct json_writer *json, const struct feed_series *series, enum feed_series_kind kind)
{
    json_writer_array_begin(json);
    for (unsigned step = FEED_SERIES_STEPS; step-- > 0;) {
        double rate = (double)NAN;

        (void)feed_series_step(series, kind, step, &rate);
        json_writer_double(json, rate);
    }
    json_writer_array_end(json);
}

static void write_lag_values(struct json_writer *json, const struct told *told)
{
    int64_t last = feed_series_until_s(&told->series) / FEED_SERIES_STEP_S - 1;

    json_writer_array_begin(json);
    for (int64_t step = last - FEED_SERIES_STEPS + 1; step <= last; step++)
        json_writer_double(json, told->now.lag[step % STATS_LAG_STEPS]);
    json_writer_array_end(json);
}

static void write_series(struct json_writer *json, const struct told *told)
{
    if (!part(json, "series", told->has_series && feed_series_until_s(&told->series) >= FEED_SERIES_SECONDS))
        return;
    integer(json, "step_s", FEED_SERIES_STEP_S);
    json_writer_key(json, "until");
    row_json_time(json, feed_series_until_s(&told->series) * US_PER_S);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        json_writer_key(json, kinds[i].name);
        write_values(json, &told->series, kinds[i].kind);
    }
    json_writer_key(json, "lag");
    write_lag_values(json, told);
    json_writer_object_end(json);
}

/* ---- what Redis knows -------------------------------------------------------------------------------------------- */

static void write_lag(struct json_writer *json, const struct told *told)
{
    const struct pulse_view *pulse = &told->pulse;

    if (!part(json, "lag", pulse->redis.is_up))
        return;
    integer(json, "entries", pulse->lag);
    integer(json, "pending", pulse->pending);
    fraction(json, "oldest_s", pulse->oldest_s);
    integer(json, "length", pulse->length);
    json_writer_key(json, "bytes");
    if (told->now.has_readers && told->now.readers.bytes >= 0)
        json_writer_integer(json, told->now.readers.bytes);
    else
        json_writer_null(json);
    json_writer_object_end(json);
}

static bool is_held(const struct slot_numbers *slots, unsigned number)
{
    for (size_t i = 0; i < slots->count; i++)
        if (slots->numbers[i] == number)
            return true;
    return false;
}

/* Whose name is none of ours holds nothing that could be looked at. */
static void write_consumer(struct json_writer *json, const struct stats_now *now, const struct stats_consumer *consumer)
{
    unsigned number = slot_number(slice_from_text(consumer->name));

    json_writer_object_begin(json);
    text(json, "name", consumer->name);
    integer(json, "pending", consumer->pending);
    fraction(json, "idle_s", (double)consumer->idle_ms / MS_PER_S);
    json_writer_key(json, "held");
    if (now->has_books && now->books.has_slots && number > 0)
        json_writer_boolean(json, is_held(&now->books.slots, number));
    else
        json_writer_null(json);
    json_writer_object_end(json);
}

static void write_consumers(struct json_writer *json, const struct stats_now *now)
{
    json_writer_key(json, "consumers");
    if (!now->has_readers) {
        json_writer_null(json);
        return;
    }
    json_writer_array_begin(json);
    for (size_t i = 0; i < now->readers.count; i++)
        write_consumer(json, now, &now->readers.consumers[i]);
    json_writer_array_end(json);
}

/* ---- what PostgreSQL knows --------------------------------------------------------------------------------------- */

static void write_tasks(struct json_writer *json, const struct stats_now *now)
{
    json_writer_key(json, "counted_at");
    if (now->has_tasks)
        row_json_time(json, now->tasks.counted_us);
    else
        json_writer_null(json);
    if (!part(json, "tasks", now->has_tasks))
        return;
    for (enum status status = STATUS_PENDING; status <= STATUS_CANCELLED; status++)
        integer(json, status_name(status), now->tasks.by_status[status]);
    json_writer_object_end(json);
}

static void write_stuck(struct json_writer *json, const struct stats_now *now)
{
    if (!part(json, "stuck", now->has_tasks))
        return;
    integer(json, "count", now->tasks.stuck);
    integer(json, "older_s", STUCK_AFTER_S);
    json_writer_object_end(json);
}

static void write_open_of(struct json_writer *json, const char *name, bool is_known, int64_t open, int64_t total)
{
    if (!part(json, name, is_known))
        return;
    integer(json, "open", open);
    integer(json, "total", total);
    json_writer_object_end(json);
}

static void write_books(struct json_writer *json, const struct stats_now *now)
{
    const struct stats_books *books = &now->books;

    if (part(json, "producers", now->has_books)) {
        integer(json, "open", books->producers_open);
        integer(json, "closed", books->producers_closed);
        integer(json, "silent", books->producers_silent);
        json_writer_object_end(json);
    }
    write_open_of(json, "losses", now->has_books, books->losses_open, books->losses);
    write_open_of(json, "rejected", now->has_books, books->rejected_open, books->rejected);
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

static void write_server(struct json_writer *json, const char *name, bool is_known, const char *reason)
{
    if (!part(json, name, is_known))
        return;
    json_writer_key(json, "up");
    json_writer_boolean(json, reason == NULL);
    text(json, "message", reason);
    json_writer_object_end(json);
}

/* The pulse's word, or that of who asked for the books, if that one had to go away without them. */
static void write_servers(struct json_writer *json, const struct told *told)
{
    const struct pulse_server *postgresql = &told->pulse.postgresql;
    const char *books_reason = told->now.books_reason;

    part(json, "servers", true);
    write_server(json, "redis", told->pulse.redis.was_asked, told->pulse.redis.reason);
    write_server(json, "postgresql", postgresql->was_asked || books_reason != NULL,
                 postgresql->reason == NULL ? books_reason : postgresql->reason);
    json_writer_object_end(json);
}

static void write_all(struct json_writer *json, const struct monitor *monitor, const struct told *told)
{
    json_writer_key(json, "now");
    row_json_time(json, monitor->clock->unix_us(monitor->clock->self) + told->pulse.ahead_us);
    text(json, "version", TASKLEDGER_VERSION);
    text(json, "group", monitor->settings->group);
    integer(json, "shards", monitor->settings->shards);
    write_tasks(json, &told->now);
    write_rates(json, told);
    write_series(json, told);
    write_lag(json, told);
    write_consumers(json, &told->now);
    write_books(json, &told->now);
    write_stuck(json, &told->now);
    write_servers(json, told);
}

bool stats_api_tell(const struct question *question, struct desk *desk, struct json_writer *json, struct error *error)
{
    struct monitor *monitor = question->monitor;
    struct told *told = calloc(1, sizeof *told);

    (void)desk;
    if (told == NULL)
        return error_set(error, ERROR_TRANSIENT, "memory", "could not tell the numbers: out of memory");
    stats_ask(monitor->stats, STATS_API_PATIENCE_MS, &told->now);
    pulse_view(monitor->pulse, &told->pulse);
    if (monitor->hub != NULL)
        feed_hub_series(monitor->hub, &told->series, &told->has_series);
    write_all(json, monitor, told);
    free(told);
    return true;
}
