/* redis_url: where a Redis is, and who we are there.
 *
 *   redis://[[user]:password@]host[:port][/db]      rediss:// the same over TLS
 *   unix://[[user]:password@]/path/to.sock[?db=n]
 *
 * User, password, host and path may be percent-encoded, and must be where they hold one of :/?#@%[]; an IPv6 address
 * stands in brackets. The default port is 6379, the default db 0. Anything else is refused by a text that says what was
 * expected and never quotes the URL, since that may hold a password. */
#ifndef TASKLEDGER_PROTO_REDIS_URL_H
#define TASKLEDGER_PROTO_REDIS_URL_H

#include "proto/error.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    REDIS_URL_HOST_MAX = 256,
    REDIS_URL_PORT_MAX = 6,
    REDIS_URL_PATH_MAX = 108, /* as long as sockaddr_un allows */
    REDIS_URL_SECRET_MAX = 1024,
    REDIS_URL_DB_MAX = 1000000,
    REDIS_URL_PLACE_MAX = 320, /* what redis_url_describe writes at most, with the NUL */
};

struct redis_url {
    bool tls;
    char host[REDIS_URL_HOST_MAX]; /* a name or an address without brackets; empty: `path` is a Unix socket */
    char port[REDIS_URL_PORT_MAX];
    char path[REDIS_URL_PATH_MAX];
    char user[REDIS_URL_SECRET_MAX];     /* empty: the default user */
    char password[REDIS_URL_SECRET_MAX]; /* empty: none */
    unsigned db;
};

/* FATAL, "config". */
bool redis_url_parse(const char *text, struct redis_url *url, struct error *error);

/* The same place without user and password: "rediss://host:6380/2", "unix:///run/redis.sock?db=2". */
void redis_url_describe(const struct redis_url *url, char place[REDIS_URL_PLACE_MAX]);

#endif
