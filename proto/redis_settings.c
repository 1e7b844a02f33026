#include "proto/redis_settings.h"

#include <stdlib.h>
#include <string.h>

enum {
    CONNECT_TIMEOUT_MS_DEFAULT = 1000,
    REQUEST_TIMEOUT_MS_DEFAULT = 2000,
    STRING_MAX_DEFAULT = 1024 * 1024,
};

static bool check_options(const struct redis_options *options, const struct redis_url *url, struct error *error)
{
    bool has_tls_files = options->ca_file != NULL || options->certificate_file != NULL || options->key_file != NULL;

    if (has_tls_files && !url->tls)
        return error_set(error, ERROR_FATAL, "config",
                         "cannot use a CA file, certificate or key: the Redis URL does not begin with rediss:// or "
                         "rediss+sentinel://");
    if ((options->certificate_file == NULL) != (options->key_file == NULL))
        return error_set(error, ERROR_FATAL, "config",
                         "cannot use a certificate without its key, nor a key without its certificate");
    return true;
}

static bool copy_text(char **copy, const char *text)
{
    *copy = text == NULL ? NULL : strdup(text);
    return text == NULL || *copy != NULL;
}

/* Redis takes names without spaces and control characters only; a label is not worth a refusal. */
static void make_nameable(char *name)
{
    for (; name != NULL && *name != '\0'; name++)
        if (*name <= ' ' || *name > '~')
            *name = '-';
}

static int or_default(int timeout_ms, int fallback_ms)
{
    return timeout_ms == 0 ? fallback_ms : timeout_ms;
}

static bool copy_options(struct redis_settings *settings, const struct redis_options *options)
{
    settings->connect_timeout_ms = or_default(options->connect_timeout_ms, CONNECT_TIMEOUT_MS_DEFAULT);
    settings->request_timeout_ms = or_default(options->request_timeout_ms, REQUEST_TIMEOUT_MS_DEFAULT);
    settings->reply_string_max = options->reply_string_max == 0 ? STRING_MAX_DEFAULT : options->reply_string_max;
    settings->nodes_fail_alone = options->nodes_fail_alone;
    settings->clock = options->clock == NULL ? clock_system() : options->clock;
    settings->cancel_descriptor = options->cancel_descriptor;
    settings->wake_descriptor = options->wake_descriptor;

    bool copied = copy_text(&settings->ca_file, options->ca_file) &&
                  copy_text(&settings->certificate_file, options->certificate_file) &&
                  copy_text(&settings->key_file, options->key_file) &&
                  copy_text(&settings->client_name, options->client_name);
    make_nameable(settings->client_name);
    return copied;
}

bool redis_settings_init(struct redis_settings *settings, const struct redis_options *options, struct error *error)
{
    if (!redis_url_parse(options->url, &settings->url, error) || !check_options(options, &settings->url, error))
        return false;
    redis_url_describe(&settings->url, settings->address);

    if (copy_options(settings, options))
        return true;
    redis_settings_close(settings);
    return error_set(error, ERROR_TRANSIENT, "memory", "could not make a Redis line: out of memory");
}

void redis_settings_close(struct redis_settings *settings)
{
    free(settings->ca_file);
    free(settings->certificate_file);
    free(settings->key_file);
    free(settings->client_name);
    explicit_bzero(settings, sizeof *settings);
}
