#include "producer/emit/bridge/bridge.h"

#include "producer/emit/bridge/batch.h"
#include "producer/emit/bridge/legacy_time.h"
#include "producer/emit/bridge/news.h"
#include "producer/emit/bridge/old_list.h"
#include "producer/emit/console.h"
#include "producer/emit/delivery.h"
#include "producer/emit/stop.h"
#include "proto/backoff.h"
#include "proto/clock.h"
#include "proto/exit_code.h"
#include "proto/stream_options.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

enum {
    BACKOFF_BASE_MS = 50,
    BACKOFF_CAP_MS = 2000,
    DRAIN_WHEN_STOPPED_MS = 2000,
    SHIFT_BYTES_MAX = 64 * 1024, /* an answer without items */
};

struct bridge {
    struct configuration configuration;
    struct taskledger_producer *producer;
    struct old_list list;
    struct legacy_rules rules;
    struct batch batch;
    struct news news;
    struct backoff backoff;
    int64_t give_up_us; /* with --once: when nothing has gone on until then */
    int stop_fd;
    size_t unsettled; /* items whose settling failed the last time: some of them come again */
    bool gave_up;
    bool is_drained; /* the last time it was looked there was nothing to take, and nothing unsettled */
};

static void note_progress(struct bridge *bridge)
{
    bridge->give_up_us = clock_deadline_us(clock_system(), bridge->configuration.timeout_ms);
}

/* ---- one turn ---------------------------------------------------------------------------------------------------- */

/* Whoever reads the list that is forwarded to does not wait for the stream. */
static bool shift(struct bridge *bridge, struct error *error)
{
    struct old_list_items none;
    struct arena arena;

    if (bridge->list.forward == NULL)
        return true;
    arena_init(&arena, SHIFT_BYTES_MAX);
    bool shifted = old_list_take(&bridge->list, 0, &arena, &none, error);
    arena_close(&arena);
    return shifted;
}

static bool take(struct bridge *bridge, struct error *error)
{
    struct batch *batch = &bridge->batch;

    if (batch->count > 0)
        return shift(bridge, error);
    if (!batch_take(batch, &bridge->list, error))
        return false;
    news_too_long(&bridge->news, batch->items.rejected);
    bridge->is_drained = batch->items.count == 0 && batch->items.unsettled == 0 && batch->items.left == 0;
    return batch_emit(batch, bridge->producer, &bridge->rules, error);
}

static bool settle(struct bridge *bridge, struct error *error)
{
    struct news_batch told = {
        .emitted = bridge->batch.count - bridge->batch.rejected,
        .rejected = bridge->batch.rejected,
        .undated = bridge->batch.undated,
        .latest_us = bridge->batch.latest_us,
        .reason = bridge->batch.reason.text,
    };

    bridge->unsettled = bridge->batch.items.count;
    if (!batch_settle(&bridge->batch, &bridge->list, error))
        return false;
    bridge->unsettled = 0;
    news_settled(&bridge->news, &told);
    note_progress(bridge);
    return true;
}

/* Take, emit, and settle what is safe. */
static bool turn(struct bridge *bridge, struct error *error)
{
    if (!take(bridge, error))
        return false;
    if (bridge->batch.count == 0 && bridge->is_drained)
        return bridge->configuration.once || old_list_wait(&bridge->list, error);

    switch (batch_wait(&bridge->batch, bridge->producer, DELIVERY_STEP_MS)) {
    case BATCH_SAFE:
        return settle(bridge, error);
    case BATCH_LOST:
        batch_forget(&bridge->batch);
        return true;
    case BATCH_OPEN:
        news_open(&bridge->news, bridge->producer);
        return true;
    }
    return true;
}

/* ---- turn after turn --------------------------------------------------------------------------------------------- */

/* False: only an operator can help. */
static bool recover(struct bridge *bridge, const struct error *error)
{
    struct pollfd stop = {.fd = bridge->stop_fd, .events = POLLIN};

    if (error->kind == ERROR_FATAL)
        return false;
    news_away(&bridge->news, error);
    poll(&stop, 1, (int)(backoff_next_us(&bridge->backoff) / 1000) + 1);
    return true;
}

/* With --once nobody wants to wait for ever. */
static bool gives_up(struct bridge *bridge)
{
    struct taskledger_counters counters = TASKLEDGER_COUNTERS_INIT;

    if (!bridge->configuration.once)
        return false;
    taskledger_counters(bridge->producer, &counters);
    bridge->gave_up = counters.refused_for_good != 0 || clock_left_ms(clock_system(), bridge->give_up_us) == 0;
    return bridge->gave_up;
}

static enum exit_code go_on(struct bridge *bridge)
{
    struct error error = {.kind = ERROR_NONE};

    note_progress(bridge);
    while (!stop_is_wanted(bridge->stop_fd)) {
        if (turn(bridge, &error)) {
            news_turn(&bridge->news);
            backoff_reset(&bridge->backoff);
            if (bridge->configuration.once && bridge->is_drained)
                return EXIT_OK;
        } else if (!stop_is_wanted(bridge->stop_fd) && !recover(bridge, &error)) {
            console_complain("bridge", &error);
            return exit_code_of(&error);
        }
        if (gives_up(bridge))
            return EXIT_UNREACHABLE;
    }
    return EXIT_OK;
}

/* `*moved` are how many were passed on; 0: there are none. */
static bool pass(struct bridge *bridge, uint64_t *moved, struct error *error)
{
    struct pollfd stop = {.fd = bridge->stop_fd, .events = POLLIN};

    *moved = 0;
    if (bridge->list.forward != NULL)
        return old_list_pass(&bridge->list, moved, error) &&
               (*moved > 0 || bridge->configuration.once || old_list_wait(&bridge->list, error));
    poll(&stop, 1, OLD_LIST_WAIT_MS);
    return true;
}

/* Nothing is emitted: what others wait for goes on all the same. */
static enum exit_code pass_on(struct bridge *bridge)
{
    struct error error = {.kind = ERROR_NONE};
    uint64_t moved;

    note_progress(bridge);
    while (!stop_is_wanted(bridge->stop_fd)) {
        if (pass(bridge, &moved, &error)) {
            news_turn(&bridge->news);
            note_progress(bridge);
            backoff_reset(&bridge->backoff);
            if (bridge->configuration.once && moved == 0)
                return EXIT_OK;
        } else if (!stop_is_wanted(bridge->stop_fd) && !recover(bridge, &error)) {
            console_complain("bridge", &error);
            return exit_code_of(&error);
        }
        if (gives_up(bridge)) {
            news_given_up(&bridge->news, bridge->producer);
            return EXIT_UNREACHABLE;
        }
    }
    return EXIT_OK;
}

/* ---- the ends ---------------------------------------------------------------------------------------------------- */

/* What is emitted gets a last chance to become safe; what does not stays in the list of our own. */
static enum exit_code finish(struct bridge *bridge, enum exit_code code)
{
    struct batch *batch = &bridge->batch;
    struct error error = {.kind = ERROR_NONE};
    struct taskledger_counters counters = TASKLEDGER_COUNTERS_INIT;

    if (batch->count > 0 && batch_wait(batch, bridge->producer, DRAIN_WHEN_STOPPED_MS) == BATCH_SAFE)
        (void)settle(bridge, &error);
    taskledger_counters(bridge->producer, &counters);
    if (bridge->gave_up)
        news_given_up(&bridge->news, bridge->producer);
    news_end(&bridge->news, batch->items.count > 0 ? batch->items.count : bridge->unsettled);
    if (bridge->gave_up && counters.refused_for_good != 0)
        return delivery_exit_code(&counters);
    return code == EXIT_OK && bridge->configuration.once && news_has_findings(&bridge->news) ? EXIT_FINDINGS : code;
}

static const char *given(const char *first, const char *second)
{
    return first != NULL ? first : second != NULL ? second : STREAM_OPTIONS_REDIS_URL;
}

static bool open_list(struct bridge *bridge, struct error *error)
{
    const struct configuration *configuration = &bridge->configuration;
    const struct old_list_options options = {
        .redis =
            {
                .url = given(configuration->bridge_url, configuration->redis_url),
                .ca_file = configuration->redis_ca_file,
                .certificate_file = configuration->redis_certificate_file,
                .key_file = configuration->redis_key_file,
                .client_name = "taskledger-bridge",
                .wake_descriptor = bridge->stop_fd,
            },
        .list = configuration->list,
        .instance = configuration->instance,
        .forward = configuration->forward,
        .takes_left = strcmp(configuration->take_from, "left") == 0,
    };

    return old_list_open(&bridge->list, &options, error);
}

static bool check(const struct bridge *bridge, int count, struct error *error)
{
    const struct configuration *configuration = &bridge->configuration;

    if (count != 0)
        return error_set(error, ERROR_FATAL, "usage", "expected no words, found %d", count);
    if (configuration->list == NULL || configuration->list[0] == '\0')
        return error_set(error, ERROR_FATAL, "usage", "--list is missing: the list that the workers push to");
    if (!legacy_time_is_zone(configuration->zone))
        return error_set(error, ERROR_FATAL, "usage", "--zone: expected Z, +01:00 or the like, found \"%s\"",
                         configuration->zone);
    return true;
}

static bool open_all(struct bridge *bridge, int count, struct error *error)
{
    struct configuration *configuration = &bridge->configuration;

    /* What Redis does not take stays in the list: it needs no second place, that may be gone with the container. */
    if (strcmp(configuration->spool, "always") != 0)
        configuration->spool = "off";
    bridge->rules.zone = configuration->zone;
    return check(bridge, count, error) &&
           legacy_status_read(&bridge->rules.statuses, configuration->status_map, error) &&
           stop_open(&bridge->stop_fd, error) && open_list(bridge, error) &&
           delivery_open(configuration, &bridge->producer, error);
}

int bridge_execute(const struct configuration *configuration, int count, char **words)
{
    static struct bridge bridge;
    struct error error = {.kind = ERROR_NONE};
    int code = EXIT_USAGE;

    (void)words;
    bridge = (struct bridge){.configuration = *configuration, .stop_fd = -1};
    backoff_init(&bridge.backoff, BACKOFF_BASE_MS, BACKOFF_CAP_MS,
                 (uint64_t)clock_system()->unix_us(clock_system()->self) ^ (uint64_t)getpid());
    if (!open_all(&bridge, count, &error)) {
        console_complain("bridge", &error);
    } else {
        news_init(&bridge.news, &bridge.configuration, &bridge.list);
        code = (int)(configuration->enabled ? finish(&bridge, go_on(&bridge)) : pass_on(&bridge));
    }
    taskledger_close(bridge.producer, DELIVERY_GOODBYE_MS);
    batch_close(&bridge.batch);
    old_list_close(&bridge.list);
    if (bridge.stop_fd >= 0)
        close(bridge.stop_fd);
    return code;
}
