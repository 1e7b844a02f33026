#include "producer/environment.h"

#include "producer/queue.h"
#include "producer/taskledger/producer.h"
#include "proto/options.h"
#include "proto/stream_options.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct environment {
    const char *redis_url;
    const char *stream;
    const char *worker;
    const char *redis_ca_file;
    const char *redis_certificate_file;
    const char *redis_key_file;
    int64_t shards;
    int64_t queue_events;
    int64_t queue_bytes;
    bool enabled;
};

#define AT(member) offsetof(struct environment, member)
#define NUMBER(name, member, least, most, about)                                                                 \
    {                                                                                                            \
        .variable = (name), .type = OPTION_INTEGER, .offset = AT(member), .minimum = (least), .maximum = (most), \
        .help = (about)                                                                                          \
    }

static const struct option_spec specs[] = {
    STREAM_OPTIONS_VARIABLES(AT),
    {.variable = "TASKLEDGER_WORKER",
     .type = OPTION_TEXT,
     .offset = AT(worker),
     .help = "who emits; if not given, host name and process number"},
    NUMBER("TASKLEDGER_QUEUE_EVENTS", queue_events, QUEUE_EVENTS_MIN, UINT32_MAX,
           "so many events wait in memory at most; if not given, 10000"),
    NUMBER("TASKLEDGER_QUEUE_BYTES", queue_bytes, QUEUE_BYTES_MIN, INT64_MAX,
           "so much memory they take at most; if not given, 8388608"),
    {.variable = "TASKLEDGER_ENABLED",
     .type = OPTION_BOOLEAN,
     .offset = AT(enabled),
     .help = "0 emits nothing; if not given, yes"},
};

const struct options_table environment_table = {
    .program = "libtaskledger",
    .specs = specs,
    .count = sizeof specs / sizeof specs[0],
};

static void fill_text(const char **option, const char *found)
{
    if (*option == NULL)
        *option = found;
}

static void fill(struct taskledger_options *options, const struct environment *found)
{
    fill_text(&options->redis_url, found->redis_url);
    fill_text(&options->stream, found->stream);
    fill_text(&options->worker, found->worker);
    fill_text(&options->ca_file, found->redis_ca_file);
    fill_text(&options->certificate_file, found->redis_certificate_file);
    fill_text(&options->key_file, found->redis_key_file);
    if (options->shards == 0)
        options->shards = (uint32_t)found->shards;
    if (options->queue_events == 0)
        options->queue_events = (uint32_t)found->queue_events;
    if (options->queue_bytes == 0)
        options->queue_bytes = (size_t)found->queue_bytes;
    if (options->disabled == 0)
        options->disabled = !found->enabled;
}

static int refuse(const char *text, char *reason, size_t reason_size)
{
    if (reason != NULL && reason_size > 0)
        snprintf(reason, reason_size, "%s", text);
    return -1;
}

int taskledger_options_from_environment(struct taskledger_options *options, char *reason, size_t reason_size)
{
    struct environment found = {.enabled = true};
    struct taskledger_options filled = TASKLEDGER_OPTIONS_INIT;
    struct error error;

    if (options == NULL || options->struct_size < sizeof options->struct_size)
        return refuse("struct_size: not set; begin with TASKLEDGER_OPTIONS_INIT", reason, reason_size);
    if (!options_from_environment(&environment_table, &found, &error))
        return refuse(error.text, reason, reason_size);

    /* A caller built against an older header has a shorter struct: what it lacks is not told. */
    size_t size = options->struct_size < sizeof filled ? options->struct_size : sizeof filled;
    memcpy(&filled, options, size);
    fill(&filled, &found);
    memcpy(options, &filled, size);
    return 0;
}
