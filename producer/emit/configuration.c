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

/* How long to wait for Redis. */
#define PATIENCE(name, default_timeout, about)                                                 \
    OPTION(timeout_ms, OPTION_DURATION, .flag = (name), .variable = "TASKLEDGER_EMIT_TIMEOUT", \
           .fallback = (default_timeout), .maximum = TIMEOUT_MS_MAX, .help = (about))
#define TIMEOUT(default_timeout, about) PATIENCE("--timeout", default_timeout, about)

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

enum { TIMEOUT_MS_MAX = 24 * 60 * 60 * 1000, RETRIES_MAX = 1000, EXIT_CODE_MAX = 255, PERMIT_LOCAL_MAX = 10000 };
#define LIMIT_MS_MAX (INT64_C(365) * TIMEOUT_MS_MAX)

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
    OPTION(limit_ms, OPTION_DURATION, .flag = "--timeout", .maximum = LIMIT_MS_MAX,
           .help = "how long an attempt may take before it is ended by SIGTERM; 0: for ever, which is the default"),
    OPTION(kill_after_ms, OPTION_DURATION, .flag = "--kill-after", .fallback = "10s", .maximum = TIMEOUT_MS_MAX,
           .help = "how long what was sent SIGTERM may take to end before it is sent SIGKILL"),
    OPTION(retries, OPTION_INTEGER, .flag = "--retries", .value = "N", .fallback = "0", .maximum = RETRIES_MAX,
           .help = "how many more attempts follow one that fails"),
    OPTION(retry_delay_ms, OPTION_DURATION, .flag = "--retry-delay", .fallback = "1s", .maximum = TIMEOUT_MS_MAX,
           .help = "how long to wait before the second attempt; twice as long before each further one"),
    OPTION(heartbeat_ms, OPTION_DURATION, .flag = "--heartbeat", .variable = "TASKLEDGER_EMIT_HEARTBEAT",
           .fallback = "60s", .maximum = TIMEOUT_MS_MAX, .help = "how often to say that the command lives; 0: never"),
    OPTION(claim, OPTION_BOOLEAN, .flag = "--claim", .help = "only if nobody else runs this task, anywhere"),
    OPTION(claim_wait_ms, OPTION_DURATION, .flag = "--claim-wait", .fallback = "0s", .maximum = TIMEOUT_MS_MAX,
           .help = "how long to wait for whoever does"),
    OPTION(claim_held_exit, OPTION_INTEGER, .flag = "--claim-held-exit", .value = "CODE", .fallback = "75",
           .maximum = EXIT_CODE_MAX, .help = "what to exit with when somebody does; 0: and say nothing"),
    OPTION(claim_keep, OPTION_BOOLEAN, .flag = "--claim-keep", .fallback = "yes",
           .help = "what ends within a lease keeps its claim for the rest of it, so that a host whose clock is late "
                   "does not run it again"),
    TEXT("--permit", permit, "NAME:N", "only as one of N at once under that name, everywhere"),
    OPTION(permit_wait_ms, OPTION_DURATION, .flag = "--permit-wait", .fallback = "60s", .maximum = TIMEOUT_MS_MAX,
           .help = "how long to wait in the line for it"),
    OPTION(permit_local, OPTION_INTEGER, .flag = "--permit-local", .value = "N", .fallback = "0",
           .maximum = PERMIT_LOCAL_MAX, .help = "so many at once on this host while Redis is away"),
    OPTION(lease_ms, OPTION_DURATION, .flag = "--lease", .fallback = "30s", .minimum = 1000, .maximum = TIMEOUT_MS_MAX,
           .help = "after so long without a sign of life of ours claim and permit are free again"),
    PATIENCE("--delivery-timeout", "2s", "how long to wait for Redis when the command has ended"),
    SHARED,
};

static const struct option_spec sweep_specs[] = {
    OPTION(wait, OPTION_BOOLEAN, .flag = "--wait", .help = "until nothing is left, however long that takes"),
    TIMEOUT("30s", "how long to go on at most; with --wait, after how long to say what is in the way"),
    SHARED,
};

/* How it is printed. */
#define FORMAT(words, about) \
    OPTION(format, OPTION_CHOICE, .flag = "--format", .fallback = "table", .choices = (words), .help = (about))

static const struct option_spec stats_specs[] = {
    FORMAT("table json prometheus", "for people, for programs, or for the textfile collector of node_exporter"),
    SHARED,
};

static const struct option_spec bridge_specs[] = {
    OPTION(list, OPTION_TEXT, .flag = "--list", .variable = "TASKLEDGER_BRIDGE_LIST", .value = "NAME",
           .help = "the list that workers push to"),
    OPTION(bridge_url, OPTION_SECRET, .variable = "TASKLEDGER_BRIDGE_URL",
           .help = "where that list is; if not given, where the stream is"),
    {.variable = "TASKLEDGER_BRIDGE_URL_FILE", .type = OPTION_FILE_OF, .help = "a file that holds the same"},
    OPTION(take_from, OPTION_CHOICE, .flag = "--take-from", .variable = "TASKLEDGER_BRIDGE_TAKE_FROM",
           .fallback = "right", .choices = "left right",
           .help = "the end that its reader pops from: the right one if workers say LPUSH"),
    OPTION(forward, OPTION_TEXT, .flag = "--forward", .variable = "TASKLEDGER_BRIDGE_FORWARD", .value = "NAME",
           .help = "another list that gets every item, for the reader that this one had before"),
    OPTION(instance, OPTION_TEXT, .flag = "--instance", .variable = "TASKLEDGER_BRIDGE_INSTANCE", .fallback = "default",
           .value = "NAME", .help = "whose items in hand are found again after a crash: LIST:taskledger-bridge:NAME"),
    OPTION(status_map, OPTION_TEXT, .flag = "--status-map", .variable = "TASKLEDGER_BRIDGE_STATUS_MAP",
           .value = "OLD=NEW,...", .help = "what statuses mean, before what is known anyway: halted=CANCELLED"),
    OPTION(zone, OPTION_TEXT, .flag = "--zone", .variable = "TASKLEDGER_BRIDGE_ZONE", .fallback = "Z", .value = "ZONE",
           .help = "of timestamps that tell none: Z, +01:00"),
    OPTION(once, OPTION_BOOLEAN, .flag = "--once", .help = "end when the list is empty"),
    TIMEOUT("30s", "with --once, how long to wait while nothing goes on"),
    SHARED,
};

#define ANSWERS TIMEOUT("2s", "how long to wait for Redis: for the connection, and for each answer")

static const struct option_spec permits_specs[] = {
    OPTION(all, OPTION_BOOLEAN, .flag = "--all", .help = "free all permits of that name, whoever has them"),
    FORMAT("table json jsonl prometheus", "for people, for programs, or for the textfile collector of node_exporter"),
    ANSWERS,
    SHARED,
};

static const struct option_spec claims_specs[] = {
    FORMAT("table json jsonl", "for people or for programs"),
    ANSWERS,
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
const struct options_table configuration_bridge = TABLE("taskledger-emit bridge", bridge_specs);
const struct options_table configuration_permits = TABLE("taskledger-emit permits", permits_specs);
const struct options_table configuration_claims = TABLE("taskledger-emit claims", claims_specs);

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
