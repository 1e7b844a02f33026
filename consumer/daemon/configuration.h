/* configuration: what flags and environment said. */
#ifndef TASKLEDGER_CONSUMER_DAEMON_CONFIGURATION_H
#define TASKLEDGER_CONSUMER_DAEMON_CONFIGURATION_H

#include "proto/options.h"

#include <stdbool.h>
#include <stdint.h>

/* NULL: not given. Texts live as long as the process. */
struct configuration {
    const char *redis_url;
    const char *redis_ca_file;
    const char *redis_certificate_file;
    const char *redis_key_file;
    const char *database_url;
    const char *stream;
    int64_t shards;
    const char *group;
    const char *worker;
    const char *listen;
    int64_t batch_max;
    int64_t claim_idle_ms;
    int64_t retain_ms;
    int64_t retain_bytes; /* 0: by what Redis has */
    bool no_trim;
    int64_t loss_grace_ms;
    bool no_migrate;
    bool no_roles;
    bool enabled;
    const char *log_level;
    const char *log_format;

    bool live;          /* health */
    const char *format; /* doctor, groups */
    bool force;         /* groups drop */
    char **words;       /* what stands behind the command, then NULL; set by main */

    bool help;
    bool version;
    bool print_configuration;
    bool print_metrics;
    const char *print_completion;
    const char *print_manual;
};

/* What people are told of, by --help and the configuration page. */
extern const struct options_table configuration_options;

/* The same, and the flags that print something and end the program. */
extern const struct options_table configuration_table;

/* What the types of options cannot say: lengths and characters of names. FATAL, "config". */
bool configuration_check(const struct configuration *configuration, struct error *error);

#endif
