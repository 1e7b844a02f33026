/* tls_front: TLS on a loopback port in front of a redis_peer, on a thread of its own, one connection after the
 * other. */
#ifndef TASKLEDGER_TESTS_SUPPORT_TLS_FRONT_H
#define TASKLEDGER_TESTS_SUPPORT_TLS_FRONT_H

#include <limits.h>
#include <stddef.h>

enum { TLS_FRONT_UNCUT = INT_MAX };

/* A certificate for 127.0.0.1 that signed itself, and its key. */
struct tls_front_identity;

struct tls_front_identity *tls_front_identity_new(void);
void tls_front_identity_free(struct tls_front_identity *identity);

/* A file that holds the certificate; it goes with the identity. */
const char *tls_front_ca_file(const struct tls_front_identity *identity);

struct tls_front;

/* What comes is passed on to this loopback port. The first connection is cut when so many bytes have gone to the
 * client. */
struct tls_front *tls_front_start(struct tls_front_identity *identity, unsigned peer_port, int cut_bytes);
void tls_front_stop(struct tls_front *front);

unsigned tls_front_port(const struct tls_front *front);

#endif
