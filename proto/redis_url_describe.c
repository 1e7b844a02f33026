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
static void list_nodes(const struct redis_url_node *nodes, size_t count, char list[LIST_MAX])
{
    static const char rest[] = ",+8 more";
    size_t used = 0;

    list[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        const char *comma = i == 0 ? "" : ",";
        char node[NODE_PLACE_MAX];

        redis_url_describe_node(&nodes[i], node, sizeof node);
        if (used + strlen(comma) + strlen(node) + sizeof rest > LIST_MAX) {
            snprintf(list + used, LIST_MAX - used, "%s+%zu more", comma, count - i);
            return;
        }
        used += (size_t)snprintf(list + used, LIST_MAX - used, "%s%s", comma, node);
    }
}

static void describe_sentinels(const struct redis_url *url, const char *db, char place[REDIS_URL_PLACE_MAX])
{
    const char *scheme = url->tls ? "rediss+sentinel" : "redis+sentinel";
    char list[LIST_MAX];

    list_nodes(url->sentinels, url->sentinel_count, list);
    snprintf(place, REDIS_URL_PLACE_MAX, "%s://%s/%s%s", scheme, list, url->service, db);
}

static void describe_cluster(const struct redis_url *url, char place[REDIS_URL_PLACE_MAX])
{
    char list[LIST_MAX];

    list_nodes(url->seeds, url->seed_count, list);
    snprintf(place, REDIS_URL_PLACE_MAX, "%s://%s", url->tls ? "rediss+cluster" : "redis+cluster", list);
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
    else if (url->seed_count > 0)
        describe_cluster(url, place);
    else
        describe_server(url, db, place);
}

/* By its name. */
static const struct redis_url_node *first_of(const struct redis_url_node *nodes, size_t count)
{
    const struct redis_url_node *first = nodes;

    for (size_t i = 1; i < count; i++) {
        int order = strcasecmp(nodes[i].host, first->host);

        if (order < 0 || (order == 0 && strcmp(nodes[i].port, first->port) < 0))
            first = &nodes[i];
    }
    return first;
}

/* The node of the URL that stands for all of them. */
static const struct redis_url_node *spokesman(const struct redis_url *url)
{
    if (url->sentinel_count > 0)
        return first_of(url->sentinels, url->sentinel_count);
    return url->seed_count > 0 ? first_of(url->seeds, url->seed_count) : &url->node;
}

void redis_url_target(const struct redis_url *url, char target[REDIS_URL_PLACE_MAX])
{
    char node[NODE_PLACE_MAX];

    redis_url_describe_node(spokesman(url), node, sizeof node);
    for (char *at = node; *at != '\0'; at++)
        *at = (char)tolower((unsigned char)*at);

    if (url->sentinel_count > 0)
        snprintf(target, REDIS_URL_PLACE_MAX, "%s/%s/%u", node, url->service, url->db);
    else if (url->seed_count > 0)
        snprintf(target, REDIS_URL_PLACE_MAX, "%s/cluster", node);
    else if (url->path[0] != '\0')
        snprintf(target, REDIS_URL_PLACE_MAX, "unix:%s/%u", url->path, url->db);
    else
        snprintf(target, REDIS_URL_PLACE_MAX, "%s/%u", node, url->db);
}
