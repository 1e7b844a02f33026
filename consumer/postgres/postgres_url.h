/* postgres_url: which servers a connection string names.
 *
 * libpq tries the hosts of a string one after the other, but leaves deadlines to those who wait for it: one silent host
 * would use up the time of all. So we try them one by one, each with its share. */
#ifndef TASKLEDGER_CONSUMER_POSTGRES_POSTGRES_URL_H
#define TASKLEDGER_CONSUMER_POSTGRES_POSTGRES_URL_H

#include "proto/error.h"

#include <stdbool.h>
#include <stddef.h>

/* Comma-separated lists, as given or as libpq's defaults (PGHOST ...) have them; NULL: none. Owned. */
struct postgres_url {
    char *hosts;
    char *addresses;
    char *ports;
    char *database;
    size_t count; /* of servers, at least 1 */
};

/* One server; an empty text leaves it to libpq. */
struct postgres_host {
    char name[256];
    char address[64];
    char port[8];
};

/* `text` NULL: the defaults alone. FATAL, "config"; never quotes the text, nor takes a piece of a password that was not
 * percent-encoded for a host. */
bool postgres_url_init(struct postgres_url *url, const char *text, struct error *error);
void postgres_url_close(struct postgres_url *url);

struct postgres_host postgres_url_host(const struct postgres_url *url, size_t index);

#endif
