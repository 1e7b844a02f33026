/* redis_url: where a Redis is, and who we are there.
 *
 *   redis://[[user][:password]@]host[:port][/db]      rediss:// the same over TLS
 *   unix://[[user][:password]@]/path/to.sock[?db=n]
 *
 * User, password, host and path may be percent-encoded; an IPv6 address stands in brackets. The default port is 6379,
 * the default db 0. Anything else is refused by a text that says what was expected and never quotes the URL, since that
 * may hold a password. */
#ifndef TASKLEDGER_PROTO_REDIS_URL_H
#define TASKLEDGER_PROTO_REDIS_URL_H

#include "proto/error.h"

#include <stdbool.h>
#include <stddef.h>

enum { REDIS_URL_PART_MAX = 1024, REDIS_URL_PORT_MAX = 6, REDIS_URL_PATH_MAX = 108, REDIS_URL_DB_MAX = 1000000 };

struct redis_url {
    bool tls;
    char host[256];                   /* empty: `path` is a Unix socket */
    char port[REDIS_URL_PORT_MAX];
    char path[REDIS_URL_PATH_MAX];    /* as long as sockaddr_un allows */
    char user[REDIS_URL_PART_MAX];    /* empty: the default user */
    char password[REDIS_URL_PART_MAX]; /* empty: none */
    unsigned db;
};

/* FATAL, "config". */
bool redis_url_parse(const char *text, struct redis_url *url, struct error *error);

/* The same place without user and password. */
void redis_url_describe(const struct redis_url *url, char *text, size_t size);

#endif
