/* Any URL: it is refused, or it is a place with everything a connection needs. */
#include "proto/redis_url.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_terminated(const char *text, size_t size)
{
    return memchr(text, '\0', size) != NULL;
}

static void check(const struct redis_url *url)
{
    char place[REDIS_URL_PLACE_MAX];

    assert(is_terminated(url->host, sizeof url->host) && is_terminated(url->path, sizeof url->path));
    assert(is_terminated(url->user, sizeof url->user) && is_terminated(url->password, sizeof url->password));
    assert((url->host[0] == '\0') == (url->path[0] == '/'));
    assert(url->host[0] == '\0' || (atoi(url->port) >= 1 && atoi(url->port) <= 65535));
    assert(url->user[0] == '\0' || url->password[0] != '\0');
    assert(url->db <= REDIS_URL_DB_MAX);

    redis_url_describe(url, place);
    for (const char *c = place; *c != '\0'; c++)
        assert((unsigned char)*c >= ' ' && *c != '\x7f');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct redis_url url;
    struct error error;

    assert(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    if (redis_url_parse(text, &url, &error))
        check(&url);
    else
        assert(error.kind == ERROR_FATAL && strcmp(error.reason, "config") == 0);
    free(text);
    return 0;
}
