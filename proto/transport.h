/* transport: the socket to Redis, inside TLS when the URL says so.
 *
 * This is the only door to OpenSSL's TLS, which never sees the socket: it writes into memory and reads from memory, and
 * what it wrote is sent by proto/socket. So no library call can raise SIGPIPE or wait without an end.
 *
 * TLS is 1.2 or newer. The server must show a certificate that leads to a trusted one and is for the host we meant;
 * there is no way to go on without. Certificates and keys are read at every open, so that renewed ones are used.
 *
 * Errors are those of proto/socket.h, and FATAL: "config", a file that cannot be used; "tls", a server that is not to
 * be trusted, that does not trust us, or that does not speak TLS. The text says which. */
#ifndef TASKLEDGER_PROTO_TRANSPORT_H
#define TASKLEDGER_PROTO_TRANSPORT_H

#include "proto/deadline.h"
#include "proto/error.h"
#include "proto/redis_url.h"
#include "proto/slice.h"
#include "proto/socket.h"

#include <stdbool.h>
#include <stddef.h>

struct transport_tls;

/* All borrowed. */
struct transport_options {
    struct redis_url_server server;
    const char *ca_file;          /* NULL: what the system trusts */
    const char *certificate_file; /* NULL: we show none */
    const char *key_file;
};

struct transport {
    struct socket socket;
    struct transport_tls *tls; /* NULL: bytes go as they are */
};

void transport_init(struct transport *transport);

/* Connect, and inside TLS shake hands and verify. */
bool transport_open(struct transport *transport, const struct transport_options *options,
                    const struct deadline *deadline, struct error *error);

/* As socket_send and socket_receive. */
bool transport_send(struct transport *transport, struct slice bytes, const struct deadline *deadline,
                    struct error *error);
bool transport_receive(struct transport *transport, void *buffer, size_t size, size_t *received,
                       const struct deadline *deadline, struct error *error);

/* As socket_has_input; part of a TLS record is something, too. */
bool transport_has_input(const struct transport *transport);

/* Of the socket: for poll alone. */
int transport_descriptor(const struct transport *transport);

/* Can be opened again. */
void transport_close(struct transport *transport);

/* Close for good. */
void transport_free(struct transport *transport);

/* In a forked child: as socket_abandon. */
void transport_abandon(struct transport *transport);

#endif
