#include "consumer/daemon/daemon.h"

#include "proto/exit_code.h"
#include "proto/redis_url.h"
#include "proto/stream.h"

#include <string.h>
#include <unistd.h>

#define PROGRAM "taskledger-consumer"

enum { DISABLED_TURN_US = 500000 };

/* ---- what the pump calls ----------------------------------------------------------------------------------------- */

/* A session that is lost while a batch is applied takes our name with it. */
static bool read_ahead(void *self)
{
    struct daemon *daemon = self;

    return slot_is_held(&daemon->slot) && group_read_ahead(daemon->group);
}

static size_t descriptors_ahead(void *self, int *descriptors, size_t max)
{
    const struct daemon *daemon = self;

    return slot_is_held(&daemon->slot) ? group_descriptors_ahead(daemon->group, descriptors, max) : 0;
}

/* Whose failure it was is known here, and nowhere else. A batch that is applied in parts may take long, but each part
 * shows that the loop turns. */
static bool noting_apply(void *self, const struct batch *batch, struct error *error)
{
    static const struct postgres_meanwhile nobody = {.work = NULL};
    struct daemon *daemon = self;

    postgres_set_meanwhile(daemon->postgres, (struct postgres_meanwhile){read_ahead, descriptors_ahead, daemon});
    bool good = daemon->sink.apply(daemon->sink.self, batch, error);
    postgres_set_meanwhile(daemon->postgres, nobody);

    daemon->sink_failed = !good;
    http_tick(daemon->http);
    manager_tick(&daemon->manager);
    return good;
}

static bool noting_condemn(void *self, const struct entry *entry, const struct error *why, struct error *error)
{
    struct daemon *daemon = self;
    bool good = daemon->sink.condemn(daemon->sink.self, entry, why, error);

    daemon->sink_failed = !good;
    return good;
}

static void on_change(void *self, const struct error *error)
{
    struct daemon *daemon = self;

    daemon->turn_failed = error != NULL;
    if (error != NULL)
        daemon_note_failure(daemon, error);
}

static void keep_house(struct daemon *daemon)
{
    struct error error = {.kind = ERROR_NONE};
    bool good = housekeeping_turn(&daemon->housekeeping, &error);

    daemon_tell_housekeeping(daemon, good ? NULL : &error);
    group_set_wait_ms(daemon->group, housekeeping_wait_ms(&daemon->housekeeping));
}

/* Ready for who waits for the service, also while a server is away: that is waited for here, and what can never work has
 * ended before. */
static void tell_manager(struct daemon *daemon)
{
    manager_ready(&daemon->manager);
    if (*daemon->stop)
        manager_stopping(&daemon->manager);
    manager_tick(&daemon->manager);
}

/* Who is about to leave takes nothing over. */
static void on_turn(void *self)
{
    struct daemon *daemon = self;

    if (!daemon->turn_failed)
        daemon_note_success(daemon);
    http_tick(daemon->http);
    if (!*daemon->stop) {
        daemon_probe(daemon);
        keep_house(daemon);
    }
    daemon->sink_failed = false;
    daemon_tell_changes(daemon);
    daemon_publish(daemon);
    tell_manager(daemon);
}

/* ---- putting together -------------------------------------------------------------------------------------------- */

struct postgres *daemon_open_ledger(const struct configuration *configuration, struct error *error)
{
    const struct postgres_options options = {
        .url = configuration->database_url,
        .application_name = configuration->worker == NULL ? PROGRAM : configuration->worker,
    };

    return postgres_new(&options, error);
}

struct redis_options daemon_redis_options(const struct configuration *configuration)
{
    return (struct redis_options){
        .url = configuration->redis_url,
        .ca_file = configuration->redis_ca_file,
        .certificate_file = configuration->redis_certificate_file,
        .key_file = configuration->redis_key_file,
        .client_name = PROGRAM,
    };
}

/* What is no URL is told when a line is made of it. */
static bool is_cluster(const struct configuration *configuration)
{
    struct error ignored;
    struct redis_url url;
    bool is = redis_url_parse(configuration->redis_url, &url, &ignored) && url.seed_count > 0;

    explicit_bzero(&url, sizeof url); /* the password */
    return is;
}

static bool make_source(struct daemon *daemon, struct error *error)
{
    const struct configuration *configuration = daemon->configuration;

    slot_init(&daemon->slot, daemon->postgres, configuration->group);
    daemon->gate = (struct gate){
        .postgres = daemon->postgres,
        .slot = &daemon->slot,
        .clock = daemon->clock,
        .migrates = !configuration->no_migrate,
        .roles = !configuration->no_roles,
    };
    struct group_options options = {
        .redis = daemon_redis_options(configuration),
        .stream = configuration->stream,
        .shards = (unsigned)configuration->shards,
        .line_per_shard = is_cluster(configuration),
        .group = configuration->group,
        .batch_entries = (size_t)configuration->batch_max,
        .slot = gate_slot(&daemon->gate),
    };

    options.redis.wake_descriptor = daemon->stop_descriptor;
    daemon->group = group_new(&options, error);
    return daemon->group != NULL;
}

static struct redis *free_line(void *self)
{
    struct daemon *daemon = self;

    return housekeeping_line(&daemon->housekeeping);
}

static bool make_sink(struct daemon *daemon, struct error *error)
{
    const struct configuration *configuration = daemon->configuration;
    const struct apply_options options = {
        .stream = configuration->stream, .shards = (unsigned)configuration->shards, .clock = daemon->clock};

    daemon->apply = apply_new(daemon->postgres, &options, error);
    if (daemon->apply == NULL)
        return false;

    const struct suspects_options suspects = {
        .apply = daemon->apply,
        .postgres = daemon->postgres,
        .source = daemon->group,
        .group_name = configuration->group,
        .stream = configuration->stream,
        .shards = (unsigned)configuration->shards,
        .line = free_line,
        .self = daemon,
    };
    daemon->suspects = suspects_new(&suspects, error);
    if (daemon->suspects == NULL)
        return false;
    daemon->sink = suspects_sink(daemon->suspects);
    return true;
}

static bool make_housekeeping(struct daemon *daemon, struct error *error)
{
    const struct configuration *configuration = daemon->configuration;
    const struct housekeeping_options options = {
        .redis = daemon_redis_options(configuration),
        .group_name = configuration->group,
        .shards = (unsigned)configuration->shards,
        .claim_idle_ms = configuration->claim_idle_ms,
        .loss_grace_ms = configuration->loss_grace_ms,
        .sink = apply_sink(daemon->apply),
        .stream = configuration->stream,
        .version = TASKLEDGER_VERSION,
        .tells_watermark = strcmp(configuration->group, STREAM_GROUP_DEFAULT) == 0,
        .upkeep =
            {
                .group = configuration->group,
                .stream = configuration->stream,
                .shards = (unsigned)configuration->shards,
                .trims = !configuration->no_trim,
                .retain_ms = configuration->retain_ms,
                .retain_bytes = configuration->retain_bytes,
            },
    };

    daemon->housekeeping = (struct housekeeping){
        .group = daemon->group,
        .slot = &daemon->slot,
        .postgres = daemon->postgres,
        .clock = daemon->clock,
    };
    return housekeeping_init(&daemon->housekeeping, &options, error);
}

static void make_pump(struct daemon *daemon)
{
    uint64_t seed = (uint64_t)daemon->clock->monotonic_us(daemon->clock->self) ^ ((uint64_t)getpid() << 32);

    daemon->pump = (struct pump){
        .source = group_source(daemon->group),
        .sink = {.apply = noting_apply, .condemn = noting_condemn, .self = daemon},
        .clock = daemon->clock,
        .on_change = on_change,
        .on_turn = on_turn,
        .observer = daemon,
    };
    backoff_init(&daemon->pump.backoff, DAEMON_BACKOFF_BASE_MS, DAEMON_BACKOFF_CAP_MS, seed);
}

static bool assemble(struct daemon *daemon, struct error *error)
{
    daemon->postgres = daemon_open_ledger(daemon->configuration, error);
    if (daemon->postgres == NULL || !make_source(daemon, error) || !make_sink(daemon, error) ||
        !make_housekeeping(daemon, error))
        return false;
    make_pump(daemon);
    group_set_wait_ms(daemon->group,
                      0); /* the first turn must not wait: dead consumers' entries are claimed after it */
    return true;
}

static void take_apart(struct daemon *daemon)
{
    housekeeping_close(&daemon->housekeeping);
    group_free(daemon->group);
    suspects_free(daemon->suspects);
    apply_free(daemon->apply);
    postgres_free(daemon->postgres);
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

static bool pump_events(struct daemon *daemon, struct error *error)
{
    bool good = assemble(daemon, error);

    if (good) {
        daemon_publish(daemon);
        manager_tick(&daemon->manager);
        good = pump_run(&daemon->pump, daemon->stop, error);
        housekeeping_finish(&daemon->housekeeping);
    }
    if (!good)
        daemon_tell_fatal(daemon, error);
    if (good || daemon->has_turned)
        daemon_tell_stopped(daemon);
    take_apart(daemon);
    return good;
}

/* Switched off: alive, ready, and idle. A deployment that waits for it to be ready goes on. */
static void do_nothing(struct daemon *daemon)
{
    log_write(&daemon->log, LOG_LEVEL_WARNING, "disabled", LOG_FIELDS(log_text("by", "TASKLEDGER_ENABLED=0")));
    daemon_publish_disabled(daemon);
    while (!*daemon->stop) {
        http_tick(daemon->http);
        tell_manager(daemon);
        daemon->clock->sleep_us(daemon->clock->self, DISABLED_TURN_US);
    }
    log_write(&daemon->log, LOG_LEVEL_INFO, "stopped", LOG_NO_FIELDS);
}

static bool serve(struct daemon *daemon, struct error *error)
{
    bool good = true;

    daemon->http = http_open(daemon->configuration->listen, DAEMON_LIVE_MS, daemon->clock, error);
    if (daemon->http == NULL) {
        daemon_tell_fatal(daemon, error);
        return false;
    }

    log_write(&daemon->log, LOG_LEVEL_INFO, "listening", LOG_FIELDS(log_text("address", http_address(daemon->http))));
    if (daemon->configuration->enabled)
        good = pump_events(daemon, error);
    else
        do_nothing(daemon);
    http_close(daemon->http);
    return good;
}

/* Without it everything works, but nobody knows: what waits for the service waits in vain. */
static void open_manager(struct daemon *daemon, const struct manager_terms *terms)
{
    struct error error = {.kind = ERROR_NONE};

    if (!manager_open(&daemon->manager, terms, daemon->clock, &error))
        log_write(&daemon->log, LOG_LEVEL_WARNING, "manager_not_told", LOG_FIELDS(log_text("detail", error.text)));
}

struct log daemon_log(const struct configuration *configuration)
{
    return (struct log){
        .descriptor = STDERR_FILENO,
        .level = log_level_parse(configuration->log_level),
        .format = log_format_parse(configuration->log_format, STDERR_FILENO),
        .clock = clock_system(),
    };
}

int daemon_run(const struct configuration *configuration, const struct daemon_stop *stop,
               const struct manager_terms *manager)
{
    const struct clock *clock = clock_system();
    struct error error = {.kind = ERROR_NONE};
    struct daemon daemon = {
        .configuration = configuration,
        .clock = clock,
        .stop = stop->flag,
        .stop_descriptor = stop->descriptor,
        .log = daemon_log(configuration),
        .start_us = clock->unix_us(clock->self),
    };

    daemon.redis_outage = (struct outage){.server = OUTAGE_REDIS, .log = &daemon.log, .clock = clock};
    daemon.postgresql_outage = (struct outage){.server = OUTAGE_POSTGRESQL, .log = &daemon.log, .clock = clock};
    open_manager(&daemon, manager);
    bool good = serve(&daemon, &error);
    manager_close(&daemon.manager);
    return good ? EXIT_OK : (int)exit_code_of(&error);
}
