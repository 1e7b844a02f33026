/* redis_peer: a server on a Unix socket or a loopback port that answers as it was told, on a thread of its own. */
#ifndef TASKLEDGER_TESTS_SUPPORT_REDIS_PEER_H
#define TASKLEDGER_TESTS_SUPPORT_REDIS_PEER_H

#include <stdbool.h>
#include <stddef.h>

/* The answer to one command. All zero: silence. */
struct redis_peer_answer {
    const char *bytes;
    size_t size;       /* of bytes; 0: they are a text */
    size_t fill_bytes; /* then so many x */
    int drip_ms;       /* with so long a pause behind each of them */
    const char *after; /* then this */
    bool hangs_up;     /* then the connection ends */
};

struct redis_peer;

/* The n-th command it gets, over all connections, is answered by the n-th answer; further ones by silence. The answers
 * are borrowed. */
struct redis_peer *redis_peer_start(const struct redis_peer_answer *answers, size_t count);
struct redis_peer *redis_peer_start_on_port(const struct redis_peer_answer *answers, size_t count);
void redis_peer_stop(struct redis_peer *peer);

/* unix://, or redis://127.0.0.1: and the port that it was given */
const char *redis_peer_url(const struct redis_peer *peer);

/* 0 for a Unix socket. */
unsigned redis_peer_port(const struct redis_peer *peer);

/* The words of all commands so far, separated by spaces, each command ended by a newline. Of what was answered it is
 * complete. */
const char *redis_peer_heard(struct redis_peer *peer);

/* Connections accepted so far. */
size_t redis_peer_connections(struct redis_peer *peer);

#endif
