#include "producer/settings.h"

#include "producer/confirm.h"
#include "producer/queue.h"
#include "producer/spool/spool.h"
#include "proto/redis_url.h"
#include "proto/stream.h"
#include "proto/utf8.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    QUEUE_EVENTS = 10000,
    QUEUE_BYTES = 8 * 1024 * 1024,
    CONNECT_TIMEOUT_MS = 1000,
    REQUEST_TIMEOUT_MS = 2000,
    BACKOFF_BASE_MS = 100,
    BACKOFF_CAP_MS = 10000,
    SPOOL_SYNC_MS = 1000,
};

#define REDIS_URL "redis://127.0.0.1:6379/0"

/* One number of the options: what it is called, what it is, what it may be. 0 stands for the default. */
struct number {
    const char *name;
    int64_t given;
    int64_t fallback;
    int64_t minimum;
    int64_t maximum;
};

static bool check_number(const struct number *number, int64_t *value, struct error *error)
{
    if (number->given == 0) {
        *value = number->fallback;
        return true;
    }
    if (number->given < number->minimum || number->given > number->maximum)
        return error_set(error, ERROR_FATAL, "config",
                         "%s: expected 0 for the default, or %" PRId64 " to %" PRId64 ", found %" PRId64, number->name,
                         number->minimum, number->maximum, number->given);
    *value = number->given;
    return true;
}

static int64_t as_number(uint64_t bytes)
{
    return bytes > INT64_MAX ? INT64_MAX : (int64_t)bytes;
}

/* As many as a number of milliseconds may be given as int32_t; what the queue may be is what the address space is. */
static bool take_numbers(struct settings *settings, const struct taskledger_options *options, struct error *error)
{
    enum { SHARDS, EVENTS, BYTES, CONNECT, REQUEST, BASE, CAP, SPOOL, SPOOL_BYTES, SYNC, CONFIRM, REPORTS, NUMBERS };
    const struct number numbers[NUMBERS] = {
        [SHARDS] = {"shards", options->shards, 1, 1, STREAM_SHARDS_MAX},
        [EVENTS] = {"queue_events", options->queue_events, QUEUE_EVENTS, QUEUE_EVENTS_MIN, UINT32_MAX},
        [BYTES] = {"queue_bytes", as_number(options->queue_bytes), QUEUE_BYTES, QUEUE_BYTES_MIN, INT64_MAX - 1},
        [CONNECT] = {"connect_timeout_ms", options->connect_timeout_ms, CONNECT_TIMEOUT_MS, 1, INT32_MAX},
        [REQUEST] = {"request_timeout_ms", options->request_timeout_ms, REQUEST_TIMEOUT_MS, 1, INT32_MAX},
        [BASE] = {"backoff_base_ms", options->backoff_base_ms, BACKOFF_BASE_MS, 1, INT32_MAX},
        [CAP] = {"backoff_cap_ms", options->backoff_cap_ms, BACKOFF_CAP_MS, 1, INT32_MAX},
        [SPOOL] = {"spool", options->spool, TASKLEDGER_SPOOL_OVERFLOW, TASKLEDGER_SPOOL_OFF, TASKLEDGER_SPOOL_ALWAYS},
        [SPOOL_BYTES] = {"spool_bytes", as_number(options->spool_bytes), SPOOL_BYTES_DEFAULT, SPOOL_BYTES_MIN,
                         INT64_MAX - 1},
        [SYNC] = {"spool_sync_ms", options->spool_sync_ms, SPOOL_SYNC_MS, INT32_MIN, INT32_MAX},
        [CONFIRM] = {"confirm_ms", options->confirm_ms, CONFIRM_PATIENCE_MS, 1, CONFIRM_PATIENCE_MAX_MS},
        [REPORTS] = {"reports", options->reports, 0, 1, SETTINGS_REPORTS_MAX},
    };
    int64_t values[NUMBERS];

    for (size_t i = 0; i < NUMBERS; i++)
        if (!check_number(&numbers[i], &values[i], error))
            return false;

    settings->shards = (unsigned)values[SHARDS];
    settings->queue_events = (size_t)values[EVENTS];
    settings->queue_bytes = (size_t)values[BYTES];
    settings->connect_timeout_ms = (int)values[CONNECT];
    settings->request_timeout_ms = (int)values[REQUEST];
    settings->backoff_base_ms = (int)values[BASE];
    settings->backoff_cap_ms = (int)(values[CAP] > values[BASE] ? values[CAP] : values[BASE]);
    settings->spool = (enum taskledger_spool)values[SPOOL];
    settings->spool_bytes = (uint64_t)values[SPOOL_BYTES];
    settings->spool_sync_ms = (int)values[SYNC];
    settings->confirm_ms = (int)values[CONFIRM];
    settings->reports = (size_t)values[REPORTS];
    settings->disabled = options->disabled != 0;
    return true;
}

/* "" counts as not given. */
static bool take_text(const char *given, const char *fallback, char **copy, struct error *error)
{
    const char *text = given != NULL && given[0] != '\0' ? given : fallback;

    if (text == NULL)
        return true;
    *copy = strdup(text);
    if (*copy == NULL)
        return error_set(error, ERROR_FATAL, "config", "cannot get memory for the options");
    return true;
}

static bool take_texts(struct settings *settings, const struct taskledger_options *options, struct error *error)
{
    return take_text(options->redis_url, REDIS_URL, &settings->redis_url, error) &&
           take_text(options->stream, STREAM_DEFAULT, &settings->stream, error) &&
           take_text(options->worker, NULL, &settings->worker, error) &&
           take_text(options->spool_dir, SETTINGS_SPOOL_DIR, &settings->spool_dir, error) &&
           take_text(options->spool_target, NULL, &settings->spool_target, error) &&
           take_text(options->ca_file, NULL, &settings->ca_file, error) &&
           take_text(options->certificate_file, NULL, &settings->certificate_file, error) &&
           take_text(options->key_file, NULL, &settings->key_file, error);
}

static bool check_target(const struct settings *settings, struct error *error)
{
    size_t size = settings->spool_target == NULL ? 0 : strlen(settings->spool_target);

    if (size > SPOOL_TARGET_BYTES_MAX)
        return error_set(error, ERROR_FATAL, "config", "spool_target: %zu bytes, at most %d", size,
                         SPOOL_TARGET_BYTES_MAX);
    for (size_t i = 0; i < size; i++)
        if (iscntrl((unsigned char)settings->spool_target[i]))
            return error_set(error, ERROR_FATAL, "config", "spool_target: byte %zu is a control character", i);
    return true;
}

static bool check_texts(const struct settings *settings, struct error *error)
{
    struct slice worker = slice_from_text(settings->worker);

    if (strlen(settings->stream) > STREAM_NAME_BYTES_MAX)
        return error_set(error, ERROR_FATAL, "config", "stream: %zu bytes, at most %d", strlen(settings->stream),
                         STREAM_NAME_BYTES_MAX);
    if (worker.size > SETTINGS_WORKER_BYTES_MAX)
        return error_set(error, ERROR_FATAL, "config", "worker: %zu bytes, at most %d", worker.size,
                         SETTINGS_WORKER_BYTES_MAX);
    if (utf8_check(worker) != worker.size)
        return error_set(error, ERROR_FATAL, "config", "worker: byte %zu is not UTF-8", utf8_check(worker));
    return check_target(settings, error);
}

/* The line knows best what a URL is. */
static bool check_redis(const struct settings *settings, struct error *error)
{
    struct redis_options options = settings_redis(settings);
    struct redis *redis = redis_new(&options, error);

    redis_free(redis);
    return redis != NULL;
}

/* The URL is known to be one. */
static bool choose_target(struct settings *settings, struct error *error)
{
    char target[REDIS_URL_PLACE_MAX];
    struct redis_url url;

    if (settings->spool_target != NULL)
        return true;
    bool parsed = redis_url_parse(settings->redis_url, &url, error);
    if (parsed)
        redis_url_target(&url, target);
    explicit_bzero(&url, sizeof url);
    return parsed && take_text(target, NULL, &settings->spool_target, error);
}

/* A host may have any name; an event only a text. */
static void take_host(struct settings *settings)
{
    if (gethostname(settings->host, sizeof settings->host - 1) != 0)
        settings->host[0] = '\0';
    settings->host[sizeof settings->host - 1] = '\0';
    settings->host[utf8_check(slice_from_text(settings->host))] = '\0';
}

/* A caller built against an older header has a shorter struct: what it lacks takes the defaults. */
static bool take_struct(const struct taskledger_options *options, struct taskledger_options *given, struct error *error)
{
    memset(given, 0, sizeof *given);
    if (options == NULL)
        return true;
    if (options->struct_size < sizeof options->struct_size)
        return error_set(error, ERROR_FATAL, "config", "struct_size: not set; begin with TASKLEDGER_OPTIONS_INIT");
    memcpy(given, options, options->struct_size < sizeof *given ? options->struct_size : sizeof *given);
    return true;
}

bool settings_init(struct settings *settings, const struct taskledger_options *options, struct error *error)
{
    struct taskledger_options given;

    *settings = (struct settings){.shards = 0};
    take_host(settings);
    bool good = take_struct(options, &given, error) && take_numbers(settings, &given, error) &&
                take_texts(settings, &given, error) && check_texts(settings, error) && check_redis(settings, error) &&
                choose_target(settings, error);
    if (!good)
        settings_close(settings);
    return good;
}

void settings_close(struct settings *settings)
{
    free(settings->redis_url);
    free(settings->stream);
    free(settings->worker);
    free(settings->ca_file);
    free(settings->certificate_file);
    free(settings->key_file);
    free(settings->spool_dir);
    free(settings->spool_target);
    *settings = (struct settings){.shards = 0};
}

struct redis_options settings_redis(const struct settings *settings)
{
    return (struct redis_options){
        .url = settings->redis_url,
        .ca_file = settings->ca_file,
        .certificate_file = settings->certificate_file,
        .key_file = settings->key_file,
        .client_name = "taskledger-producer",
        .connect_timeout_ms = settings->connect_timeout_ms,
        .request_timeout_ms = settings->request_timeout_ms,
    };
}

/* The host's name is cut where both would be too long. */
void settings_worker(const struct settings *settings, char worker[SETTINGS_WORKER_BYTES_MAX + 1])
{
    enum { PID_BYTES_MAX = 12 };

    if (settings->worker != NULL) {
        snprintf(worker, SETTINGS_WORKER_BYTES_MAX + 1, "%s", settings->worker);
        return;
    }
    struct slice host = utf8_cut(slice_from_text(settings->host), SETTINGS_WORKER_BYTES_MAX - PID_BYTES_MAX);
    snprintf(worker, SETTINGS_WORKER_BYTES_MAX + 1, "%.*s:%d", SLICE_PRINT(host), (int)getpid());
}
