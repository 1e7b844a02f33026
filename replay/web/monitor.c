#include "replay/web/monitor_inside.h"

#include "replay/web/desk.h"
#include "replay/web/feed/feed_id.h"
#include "replay/web/reply.h"
#include "replay/web/sign_in.h"

#include <math.h>
#include <stdlib.h>
#include <sys/random.h>

/* The two of a place: in the header, and percent-encoded in the query, where each comma takes three bytes. */
enum { TIMEOUT_S = 20, CONNECTION_BYTES = 8 * 1024, PLACES_A_HEAD = 2, BODY_BYTES = 4 * 1024 };

/* Of all that was answered and is not taken: some of the largest, or thousands of small ones. */
enum { ANSWER_BYTES = 64 * 1024 * 1024 };

/* Room is left for those who ask: a full house of streams must not keep the page from being loaded. */
enum { OTHERS_SHARE = 8, REQUESTS_BURST_S = 4 };

/* ---- the servers behind us --------------------------------------------------------------------------------------- */

static struct redis_options redis_options(const struct monitor_settings *settings, int timeout_ms)
{
    return (struct redis_options){
        .url = settings->redis_url,
        .ca_file = settings->redis_ca_file,
        .certificate_file = settings->redis_certificate_file,
        .key_file = settings->redis_key_file,
        .client_name = "taskledger-monitor",
        .request_timeout_ms = timeout_ms,
    };
}

struct postgres_options monitor_postgres_options(const struct monitor *monitor, int timeout_ms)
{
    return (struct postgres_options){
        .url = monitor->settings->database_url,
        .application_name = "taskledger-monitor",
        .connect_timeout_ms = timeout_ms,
        .statement_timeout_ms = timeout_ms,
        .read_only = true,
        .clock = monitor->clock,
    };
}

static bool open_pulse(struct monitor *monitor, struct error *error)
{
    const struct pulse_options options = {
        .stream = monitor->settings->stream,
        .shards = (unsigned)monitor->settings->shards,
        .group = monitor->settings->group,
        .redis = redis_options(monitor->settings, PULSE_TIMEOUT_MS),
        .postgres = monitor_postgres_options(monitor, PULSE_TIMEOUT_MS),
        .clock = monitor->clock,
    };

    monitor->pulse = pulse_open(&options, error);
    return monitor->pulse != NULL;
}

static bool open_hub(struct monitor *monitor, struct error *error)
{
    int connections = (int)monitor->settings->connections;
    const struct feed_hub_options options = {
        .stream = monitor->settings->stream,
        .shards = (unsigned)monitor->settings->shards,
        .redis = redis_options(monitor->settings, 0),
        .postgres = monitor_postgres_options(monitor, (int)monitor->settings->query_ms),
        .guests_max = connections - connections / OTHERS_SHARE - 1,
        .clock = monitor->clock,
    };

    if (monitor->settings->redis_url == NULL)
        return true;
    monitor->streams_max = options.guests_max;
    monitor->hub = feed_hub_open(&options, error);
    return monitor->hub != NULL;
}

static bool open_stats(struct monitor *monitor, struct error *error)
{
    const struct stats_options options = {
        .stream = monitor->settings->stream,
        .shards = (unsigned)monitor->settings->shards,
        .group = monitor->settings->group,
        .redis = redis_options(monitor->settings, 0),
        .postgres = monitor_postgres_options(monitor, (int)monitor->settings->query_ms),
        .clock = monitor->clock,
    };

    monitor->stats = stats_open(&options, error);
    return monitor->stats != NULL;
}

/* ---- open and close ---------------------------------------------------------------------------------------------- */

static bool open_limiters(struct monitor *monitor, struct error *error)
{
    int64_t each = monitor->settings->requests_each;
    struct limiter_options requests = {.every_us = each == 0 ? 0 : 1000000 / each, .burst = REQUESTS_BURST_S * each};
    struct limiter_options sign_ins = {.every_us = SIGN_IN_EVERY_S * INT64_C(1000000), .burst = SIGN_IN_BURST};
    uint64_t key = 0;

    if (getrandom(&key, sizeof key, 0) != sizeof key)
        return error_set_errno(error, ERROR_FATAL, "random", "cannot get random numbers");
    requests.key = sign_ins.key = key;
    monitor->requests = limiter_new(&requests);
    monitor->sign_ins = limiter_new(&sign_ins);
    return (monitor->requests != NULL && monitor->sign_ins != NULL) ||
           error_set(error, ERROR_FATAL, "memory", "cannot allocate the monitor");
}

static bool open_workers(struct monitor *monitor, struct error *error)
{
    const struct workers_options options = {
        .count = (size_t)monitor->settings->sessions,
        .patience_ms = monitor->settings->query_ms,
        .clock = monitor->clock,
        .new_desk = desk_new,
        .free_desk = desk_free,
        .self = monitor,
    };

    monitor->workers = workers_open(&options, error);
    return monitor->workers != NULL;
}

static void note_answer(void *self, unsigned status, int64_t after_us)
{
    struct monitor *monitor = self;

    counts_answer(&monitor->counts, status, after_us);
}

static bool open_server(struct monitor *monitor, struct error *error)
{
    const struct server_options options = {
        .listen = monitor->settings->listen,
        .connections = (int)monitor->settings->connections,
        .connections_each = (int)monitor->settings->connections_each,
        .timeout_s = TIMEOUT_S,
        .memory_bytes = CONNECTION_BYTES + PLACES_A_HEAD * feed_id_bytes_max((unsigned)monitor->settings->shards),
        .body_bytes = BODY_BYTES,
        .answer_bytes = ANSWER_BYTES,
        .instead = &reply_instead,
        .serve = monitor_serve,
        .answered = note_answer,
        .self = monitor,
    };

    monitor->server = server_open(&options, error);
    return monitor->server != NULL;
}

/* The server is the last: from then on there are questions. */
static bool open_parts(struct monitor *monitor, struct error *error)
{
    return open_limiters(monitor, error) && open_pulse(monitor, error) && open_hub(monitor, error) &&
           open_stats(monitor, error) && open_workers(monitor, error) && open_server(monitor, error);
}

struct monitor *monitor_open(const struct monitor_settings *settings, const struct clock *clock, struct error *error)
{
    const struct access_rules rules = {
        .token = settings->token, .proxy_header = settings->proxy_header, .hosts = settings->hosts};

    if (!access_check(&rules, settings->listen, error))
        return NULL;

    struct monitor *monitor = calloc(1, sizeof *monitor);
    if (monitor == NULL) {
        error_set(error, ERROR_FATAL, "memory", "cannot allocate the monitor");
        return NULL;
    }
    monitor->settings = settings;
    monitor->clock = clock;
    monitor->rules = rules;
    monitor->started_us = clock->unix_us(clock->self);
    counts_init(&monitor->counts);
    if (open_parts(monitor, error))
        return monitor;
    monitor_close(monitor);
    return NULL;
}

/* Streams end, and exchanges that workers have are answered, before the server is closed; from then on workers take
 * nothing, and what is still asked is refused. The feed is the last: connections are its guests until they are closed. */
void monitor_close(struct monitor *monitor)
{
    if (monitor == NULL)
        return;
    if (monitor->hub != NULL)
        feed_hub_finish(monitor->hub);
    if (monitor->workers != NULL)
        workers_stop(monitor->workers);
    server_close(monitor->server);
    workers_close(monitor->workers);
    feed_hub_close(monitor->hub);
    stats_close(monitor->stats);
    pulse_close(monitor->pulse);
    limiter_free(monitor->requests);
    limiter_free(monitor->sign_ins);
    counts_close(&monitor->counts);
    free(monitor);
}

const char *monitor_address(const struct monitor *monitor)
{
    return server_address(monitor->server);
}

/* ---- the program's own thread ------------------------------------------------------------------------------------ */

void monitor_look(struct monitor *monitor, struct pulse_view *view)
{
    pulse_look(monitor->pulse);
    pulse_view(monitor->pulse, view);
    if (monitor->hub != NULL)
        feed_hub_tell(monitor->hub, view->ahead_us, view->oldest_s);
    stats_note_lag(monitor->stats, view->lag < 0 ? (double)NAN : (double)view->lag);
}

int64_t monitor_due_us(const struct monitor *monitor)
{
    return pulse_due_us(monitor->pulse);
}
