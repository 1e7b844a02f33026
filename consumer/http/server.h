/* server: HTTP/1.1 for those who look at us, the one door to libmicrohttpd.
 *
 * One thread of the library serves all connections (epoll, all signals blocked). It calls `serve` once a request is
 * complete; what is asked and what is answered is an exchange. There are three ways to end one, exactly one is taken:
 *
 *   at once   server_answer() within `serve`
 *   later     `serve` returns without an answer: the connection sleeps, costs no thread, and somebody else, in any
 *             thread, says server_answer() or server_stream(). Whoever keeps an exchange answers it, always, and has a
 *             deadline for it: the server has none, a sleeping connection does not time out
 *   a stream  server_stream(): bytes come whenever there are some; in between the connection sleeps until
 *             server_wake(). An idle stream costs SERVER_STREAM_BYTES and the connection's own memory
 *
 * `serve`, `read` and `close` are called in the library's thread, one at a time, without a lock of ours: they must not
 * wait for servers or disks; all other exchanges wait meanwhile. A lock of the caller may be held while calling us, and
 * taken in `serve`, `read` and `close`.
 *
 * Bounded: connections (all, and of one address), their memory (which bounds heads), bodies, answers that are not taken
 * yet (all together), the seconds in which a peer must send or take something. Who needs more is answered 413, 414, 431
 * or 503, or closed. A sleeping stream whose peer is gone is noticed when it is woken, so a stream needs heartbeats; who
 * ends his side of the connection is gone. */
#ifndef TASKLEDGER_CONSUMER_HTTP_SERVER_H
#define TASKLEDGER_CONSUMER_HTTP_SERVER_H

#include "proto/error.h"
#include "proto/slice.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    SERVER_STREAM_BYTES = 2048,     /* what `read` is asked for at a time is at most this */
    SERVER_QUERY_MAX = 64,          /* pairs in a query; with more the request is 400 before `serve` is called */
    SERVER_HEADERS_MAX = 16,        /* of an answer */
    SERVER_ADDRESS_BYTES_MAX = 272, /* of server_address(), the final NUL included */
    SERVER_PEER_BYTES_MAX = 64,     /* of server_peer(), the final NUL included */
};

struct server;
struct server_exchange;

struct server_options {
    const char *listen;   /* as consumer/http/listen.h reads it */
    int connections;      /* at the same time; streams are among them, so whoever opens these must stop well below */
    int connections_each; /* of one address; 0: no limit. Behind a proxy all are of one address */
    int timeout_s;        /* without a byte taken or sent while not asleep; then closed */
    size_t memory_bytes;  /* of one connection: head of request and answer, and a piece of the body */
    size_t body_bytes;    /* of one request; 0: bodies are thrown away unseen */
    size_t answer_bytes;  /* of bodies that were copied and are not whole with their peers, all together; 0: no limit */
    const struct server_answer *instead; /* static: what who is over that is answered; NULL: 503 and a few words */
    void (*serve)(void *self, struct server_exchange *exchange);

    /* It was answered so, so many microseconds after its head had come; a stream when it begins. NULL: nobody counts. In
     * whatever thread answers, under no lock of ours. What the library itself answers is not told. */
    void (*answered)(void *self, unsigned status, int64_t after_us);
    void *self;
};

/* Listen and serve. FATAL, "config", "listen" or "memory". */
struct server *server_open(const struct server_options *options, struct error *error);

/* Ends all: streams are closed, and `close` called, before it returns. Exchanges that were kept must be answered before
 * (stop who answers them first), and nobody else is within a function of ours. */
void server_close(struct server *server);

/* Where it listens, with the real port. Lives as long as the server. */
const char *server_address(const struct server *server);

/* ---- what is asked ----------------------------------------------------------------------------------------------- */

/* All of these, and their slices, may be used from `serve` on until the exchange is answered, by one thread at a time;
 * server_answer and server_stream themselves copy what they are given before it goes. */

/* "GET", as it was sent. */
const char *server_method(const struct server_exchange *exchange);

/* From the first '/', without the query, still percent-encoded: split it, then server_decode each part. */
struct slice server_path(const struct server_exchange *exchange);

/* The index-th value of a name of the query, from 0, decoded ('+' is a blank). False when there is none. One that
 * cannot be decoded (server_decode) makes the request 400 before `serve` is called. */
bool server_query(const struct server_exchange *exchange, const char *name, size_t index, struct slice *value);

/* The name of the index-th pair of the query, decoded; NULL: there are no more. */
const char *server_query_name(const struct server_exchange *exchange, size_t index);

/* Names in any case. False when there is none, or it has no value. */
bool server_header(const struct server_exchange *exchange, const char *name, struct slice *value);

/* Empty without one, or when `body_bytes` is 0. */
struct slice server_body(const struct server_exchange *exchange);

/* The address that it comes from, in digits, without the port; an IPv4 address in IPv6's clothes is shown as IPv4. */
void server_peer(const struct server_exchange *exchange, char peer[SERVER_PEER_BYTES_MAX]);

/* How many connections the server has now, this one too. */
int server_connections(const struct server_exchange *exchange);

/* Percent-decoding into `decoded` (at least text.size bytes); the number of bytes into `*size`. False: a '%' without two
 * digits, or a NUL byte. */
bool server_decode(struct slice text, char *decoded, size_t *size);

/* ---- what is answered -------------------------------------------------------------------------------------------- */

struct server_header {
    const char *name;
    const char *value; /* no line breaks: a header with one is left out */
};

struct server_answer {
    unsigned status;
    const char *type;                    /* Content-Type; NULL: none */
    struct slice body;                   /* copied, unless it is static; HEAD is answered with its size alone */
    bool is_static;                      /* the body lives as long as the program */
    const struct server_header *headers; /* copied; beside them there are only Content-Length, Connection and Date */
    size_t header_count;
};

/* Ends the exchange: not to be touched afterwards. When memory is short the connection is closed instead; when too many
 * answers are not taken, this one is `instead`, unless it is static, or no longer than SERVER_STREAM_BYTES. */
void server_answer(struct server_exchange *exchange, const struct server_answer *answer);

struct server_stream {
    /* Put up to `size` bytes (at least 1, at most SERVER_STREAM_BYTES; a piece of an event is fine) at `buffer`. 0:
     * nothing now; sleep, unless server_wake was said since this call began. Below 0: the end, after what was given. */
    long (*read)(void *self, char *buffer, size_t size);

    /* Exactly once, at the end, whoever ended it: no `read` comes after it, and when it returns the exchange is gone:
     * server_wake must not be called any more. So it takes the exchange off the caller's list, under the lock under
     * which the list is gone through to wake. Also called, without any `read`, when the peer is gone already, for HEAD,
     * and when memory is short. */
    void (*close)(void *self);
    void *self;
};

/* The exchange becomes a stream; body and is_static of the head are not looked at. It lives until `close` returns,
 * which may be in another thread before this returns, when not called within `serve`. */
void server_stream(struct server_exchange *exchange, const struct server_answer *head, struct server_stream stream);

/* There is something to read, or to end. From any thread, any number of times, cheap when it is awake; `read` or
 * `close` is called soon. Never lost: said while `read` runs it makes it run again. */
void server_wake(struct server_exchange *exchange);

#endif
