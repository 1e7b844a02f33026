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

static void check_node(const struct redis_url_node *node)
{
    assert(is_terminated(node->host, sizeof node->host) && is_terminated(node->port, sizeof node->port));
    assert(node->host[0] != '\0' && atoi(node->port) >= 1 && atoi(node->port) <= 65535);
}

static void check_login(const char *user, const char *password)
{
    assert(is_terminated(user, REDIS_URL_SECRET_MAX) && is_terminated(password, REDIS_URL_SECRET_MAX));
    assert(user[0] == '\0' || password[0] != '\0');
}

static void check(const struct redis_url *url)
{
    char place[REDIS_URL_PLACE_MAX];

    assert(is_terminated(url->path, sizeof url->path) && is_terminated(url->service, sizeof url->service));
    assert((url->node.host[0] != '\0') + (url->path[0] == '/') + (url->sentinel_count > 0) + (url->seed_count > 0) ==
           1);
    assert((url->sentinel_count > 0) == (url->service[0] != '\0'));
    assert(url->sentinel_count <= REDIS_URL_SENTINELS_MAX && url->seed_count <= REDIS_URL_SEEDS_MAX);
    assert((url->seed_count == 0 || url->db == 0) && url->db <= REDIS_URL_DB_MAX);
    check_login(url->user, url->password);
    check_login(url->sentinel_user, url->sentinel_password);
    if (url->node.host[0] != '\0')
        check_node(&url->node);
    for (size_t i = 0; i < url->sentinel_count; i++)
        check_node(&url->sentinels[i]);
    for (size_t i = 0; i < url->seed_count; i++)
        check_node(&url->seeds[i]);

    redis_url_describe(url, place);
    assert(is_terminated(place, sizeof place));
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
