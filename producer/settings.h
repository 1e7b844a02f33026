/* settings: what the caller asked for, checked, with the defaults filled in, in memory of our own.
 *
 * Never changed after they were made, so any thread, and any child of a fork, may read them. */
#ifndef TASKLEDGER_PRODUCER_SETTINGS_H
#define TASKLEDGER_PRODUCER_SETTINGS_H

#include "producer/taskledger/producer.h"
#include "proto/error.h"
#include "proto/redis.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SETTINGS_SPOOL_DIR "/var/lib/taskledger"

enum { SETTINGS_WORKER_BYTES_MAX = 255, SETTINGS_HOST_BYTES_MAX = 255, SETTINGS_REPORTS_MAX = 65536 };

struct settings {
    char *redis_url; /* texts are owned; NULL: not given */
    char *stream;
    char *worker; /* NULL: host name and process number */
    char *ca_file;
    char *certificate_file;
    char *key_file;
    char host[SETTINGS_HOST_BYTES_MAX + 1];
    unsigned shards;
    size_t queue_events;
    size_t queue_bytes;
    int connect_timeout_ms;
    int request_timeout_ms;
    int backoff_base_ms;
    int backoff_cap_ms;
    enum taskledger_spool spool; /* never TASKLEDGER_SPOOL_DEFAULT */
    char *spool_dir;
    char *spool_target; /* never NULL */
    uint64_t spool_bytes;
    int spool_sync_ms; /* negative: never */
    int confirm_ms;
    size_t reports;
    bool disabled;
};

/* NULL options, and zeros in them, take the defaults. FATAL, "config", also when memory is short; nothing is then left
 * to close. */
bool settings_init(struct settings *settings, const struct taskledger_options *options, struct error *error);
void settings_close(struct settings *settings);

/* For redis_new; borrows the texts. */
struct redis_options settings_redis(const struct settings *settings);

/* Who emits, in this process. */
void settings_worker(const struct settings *settings, char worker[SETTINGS_WORKER_BYTES_MAX + 1]);

#endif
