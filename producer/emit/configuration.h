/* configuration: what flags and environment said.
 *
 * One table for each command; what all of them share is its last part. */
#ifndef TASKLEDGER_PRODUCER_EMIT_CONFIGURATION_H
#define TASKLEDGER_PRODUCER_EMIT_CONFIGURATION_H

#include "producer/emit/field.h"
#include "producer/taskledger/producer.h"
#include "proto/error.h"
#include "proto/options.h"

#include <stdbool.h>
#include <stdint.h>

/* NULL: not given. Texts live as long as the process. */
struct configuration {
    const char *redis_url;
    const char *redis_ca_file;
    const char *redis_certificate_file;
    const char *redis_key_file;
    const char *stream;
    int64_t shards;
    const char *worker;
    const char *spool; /* a word */
    const char *spool_dir;
    const char *spool_target;
    int64_t spool_bytes;
    int64_t timeout_ms; /* how long to wait for Redis */
    bool enabled;
    bool help;

    const char *task_id;
    const char *task_name;
    int64_t attempt;
    const char *queue;
    const char *parent_task_id;
    const char *traceparent;
    const char *step;
    const char *progress; /* a decimal number, still as text */
    const char *message;
    const char *error_type;
    const char *error_message;
    const char *error_traceback;
    const char *data_json;

    int64_t limit_ms; /* 0: none */
    int64_t kill_after_ms;
    int64_t retries;
    int64_t retry_delay_ms;
    int64_t heartbeat_ms; /* 0: none */
    bool claim;
    int64_t claim_wait_ms;
    int64_t claim_held_exit;
    bool claim_keep;
    const char *permit; /* NAME:N, still as text */
    int64_t permit_wait_ms;
    int64_t permit_local;
    int64_t lease_ms;

    bool wait;
    const char *format; /* a word */
    bool all;

    const char *list;
    const char *bridge_url;
    const char *take_from; /* a word */
    const char *forward;
    const char *instance;
    const char *status_map;
    const char *zone;
    bool once;
};

extern const struct options_table configuration_status;
extern const struct options_table configuration_lines;
extern const struct options_table configuration_run;
extern const struct options_table configuration_sweep;
extern const struct options_table configuration_stats;
extern const struct options_table configuration_bridge;
extern const struct options_table configuration_permits;
extern const struct options_table configuration_claims;

/* A command's table in its two parts: its own, and what all commands share. */
struct options_table configuration_own(const struct options_table *table);
struct options_table configuration_shared(const struct options_table *table);

/* What the flags of status and of run are called in the library. */
extern const struct field_name configuration_status_names[];
extern const struct field_name configuration_run_names[];

/* Where the spool is, given or not. FATAL, "config". */
bool configuration_spool_dir(const struct configuration *configuration, const char **directory, struct error *error);

/* The event that the flags tell, still without task_id, status and progress. */
struct taskledger_event configuration_event(const struct configuration *configuration);

#endif
