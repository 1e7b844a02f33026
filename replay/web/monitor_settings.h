/* monitor_settings: what flags and environment said to taskledger-monitor. */
#ifndef TASKLEDGER_REPLAY_WEB_MONITOR_SETTINGS_H
#define TASKLEDGER_REPLAY_WEB_MONITOR_SETTINGS_H

#include "proto/options.h"

#include <stdbool.h>
#include <stdint.h>

/* NULL: not given. Texts live as long as the process. */
struct monitor_settings {
    const char *redis_url;
    const char *redis_ca_file;
    const char *redis_certificate_file;
    const char *redis_key_file;
    const char *database_url;
    const char *stream;
    int64_t shards;
    const char *group;
    const char *listen;
    const char *token;
    const char *proxy_header;
    const char *hosts;
    int64_t connections;
    int64_t connections_each;
    int64_t requests_each;
    int64_t sessions;
    int64_t query_ms;
    const char *log_level;
    const char *log_format;

    bool live;
    bool help;
    bool version;
    bool print_configuration;
    bool print_metrics;
    const char *print_manual;
    const char *print_completion;
};

/* What people are told of, without what only a build asks for. */
extern const struct options_table monitor_settings_options;

extern const struct options_table monitor_settings_table;

#endif
