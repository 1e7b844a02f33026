#include "replay/verify/stream_line.h"

#include <string.h>

bool stream_line_open(const struct settings *settings, const struct clock *clock, struct redis **redis,
                      struct error *error)
{
    const struct redis_options options = {
        .url = settings->redis_url,
        .ca_file = settings->redis_ca_file,
        .certificate_file = settings->redis_certificate_file,
        .key_file = settings->redis_key_file,
        .client_name = "taskledger-replay",
        .clock = clock,
    };

    *redis = NULL;
    if (settings->redis_url == NULL)
        return true;
    *redis = redis_new(&options, error);
    if (*redis == NULL)
        return false;
    if (redis_connect(*redis, error))
        return true;
    redis_free(*redis);
    *redis = NULL;
    return false;
}

bool stream_line_is_shut(const struct error *error)
{
    static const char *const refusals[] = {"noauth", "wrongpass", "nopassword", "noperm", "denied", "tls"};

    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        if (strcmp(error->reason, refusals[i]) == 0)
            return true;
    return error->kind == ERROR_TRANSIENT;
}
