#include "proto/redis_url.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { NODE_PLACE_MAX = REDIS_URL_HOST_MAX + REDIS_URL_PORT_MAX + 3, LIST_MAX = 280, DB_MAX = 16 };

static_assert(sizeof "rediss+sentinel:///" + LIST_MAX + REDIS_URL_SERVICE_MAX + DB_MAX <= REDIS_URL_PLACE_MAX,
              "a place with sentinels must fit");

void redis_url_describe_node(const struct redis_url_node *node, char *place, size_t size)
{
    bool brackets = strchr(node->host, ':') != NULL;

    snprintf(place, size, "%s%s%s:%s", brackets ? "[" : "", node->host, brackets ? "]" : "", node->port);
}

/* As many as fit, and how many do not, for which there is always room. */
static void list_sentinels(const struct redis_url *url, char list[LIST_MAX])
{
    static const char rest[] = ",+8 more";
    size_t used = 0;

    list[0] = '\0';
    for (size_t i = 0; i < url->sentinel_count; i++) {
        const char *comma = i == 0 ? "" : ",";
        char node[NODE_PLACE_MAX];

        redis_url_describe_node(&url->sentinels[i], node, sizeof node);
        if (used + strlen(comma) + strlen(node) + sizeof rest > LIST_MAX) {
            snprintf(list + used, LIST_MAX - used, "%s+%zu more", comma, url->sentinel_count - i);
            return;
        }
        used += (size_t)snprintf(list + used, LIST_MAX - used, "%s%s", comma, node);
    }
}

static void describe_sentinels(const struct redis_url *url, const char *db, char place[REDIS_URL_PLACE_MAX])
{
    const char *scheme = url->tls ? "rediss+sentinel" : "redis+sentinel";
    char list[LIST_MAX];

    list_sentinels(url, list);
    snprintf(place, REDIS_URL_PLACE_MAX, "%s://%s/%s%s", scheme, list, url->service, db);
}

static void describe_server(const struct redis_url *url, const char *db, char place[REDIS_URL_PLACE_MAX])
{
    char node[NODE_PLACE_MAX];

    redis_url_describe_node(&url->node, node, sizeof node);
    snprintf(place, REDIS_URL_PLACE_MAX, "%s://%s%s", url->tls ? "rediss" : "redis", node, db);
}

void redis_url_describe(const struct redis_url *url, char place[REDIS_URL_PLACE_MAX])
{
    char db[DB_MAX] = "";

    if (url->db != 0)
        snprintf(db, sizeof db, url->path[0] == '\0' ? "/%u" : "?db=%u", url->db);

    if (url->path[0] != '\0')
        snprintf(place, REDIS_URL_PLACE_MAX, "unix://%s%s", url->path, db);
    else if (url->sentinel_count > 0)
        describe_sentinels(url, db, place);
    else
        describe_server(url, db, place);
}

static const struct redis_url_node *first_sentinel(const struct redis_url *url)
{
    const struct redis_url_node *first = &url->sentinels[0];

    for (size_t i = 1; i < url->sentinel_count; i++) {
        const struct redis_url_node *node = &url->sentinels[i];
        int order = strcasecmp(node->host, first->host);

        if (order < 0 || (order == 0 && strcmp(node->port, first->port) < 0))
            first = node;
    }
    return first;
}

void redis_url_target(const struct redis_url *url, char target[REDIS_URL_PLACE_MAX])
{
    char node[NODE_PLACE_MAX];

    redis_url_describe_node(url->sentinel_count > 0 ? first_sentinel(url) : &url->node, node, sizeof node);
    for (char *at = node; *at != '\0'; at++)
        *at = (char)tolower((unsigned char)*at);

    if (url->sentinel_count > 0)
        snprintf(target, REDIS_URL_PLACE_MAX, "%s/%s/%u", node, url->service, url->db);
    else if (url->path[0] != '\0')
        snprintf(target, REDIS_URL_PLACE_MAX, "unix:%s/%u", url->path, url->db);
    else
        snprintf(target, REDIS_URL_PLACE_MAX, "%s/%u", node, url->db);
}
