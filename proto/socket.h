/* socket: a stream of bytes to a server, with a deadline on everything and never a SIGPIPE.
 *
 * TCP or Unix, close-on-exec, not blocking. TCP sends at once (no Nagle), asks after a silent peer from 15 s on, and
 * gives one up after 30 s without a sign of life.
 *
 * Errors are TRANSIENT: "connection", "timeout", "canceled", "lookup", "memory". After one the socket is only good for
 * being closed. */
#ifndef TASKLEDGER_PROTO_SOCKET_H
#define TASKLEDGER_PROTO_SOCKET_H

#include "proto/deadline.h"
#include "proto/error.h"
#include "proto/resolve.h"
#include "proto/slice.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct socket {
    atomic_int descriptor; /* -1: closed */
    struct resolve resolve;
};

void socket_init(struct socket *socket);

/* All addresses of the host are tried in turn, each with its share of the time that is left. */
bool socket_open_tcp(struct socket *socket, const char *host, const char *port, const struct deadline *deadline,
                     struct error *error);
bool socket_open_unix(struct socket *socket, const char *path, const struct deadline *deadline, struct error *error);

/* All of it, or an error. */
bool socket_send(struct socket *socket, struct slice bytes, const struct deadline *deadline, struct error *error);

/* At least one byte and at most `size`; the end of the stream is an error. */
bool socket_receive(struct socket *socket, void *buffer, size_t size, size_t *received, const struct deadline *deadline,
                    struct error *error);

/* Is there something to receive, or an error to be told, without waiting? */
bool socket_has_input(const struct socket *socket);

/* Can be opened again. */
void socket_close(struct socket *socket);

/* Close for good, also what a lookup holds. */
void socket_free(struct socket *socket);

/* In a forked child: close the inherited descriptor, nothing else. Async-signal-safe. */
void socket_abandon(struct socket *socket);

#endif
