#include "consumer/daemon/configuration.h"

#include "consumer/batch.h"
#include "consumer/log.h"
#include "proto/completion.h"
#include "proto/stream_options.h"

#include <stddef.h>
#include <string.h>

#define AT(member) offsetof(struct configuration, member)

enum { GROUP_NAME_BYTES_MAX = 200 };

/* clang-format off */
static const struct option_spec specs[] = {
    STREAM_OPTIONS(AT, STREAM_OPTIONS_REDIS_URL, STREAM_OPTIONS_REDIS_URL),
    {NULL, "DATABASE_URL", OPTION_SECRET, AT(database_url), NULL, 0, 0, NULL, NULL,
     "where the ledger is; if not given, libpq's own PG* variables"},
    {NULL, "DATABASE_URL_FILE", OPTION_FILE_OF, 0, NULL, 0, 0, NULL, NULL, "a file that holds the same"},
    {"--group", "TASKLEDGER_GROUP", OPTION_TEXT, AT(group), STREAM_GROUP_DEFAULT, 0, 0, NULL, "NAME",
     "the consumer group; each group has a ledger of its own"},
    {"--worker", "TASKLEDGER_WORKER", OPTION_TEXT, AT(worker), NULL, 0, 0, NULL, "NAME",
     "how this process is called in PostgreSQL's list of sessions; if not given, taskledger-consumer"},
    {"--listen", "TASKLEDGER_LISTEN", OPTION_TEXT, AT(listen), "127.0.0.1:9464", 0, 0, NULL, "HOST:PORT",
     "where /metrics, /livez and /readyz are served; port 0 takes a free one and logs it"},
    {"--batch-max", "TASKLEDGER_BATCH_MAX", OPTION_INTEGER, AT(batch_max), "5000", 1, BATCH_ENTRIES_MAX, NULL, NULL,
     "entries applied in one transaction, at most"},
    {"--claim-idle", "TASKLEDGER_CLAIM_IDLE", OPTION_DURATION, AT(claim_idle_ms), "60s", 100, 86400000, NULL, NULL,
     "entries that a living consumer has left lying for so long are taken over"},
    {"--loss-grace", "TASKLEDGER_LOSS_GRACE", OPTION_DURATION, AT(loss_grace_ms), "5m", 100, 86400000, NULL, NULL,
     "numbers of a producer that have been missing for so long are entered as lost; until then they may be on their way"},
    {"--retain", "TASKLEDGER_RETAIN", OPTION_DURATION, AT(retain_ms), "1h", 0, 31536000000, NULL, NULL,
     "entries that all groups have settled stay in the stream for so long, for repair and for readers that catch up"},
    {"--retain-bytes", "TASKLEDGER_RETAIN_BYTES", OPTION_BYTES, AT(retain_bytes), NULL, 1, INT64_MAX, NULL, NULL,
     "settled entries go sooner while all shards together take more memory of Redis than this, or Redis uses more than "
     "80 % of maxmemory; if not given, 25 % of maxmemory, or 512 MiB where there is none"},
    {"--no-trim", "TASKLEDGER_NO_TRIM", OPTION_BOOLEAN, AT(no_trim), "no", 0, 0, NULL, NULL,
     "do not trim the stream; it then grows until somebody else does"},
    {"--no-migrate", "TASKLEDGER_NO_MIGRATE", OPTION_BOOLEAN, AT(no_migrate), "no", 0, 0, NULL, NULL,
     "do not create or upgrade the ledger; wait until somebody has"},
    {"--no-roles", "TASKLEDGER_NO_ROLES", OPTION_BOOLEAN, AT(no_roles), "no", 0, 0, NULL, NULL,
     "do not make database roles nor grant them anything when migrating"},
    {NULL, "TASKLEDGER_ENABLED", OPTION_BOOLEAN, AT(enabled), "yes", 0, 0, NULL, NULL,
     "0 applies nothing, and says so"},
    {NULL, "TASKLEDGER_LOG", OPTION_CHOICE, AT(log_level), "info", 0, 0, LOG_LEVELS, NULL,
     "what is less is not logged"},
    {NULL, "TASKLEDGER_LOG_FORMAT", OPTION_CHOICE, AT(log_format), NULL, 0, 0, LOG_FORMATS, NULL,
     "how to log; if not given, text on a terminal and json elsewhere"},
    {"--live", NULL, OPTION_BOOLEAN, AT(live), NULL, 0, 0, NULL, NULL,
     "health: ask only whether the process works, not whether its servers are there"},
    {"--format", NULL, OPTION_CHOICE, AT(format), "text", 0, 0, "text json", NULL,
     "doctor, groups: how to print what was found"},
    {"--force", NULL, OPTION_BOOLEAN, AT(force), NULL, 0, 0, NULL, NULL,
     "groups drop: also a group that has entries pending, was active a moment ago, or is ours"},
    {"--help", NULL, OPTION_BOOLEAN, AT(help), NULL, 0, 0, NULL, NULL, "print this"},
    {"--version", NULL, OPTION_BOOLEAN, AT(version), NULL, 0, 0, NULL, NULL, "print the version"},
    {"--print-completion", NULL, OPTION_CHOICE, AT(print_completion), NULL, 0, 0, COMPLETION_SHELLS, "SHELL",
     "print what makes that shell complete commands and flags"},

    {"--print-configuration", NULL, OPTION_BOOLEAN, AT(print_configuration), NULL, 0, 0, NULL, NULL,
     "print the options as a table in Markdown"},
    {"--print-metrics", NULL, OPTION_BOOLEAN, AT(print_metrics), NULL, 0, 0, NULL, NULL,
     "print what /metrics shows as a table in Markdown"},
    {"--print-manual", NULL, OPTION_TEXT, AT(print_manual), NULL, 0, 0, NULL, "DIR",
     "write the page of the manual into this folder, for scdoc"},
};
/* clang-format on */

enum { COUNT = sizeof specs / sizeof *specs, PRINTING_COUNT = 3 };

const struct options_table configuration_options = {
    .program = "taskledger-consumer",
    .specs = specs,
    .count = COUNT - PRINTING_COUNT,
};

const struct options_table configuration_table = {
    .program = "taskledger-consumer",
    .specs = specs,
    .count = COUNT,
};

static bool check_name(const char *what, const char *name, size_t bytes_max, struct error *error)
{
    size_t length = strlen(name);

    if (length >= 1 && length <= bytes_max)
        return true;
    return error_set(error, ERROR_FATAL, "config", "%s: expected 1 to %zu bytes, found %zu", what, bytes_max, length);
}

bool configuration_check(const struct configuration *configuration, struct error *error)
{
    return check_name("--stream (TASKLEDGER_STREAM)", configuration->stream, STREAM_NAME_BYTES_MAX, error) &&
           check_name("--group (TASKLEDGER_GROUP)", configuration->group, GROUP_NAME_BYTES_MAX, error);
}
