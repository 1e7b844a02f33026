#include "producer/emit/configuration.h"

#include "producer/settings.h"
#include "producer/spool/spool.h"
#include "proto/event.h"
#include "proto/stream_options.h"

#include <stddef.h>

/* One option each, by its kind. */
#define OPTION(member, kind, ...)                                                   \
    {                                                                               \
        .offset = offsetof(struct configuration, member), .type = kind, __VA_ARGS__ \
    }
#define TEXT(name, member, what, about) OPTION(member, OPTION_TEXT, .flag = (name), .value = (what), .help = (about))

/* What status and run may tell of their task. */
#define TASK                                                                                                        \
    TEXT("--name", task_name, "NAME", "what kind of task it is"),                                                   \
        OPTION(attempt, OPTION_INTEGER, .flag = "--attempt", .fallback = "1", .minimum = 1,                         \
               .maximum = EVENT_ATTEMPT_MAX, .help = "which try this is; a greater one outranks all smaller ones"), \
        TEXT("--queue", queue, "NAME", "the queue it came from"),                                                   \
        TEXT("--parent", parent_task_id, "TASK_ID", "the task that started it"),                                    \
        OPTION(traceparent, OPTION_TEXT, .flag = "--traceparent", .variable = "TRACEPARENT",                        \
               .help = "its place in a distributed trace (W3C Trace Context)")

#define TIMEOUT(default_timeout, about)                                                             \
    OPTION(timeout_ms, OPTION_DURATION, .flag = "--timeout", .variable = "TASKLEDGER_EMIT_TIMEOUT", \
           .fallback = (default_timeout), .maximum = TIMEOUT_MS_MAX, .help = (about))

#define AT(member) offsetof(struct configuration, member)

#define SPOOL                                                                                                          \
    OPTION(spool, OPTION_CHOICE, .flag = "--spool", .variable = "TASKLEDGER_SPOOL", .fallback = "overflow",            \
           .choices = "off overflow always",                                                                           \
           .help =                                                                                                     \
               "what goes to disk: nothing, what Redis does not take in time, or everything until the ledger has it"), \
        OPTION(spool_dir, OPTION_TEXT, .flag = "--spool-dir", .variable = "TASKLEDGER_SPOOL_DIR", .value = "DIR",      \
               .help = "the folder for it; if not given, taskledger in XDG_STATE_HOME, else " SETTINGS_SPOOL_DIR),     \
        OPTION(spool_target, OPTION_TEXT, .flag = "--spool-target", .variable = "TASKLEDGER_SPOOL_TARGET",             \
               .value = "TEXT",                                                                                        \
               .help = "which Redis what is there is for, in words that are only compared; if not given, the URL's "   \
                       "host:port/db"),                                                                                \
        OPTION(spool_bytes, OPTION_BYTES, .flag = "--spool-bytes", .variable = "TASKLEDGER_SPOOL_BYTES",               \
               .fallback = "256MiB", .minimum = SPOOL_BYTES_MIN, .maximum = INT64_MAX - 1,                             \
               .help = "so much disk one process takes at most")

#define SHARED                                                                                        \
    OPTION(worker, OPTION_TEXT, .flag = "--worker", .variable = "TASKLEDGER_WORKER", .value = "NAME", \
           .help = "who does the task; if not given, host name and process number"),                  \
        STREAM_OPTIONS(AT, NULL, STREAM_OPTIONS_REDIS_URL), SPOOL,                                    \
        OPTION(enabled, OPTION_BOOLEAN, .variable = "TASKLEDGER_ENABLED", .fallback = "yes",          \
               .help = "0 emits nothing, and says so"),                                               \
        OPTION(help, OPTION_BOOLEAN, .flag = "--help", .help = "print this")

enum { TIMEOUT_MS_MAX = 24 * 60 * 60 * 1000 };

static const struct option_spec status_specs[] = {
    TASK,
    TEXT("--step", step, "TEXT", "what it does at the moment, or where it broke"),
    TEXT("--progress", progress, "NUMBER", "how much is done, from 0 to 1"),
    TEXT("--message", message, "TEXT", "anything that people should read"),
    TEXT("--error-type", error_type, "TEXT", "the kind of error: TimeoutError"),
    TEXT("--error", error_message, "TEXT", "what the error says"),
    TEXT("--traceback", error_traceback, "TEXT", "where it happened"),
    TEXT("--data", data_json, "JSON", "a JSON object: usage, a result, anything"),
    TIMEOUT("2s", "how long to wait for Redis"),
    SHARED,
};

static const struct option_spec lines_specs[] = {
    TIMEOUT("30s", "how long to wait while nothing gets through to Redis"),
    SHARED,
};

static const struct option_spec run_specs[] = {
    TEXT("--task-id", task_id, "TASK_ID", "if not given, a new UUID"),
    TASK,
    TIMEOUT("2s", "how long to wait for Redis when the command has ended"),
    SHARED,
};

static const struct option_spec sweep_specs[] = {
    OPTION(wait, OPTION_BOOLEAN, .flag = "--wait", .help = "until nothing is left, however long that takes"),
    TIMEOUT("30s", "how long to go on at most; with --wait, after how long to say what is in the way"),
    SHARED,
};

static const struct option_spec stats_specs[] = {
    OPTION(format, OPTION_CHOICE, .flag = "--format", .fallback = "table", .choices = "table json",
           .help = "for people or for programs"),
    SHARED,
};

enum { SHARED_COUNT = sizeof(const struct option_spec[]){SHARED} / sizeof(struct option_spec) };

#define TABLE(name, list)                                                             \
    {                                                                                 \
        .program = (name), .specs = (list), .count = sizeof(list) / sizeof((list)[0]) \
    }

const struct options_table configuration_status = TABLE("taskledger-emit status", status_specs);
const struct options_table configuration_lines = TABLE("taskledger-emit lines", lines_specs);
const struct options_table configuration_run = TABLE("taskledger-emit run", run_specs);
const struct options_table configuration_sweep = TABLE("taskledger-emit sweep", sweep_specs);
const struct options_table configuration_stats = TABLE("taskledger-emit stats", stats_specs);

struct options_table configuration_own(const struct options_table *table)
{
    struct options_table own = *table;

    own.count -= SHARED_COUNT;
    return own;
}

struct options_table configuration_shared(const struct options_table *table)
{
    struct options_table shared = *table;

    shared.specs += table->count - SHARED_COUNT;
    shared.count = SHARED_COUNT;
    return shared;
}

#define TASK_NAMES                                                                                         \
    {"task_name", "--name"}, {"worker", "--worker"}, {"queue", "--queue"}, {"parent_task_id", "--parent"}, \
    {                                                                                                      \
        "traceparent", "--traceparent"                                                                     \
    }

const struct field_name configuration_status_names[] = {
    {"task_id", "TASK_ID"},
    {"status", "STATUS"},
    TASK_NAMES,
    {"step", "--step"},
    {"message", "--message"},
    {"error.type", "--error-type"},
    {"error.message", "--error"},
    {"error.traceback", "--traceback"},
    {"data_json", "--data"},
    {NULL, NULL},
};

const struct field_name configuration_run_names[] = {
    {"task_id", "--task-id"},
    TASK_NAMES,
    {NULL, NULL},
};

bool configuration_spool_dir(const struct configuration *configuration, const char **directory, struct error *error)
{
    struct taskledger_options found = TASKLEDGER_OPTIONS_INIT;
    char reason[ERROR_TEXT_MAX];

    if (taskledger_options_from_environment(&found, reason, sizeof reason) != 0)
        return error_set(error, ERROR_FATAL, "config", "%s", reason);
    *directory = configuration->spool_dir != NULL ? configuration->spool_dir : found.spool_dir;
    if (*directory == NULL)
        *directory = SETTINGS_SPOOL_DIR;
    return true;
}

struct taskledger_event configuration_event(const struct configuration *configuration)
{
    struct taskledger_event event = TASKLEDGER_EVENT_INIT;

    event.attempt = (uint32_t)configuration->attempt;
    event.task_name = configuration->task_name;
    event.step = configuration->step;
    event.message = configuration->message;
    event.error_type = configuration->error_type;
    event.error_message = configuration->error_message;
    event.error_traceback = configuration->error_traceback;
    event.data_json = configuration->data_json;
    event.traceparent = configuration->traceparent;
    event.parent_task_id = configuration->parent_task_id;
    event.queue = configuration->queue;
    return event;
}
