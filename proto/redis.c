#include "proto/redis.h"

#include "proto/cluster.h"
#include "proto/redis_error.h"
#include "proto/redis_link.h"
#include "proto/redis_settings.h"
#include "proto/sentinel.h"
#include "proto/transport_gate.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct redis {
    struct redis_settings settings;
    struct sentinel sentinel;
    struct redis_link link;
    struct cluster *cluster; /* instead of the link; NULL: it is none */
};

/* ---- making ---- */

static bool out_of_memory(struct error *error)
{
    return error_set(error, ERROR_TRANSIENT, "memory", "could not make a Redis line: out of memory");
}

static bool init(struct redis *redis, const struct redis_options *options, struct error *error)
{
    redis_link_init(&redis->link, &redis->settings);
    sentinel_init(&redis->sentinel, &redis->settings);
    if (!redis_settings_init(&redis->settings, options, error))
        return false;
    if (redis->settings.url.seed_count > 0) {
        redis->cluster = cluster_new(&redis->settings);
        if (redis->cluster == NULL)
            return out_of_memory(error);
    }
    return !redis->settings.url.tls || transport_gate_watch() || out_of_memory(error);
}

struct redis *redis_new(const struct redis_options *options, struct error *error)
{
    struct redis *redis = calloc(1, sizeof *redis);

    if (redis == NULL)
        out_of_memory(error);
    else if (init(redis, options, error))
        return redis;
    redis_free(redis);
    return NULL;
}

void redis_free(struct redis *redis)
{
    if (redis == NULL)
        return;
    cluster_free(redis->cluster);
    redis_link_free(&redis->link);
    redis_settings_close(&redis->settings);
    free(redis);
}

/* ---- the connection ---- */

void redis_disconnect(struct redis *redis)
{
    if (redis->cluster != NULL)
        cluster_disconnect(redis->cluster);
    redis_link_close(&redis->link);
}

bool redis_is_connected(const struct redis *redis)
{
    return redis->cluster != NULL ? cluster_is_connected(redis->cluster) : redis_link_is_open(&redis->link);
}

const char *redis_address(const struct redis *redis)
{
    return redis->settings.address;
}

void redis_abandon(struct redis *redis)
{
    if (redis->cluster != NULL)
        cluster_abandon(redis->cluster);
    redis_link_abandon(&redis->link);
}

/* Say whose error it is. */
static bool told_by(const struct redis *redis, struct error *error)
{
    return error_wrap(error, "%s", redis->settings.address);
}

/* Which of several it is; NULL: there is only one, or it was none. */
static const struct redis_url_node *server_asked(const struct redis *redis)
{
    if (redis->cluster != NULL)
        return cluster_asked(redis->cluster);
    return redis->settings.url.sentinel_count > 0 ? &redis->sentinel.master : NULL;
}

/* The error of a server: with Sentinel or in a cluster, of which one. */
static bool told_by_server(struct redis *redis, struct error *error)
{
    const struct redis_url_node *asked = server_asked(redis);
    char place[REDIS_URL_PLACE_MAX];

    if (asked != NULL) {
        redis_url_describe_node(asked, place, sizeof place);
        error_wrap(error, "%s", place);
    }
    return told_by(redis, error);
}

/* A server that says it is no master that can be written to is not asked again: the next connection goes to whoever is
 * the master then. In a cluster that is the affair of one node, and the others go on. */
static void heed(struct redis *redis, const struct error *error)
{
    bool moved = redis_error_says_moved(error);

    if (redis->cluster == NULL && moved)
        redis_disconnect(redis);
    if (redis->cluster != NULL && (moved || redis_error_is(error, "clusterdown")))
        cluster_doubt(redis->cluster);
}

/* After anything that the server or the network did. */
static bool fail(struct redis *redis, struct error *error)
{
    heed(redis, error);
    return told_by_server(redis, error);
}

static bool check_connected(const struct redis *redis, struct error *error)
{
    if (redis_is_connected(redis))
        return true;
    error_set(error, ERROR_TRANSIENT, "connection", "not connected");
    return told_by(redis, error);
}

/* ---- connecting ---- */

static bool find_server(struct redis *redis, int64_t connect_by_us, struct error *error)
{
    return redis->settings.url.sentinel_count == 0 ||
           sentinel_find_master(&redis->sentinel, &redis->link, connect_by_us, error) || told_by(redis, error);
}

static bool open_cluster(struct redis *redis, int64_t connect_by_us, struct error *error)
{
    return cluster_connect(redis->cluster, connect_by_us, error) || told_by_server(redis, error);
}

static bool open_server(struct redis *redis, int64_t connect_by_us, struct error *error)
{
    const struct redis_url_server server = redis_url_server(&redis->settings.url, &redis->sentinel.master);
    bool by_sentinel = redis->settings.url.sentinel_count > 0;
    bool good = redis_link_open(&redis->link, &server, connect_by_us, error) &&
                (!by_sentinel || sentinel_check_master(&redis->link, error));

    if (by_sentinel)
        sentinel_note(&redis->sentinel, good);
    return good || told_by_server(redis, error);
}

bool redis_connect(struct redis *redis, struct error *error)
{
    int64_t connect_by_us = clock_deadline_us(redis->settings.clock, redis->settings.connect_timeout_ms);
    struct error why;

    if (redis_is_connected(redis))
        return true;
    if (redis->cluster != NULL ? open_cluster(redis, connect_by_us, &why)
                               : find_server(redis, connect_by_us, &why) && open_server(redis, connect_by_us, &why))
        return true;

    redis_disconnect(redis);
    *error = why;
    return false;
}

/* ---- commands and answers ---- */

bool redis_append(struct redis *redis, const struct slice *words, size_t count, struct error *error)
{
    if (!check_connected(redis, error))
        return false;
    if (redis->cluster != NULL)
        return cluster_append(redis->cluster, words, count, error) || told_by_server(redis, error);
    return redis_link_append(&redis->link, words, count, error) || told_by(redis, error);
}

size_t redis_nodes(const struct redis *redis)
{
    return redis->cluster != NULL ? cluster_nodes(redis->cluster) : 1;
}

void redis_describe_node(const struct redis *redis, size_t node, char *place, size_t size)
{
    if (redis->cluster != NULL)
        cluster_describe_node(redis->cluster, node, place, size);
    else
        snprintf(place, size, "%s", redis->settings.address);
}

void redis_turn_to(struct redis *redis, size_t node)
{
    if (redis->cluster != NULL)
        cluster_turn_to(redis->cluster, node);
}

bool redis_send(struct redis *redis, struct error *error)
{
    if (!check_connected(redis, error))
        return false;
    if (redis->cluster != NULL)
        return cluster_send(redis->cluster, error) || fail(redis, error);
    return redis_link_send(&redis->link, error) || fail(redis, error);
}

bool redis_receive_part(struct redis *redis, const struct redis_visitor *visitor, size_t part_bytes, int extra_wait_ms,
                        bool *complete, struct error *error)
{
    if (!check_connected(redis, error))
        return false;
    if (redis->cluster != NULL)
        return cluster_receive_part(redis->cluster, visitor, part_bytes, extra_wait_ms, complete, error) ||
               fail(redis, error);
    return redis_link_receive_part(&redis->link, visitor, part_bytes, extra_wait_ms, complete, error) ||
           fail(redis, error);
}

bool redis_receive(struct redis *redis, struct arena *arena, int extra_wait_ms, struct reply *reply,
                   struct error *error)
{
    if (!check_connected(redis, error))
        return false;
    if (redis->cluster != NULL)
        return cluster_receive(redis->cluster, arena, extra_wait_ms, reply, error) || fail(redis, error);
    return redis_link_receive(&redis->link, arena, extra_wait_ms, reply, error) || fail(redis, error);
}

bool redis_has_input(const struct redis *redis)
{
    if (!redis_is_connected(redis))
        return true;
    return redis->cluster != NULL ? cluster_has_input(redis->cluster) : redis_link_has_input(&redis->link);
}

bool redis_has_buffered(const struct redis *redis)
{
    return redis->cluster != NULL ? cluster_has_buffered(redis->cluster) : redis_link_has_buffered(&redis->link);
}

int redis_descriptor(const struct redis *redis)
{
    if (redis->cluster != NULL)
        return cluster_descriptor(redis->cluster);
    return redis_is_connected(redis) ? redis_link_descriptor(&redis->link) : -1;
}

bool redis_call(struct redis *redis, const struct slice *words, size_t count, struct arena *arena, struct reply *reply,
                struct error *error)
{
    assert(redis->link.outstanding == 0);
    bool good = redis_append(redis, words, count, error) && redis_send(redis, error) &&
                redis_receive(redis, arena, 0, reply, error);

    /* Redis names the command only when that is what may not be used, not when it is a key or a script. */
    if (!good && redis_error_is(error, "noperm"))
        error_wrap(error, "%.*s", SLICE_PRINT(words[0]));
    return good;
}
