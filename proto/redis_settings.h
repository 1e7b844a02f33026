/* redis_settings: struct redis_options, checked, copied, and with its defaults filled in. */
#ifndef TASKLEDGER_PROTO_REDIS_SETTINGS_H
#define TASKLEDGER_PROTO_REDIS_SETTINGS_H

#include "proto/clock.h"
#include "proto/error.h"
#include "proto/redis.h"
#include "proto/redis_url.h"

#include <stdbool.h>
#include <stddef.h>

/* Owns its texts. Zeroed is empty. */
struct redis_settings {
    struct redis_url url;
    char address[REDIS_URL_PLACE_MAX]; /* without secrets */
    char *ca_file;
    char *certificate_file;
    char *key_file;
    char *client_name; /* as Redis takes them: what it does not take is a hyphen */
    int connect_timeout_ms;
    int request_timeout_ms;
    size_t reply_string_max;
    bool nodes_fail_alone;
    const struct clock *clock;
    int cancel_descriptor;
    int wake_descriptor;
};

/* FATAL, "config"; TRANSIENT, "memory". */
bool redis_settings_init(struct redis_settings *settings, const struct redis_options *options, struct error *error);

/* Overwrites the password. */
void redis_settings_close(struct redis_settings *settings);

#endif
