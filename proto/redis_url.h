/* redis_url: where a Redis is, and who we are there.
 *
 *   redis://[[user]:password@]host[:port][/db]      rediss:// the same over TLS
 *   unix://[[user]:password@]/path/to.sock[?db=n]
 *   redis+sentinel://[[user]:password@]host[:port][,host[:port]...]/service[/db][?parameter=value[&parameter=value]]
 *                                                   rediss+sentinel:// the same over TLS, to sentinels and servers
 *   redis+cluster://[[user]:password@]host[:port][,host[:port]...]
 *                                                   rediss+cluster:// the same over TLS, to every node
 *
 * With Sentinel the hosts are those of the sentinels, `service` is the name by which they know the master, and user and
 * password are for the Redis that is the master. What the sentinels themselves want is said by the parameters
 * sentinel_username and sentinel_password; without the latter we say nothing to them.
 *
 * Of a cluster the hosts are the seeds, nodes that know the others; user and password are for all nodes. It has only
 * the db 0.
 *
 * User, password, host, path and parameters may be percent-encoded, and must be where they hold one of :/?#@%[],&=; an
 * IPv6 address stands in brackets. The default port is 6379, of a sentinel 26379, the default db 0. Anything else is
 * refused by a text that says what was expected and never quotes the URL, since that may hold a password. */
#ifndef TASKLEDGER_PROTO_REDIS_URL_H
#define TASKLEDGER_PROTO_REDIS_URL_H

#include "proto/error.h"
#include "proto/slice.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    REDIS_URL_HOST_MAX = 256,
    REDIS_URL_PORT_MAX = 6,
    REDIS_URL_PATH_MAX = 108, /* as long as sockaddr_un allows */
    REDIS_URL_SECRET_MAX = 1024,
    REDIS_URL_DB_MAX = 1000000,
    REDIS_URL_SERVICE_MAX = 128,
    REDIS_URL_SENTINELS_MAX = 8,
    REDIS_URL_SEEDS_MAX = 8,
    REDIS_URL_PLACE_MAX = 448, /* what redis_url_describe writes at most, with the NUL */
};

/* A name or an address without brackets, and a number. */
struct redis_url_node {
    char host[REDIS_URL_HOST_MAX];
    char port[REDIS_URL_PORT_MAX];
};

struct redis_url {
    bool tls;
    struct redis_url_node node;          /* host is empty: `path` is a Unix socket, or there are sentinels or seeds */
    char path[REDIS_URL_PATH_MAX];       /* empty: none */
    char user[REDIS_URL_SECRET_MAX];     /* empty: the default user */
    char password[REDIS_URL_SECRET_MAX]; /* empty: none */
    unsigned db;

    struct redis_url_node sentinels[REDIS_URL_SENTINELS_MAX];
    size_t sentinel_count;               /* 0: none */
    char service[REDIS_URL_SERVICE_MAX]; /* with sentinels never empty */
    char sentinel_user[REDIS_URL_SECRET_MAX];
    char sentinel_password[REDIS_URL_SECRET_MAX];

    struct redis_url_node seeds[REDIS_URL_SEEDS_MAX];
    size_t seed_count; /* 0: it is no cluster */
};

/* FATAL, "config". */
bool redis_url_parse(const char *text, struct redis_url *url, struct error *error);

/* By their names: nothing is looked up. */
bool redis_url_same_node(const struct redis_url_node *a, const struct redis_url_node *b);

/* Host and port as a server told them. FATAL, "config", when they are none. */
bool redis_url_read_node(struct slice host, struct slice port, struct redis_url_node *node, struct error *error);

/* The same place without user and password: "rediss://host:6380/2", "unix:///run/redis.sock?db=2",
 * "redis+sentinel://s1:26379,s2:26379/mymaster/2", "redis+cluster://n1:6379,n2:6379". Sentinels and seeds that have no
 * room are counted: ",+3 more/mymaster". */
void redis_url_describe(const struct redis_url *url, char place[REDIS_URL_PLACE_MAX]);

/* The same in as few words as tell it from other places, however one gets there: "host:6379/0",
 * "unix:/run/redis.sock/0"; with sentinels or seeds the one that is first by its name, "s1:26379/mymaster/0",
 * "n1:6379/cluster". Names in small letters. */
void redis_url_target(const struct redis_url *url, char target[REDIS_URL_PLACE_MAX]);

/* "host:6379", "[::1]:6379"; cut to `size`, terminated. */
void redis_url_describe_node(const struct redis_url_node *node, char *place, size_t size);

/* ---- whom to connect to, and as whom ----------------------------------------------------------------------------- */

/* All borrowed. */
struct redis_url_server {
    bool tls;
    const struct redis_url_node *node;
    const char *path; /* empty: it is `node` */
    const char *user;
    const char *password;
    unsigned db;
};

/* The server that the URL names. With sentinels, and in a cluster, it is at `node`, which they told. */
struct redis_url_server redis_url_server(const struct redis_url *url, const struct redis_url_node *node);

/* One of its sentinels. */
struct redis_url_server redis_url_sentinel(const struct redis_url *url, size_t place);

#endif
