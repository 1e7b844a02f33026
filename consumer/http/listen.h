/* listen: an address that a program serves at, as an operator writes it.
 *
 *   127.0.0.1:9464   [::1]:9464   localhost:9464
 *   :9464            every address of the machine
 *   ...:0            a free port */
#ifndef TASKLEDGER_CONSUMER_HTTP_LISTEN_H
#define TASKLEDGER_CONSUMER_HTTP_LISTEN_H

#include "proto/error.h"

#include <stdbool.h>
#include <stddef.h>

enum { LISTEN_HOST_BYTES_MAX = 256, LISTEN_PORT_BYTES_MAX = 6 };

struct listen {
    char host[LISTEN_HOST_BYTES_MAX]; /* empty: every address */
    char port[LISTEN_PORT_BYTES_MAX];
};

/* FATAL, "config". */
bool listen_parse(const char *text, struct listen *listen, struct error *error);

/* A socket that listens there, non-blocking, closed on exec. FATAL, "listen". */
bool listen_open(const struct listen *listen, int *descriptor, struct error *error);

/* A socket connected to who listens there; to the machine itself where that is every address. TRANSIENT. */
bool listen_connect(const struct listen *listen, int timeout_ms, int *descriptor, struct error *error);

/* The address that a socket has, written as above. */
void listen_describe(int descriptor, char *text, size_t size);

#endif
