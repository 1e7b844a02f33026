#include "replay/web/monitor_settings.h"

#include "consumer/log.h"
#include "proto/completion.h"
#include "proto/stream_options.h"
#include "replay/web/workers.h"

#include <stddef.h>

#define AT(member) offsetof(struct monitor_settings, member)

enum { CONNECTIONS_MAX = 65536, REQUESTS_EACH_MAX = 100000 };

/* clang-format off */
static const struct option_spec specs[] = {
    STREAM_OPTIONS(AT, NULL, "nothing is shown as it happens"),
    {NULL, "DATABASE_URL", OPTION_SECRET, AT(database_url), NULL, 0, 0, NULL, NULL,
     "where the ledger is, as a role that can only read; if not given, libpq's own PG* variables"},
    {NULL, "DATABASE_URL_FILE", OPTION_FILE_OF, 0, NULL, 0, 0, NULL, NULL, "a file that holds the same"},
    {"--group", "TASKLEDGER_GROUP", OPTION_TEXT, AT(group), STREAM_GROUP_DEFAULT, 0, 0, NULL, "NAME",
     "the consumer group whose lag is shown"},
    {"--listen", "TASKLEDGER_MONITOR_LISTEN", OPTION_TEXT, AT(listen), "127.0.0.1:9465", 0, 0, NULL, "HOST:PORT",
     "where to serve; elsewhere than on loopback only with a token or behind a proxy"},
    {NULL, "TASKLEDGER_MONITOR_TOKEN", OPTION_SECRET, AT(token), NULL, 0, 0, NULL, NULL,
     "what who looks must know, 16 to 512 bytes; if not given, everybody who can connect may look"},
    {NULL, "TASKLEDGER_MONITOR_TOKEN_FILE", OPTION_FILE_OF, 0, NULL, 0, 0, NULL, NULL, "a file that holds the same"},
    {"--proxy-header", "TASKLEDGER_MONITOR_PROXY_HEADER", OPTION_TEXT, AT(proxy_header), NULL, 0, 0, NULL, "NAME",
     "a proxy on this machine signs people in, names them in this header, and lets nobody else set it"},
    {"--hosts", "TASKLEDGER_MONITOR_HOSTS", OPTION_TEXT, AT(hosts), NULL, 0, 0, NULL, "NAMES",
     "names, by commas, by which browsers may ask for it besides localhost and addresses"},
    {"--connections", "TASKLEDGER_MONITOR_CONNECTIONS", OPTION_INTEGER, AT(connections), "5000", 8, CONNECTIONS_MAX,
     NULL, NULL, "connections at the same time, at most"},
    {"--connections-each", "TASKLEDGER_MONITOR_CONNECTIONS_EACH", OPTION_INTEGER, AT(connections_each), "0", 0,
     CONNECTIONS_MAX, NULL, NULL, "the same of one address; 0: no limit, as behind a proxy"},
    {"--requests-each", "TASKLEDGER_MONITOR_REQUESTS_EACH", OPTION_INTEGER, AT(requests_each), "50", 0, REQUESTS_EACH_MAX,
     NULL, NULL, "questions a second of one client: of an address, or of whom the proxy names; 0: no limit"},
    {"--sessions", "TASKLEDGER_MONITOR_SESSIONS", OPTION_INTEGER, AT(sessions), "2", 1, WORKERS_MAX, NULL, NULL,
     "sessions with PostgreSQL for questions, each in a thread of its own"},
    {"--query-timeout", "TASKLEDGER_MONITOR_QUERY_TIMEOUT", OPTION_DURATION, AT(query_ms), "5s", 100, 60000, NULL, NULL,
     "how long PostgreSQL may work for one question, and how long a question may wait for its turn"},
    {NULL, "TASKLEDGER_LOG", OPTION_CHOICE, AT(log_level), "info", 0, 0, LOG_LEVELS, NULL,
     "what is less is not logged"},
    {NULL, "TASKLEDGER_LOG_FORMAT", OPTION_CHOICE, AT(log_format), NULL, 0, 0, LOG_FORMATS, NULL,
     "how to log; if not given, text on a terminal and json elsewhere"},
    {"--live", NULL, OPTION_BOOLEAN, AT(live), NULL, 0, 0, NULL, NULL,
     "health: ask only whether the process works, not whether its servers are there"},
    {"--help", NULL, OPTION_BOOLEAN, AT(help), NULL, 0, 0, NULL, NULL, "print this"},
    {"--version", NULL, OPTION_BOOLEAN, AT(version), NULL, 0, 0, NULL, NULL, "print the version"},
    {"--print-completion", NULL, OPTION_CHOICE, AT(print_completion), NULL, 0, 0, COMPLETION_SHELLS, "SHELL",
     "print what makes that shell complete flags"},

    {"--print-configuration", NULL, OPTION_BOOLEAN, AT(print_configuration), NULL, 0, 0, NULL, NULL,
     "print the options as a table in Markdown"},
    {"--print-metrics", NULL, OPTION_BOOLEAN, AT(print_metrics), NULL, 0, 0, NULL, NULL,
     "print what /metrics shows as a table in Markdown"},
    {"--print-manual", NULL, OPTION_TEXT, AT(print_manual), NULL, 0, 0, NULL, "DIR",
     "write the page of the manual into this folder, for scdoc"},
};
/* clang-format on */

enum { COUNT = sizeof specs / sizeof *specs, PRINTING_COUNT = 3 };

const struct options_table monitor_settings_options = {
    .program = "taskledger-monitor",
    .specs = specs,
    .count = COUNT - PRINTING_COUNT,
};

const struct options_table monitor_settings_table = {
    .program = "taskledger-monitor",
    .specs = specs,
    .count = COUNT,
};
