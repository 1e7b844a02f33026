/* redis: one connection to Redis, with a deadline on everything.
 *
 * hiredis parses replies (proto/redis_parser.c, its only door); the socket is ours (proto/transport.h), so nothing here
 * raises SIGPIPE, waits without an end or leaks into a child that execs.
 *
 * With Sentinel (redis+sentinel://) each connect asks who the master is (proto/sentinel.h) and has that server confirm
 * it. An answer that says that the server is none any more, or none that can be written to (READONLY, UNBLOCKED,
 * MASTERDOWN, NOREPLICAS, LOADING) closes the connection, so that the next connect looks anew. In a cluster it closes
 * nothing: it is for one command only, and before the next one another node is asked who has what.
 *
 * In a cluster (redis+cluster://) each command goes to the node that has its key, and redirections are followed
 * (proto/cluster.h); a command about keys of several slots is refused there, FATAL "crossslot".
 *
 * Commands are appended to an output buffer, sent together, and answered in order: a pipeline is nothing special.
 * Sending cannot lock up against answers that nobody reads yet: Redis goes on reading commands while its answers wait.
 * A connection that failed in any way is closed at once, since a late answer would be taken for another command's; what
 * was outstanding is forgotten. Calls then fail TRANSIENT until redis_connect is called again. Any other error *answer*
 * of the server leaves the connection open. Neither errors nor anything else printed here ever holds a password.
 *
 * The one table of answers (proto/redis_error.c) decides kind and reason:
 *   TRANSIENT  "connection", "timeout", "canceled", "loading", "readonly", "busy", "tryagain", "clusterdown",
 *              "masterdown", "oom", "misconf", "noreplicas", "maxclients", "moved", "nogroup", "execabort",
 *              "notmaster" ...
 *   FATAL      "noauth", "wrongpass", "noperm", "wrongtype", "crossslot", "noproto", "tls", "config",
 *              "service" ...
 *   REJECTED   never
 * "nogroup" is TRANSIENT, and recognised by its reason: whoever owns the group makes it again. An answer the table does
 * not know is FATAL with the reason "reply": it is a bug or a server we do not know.
 *
 * Not for several threads, but for redis_abandon. */
#ifndef TASKLEDGER_PROTO_REDIS_H
#define TASKLEDGER_PROTO_REDIS_H

#include "proto/arena.h"
#include "proto/clock.h"
#include "proto/error.h"
#include "proto/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct redis;

struct redis_options {
    const char *url;     /* redis://, unix://, redis+sentinel://, redis+cluster:// ...; see proto/redis_url.h */
    const char *ca_file; /* rediss: NULL trusts the system's certificates */
    const char *certificate_file; /* rediss: NULL sends none; with key_file */
    const char *key_file;
    const char *client_name;   /* CLIENT SETNAME; NULL: none */
    int connect_timeout_ms;    /* 0: 1,000; name lookup, TCP and TLS together, with Sentinel all questions too */
    int request_timeout_ms;    /* 0: 2,000; to send what is appended, to receive each answer, to log in */
    size_t reply_string_max;   /* 0: 1 MiB; longer strings in answers are cut, their true size is told */
    bool nodes_fail_alone;     /* in a cluster: what is said to a node that is away has an error for an answer, and the
                                  line stays connected as long as there are others; without, it fails as a whole */
    const struct clock *clock; /* NULL: the machine's */
    int cancel_descriptor;     /* > 0: when it is readable every wait ends at once with "canceled"; borrowed */
    int wake_descriptor;       /* > 0: the same, but only for waits for the first byte of an answer that is given extra
                                  time; borrowed */
};

/* Checks the URL and the options; no socket, no name lookup, no file yet. Copies what it needs. FATAL,
 * "config"; TRANSIENT, "memory". */
struct redis *redis_new(const struct redis_options *options, struct error *error);

/* Closes and frees; NULL is fine. */
void redis_free(struct redis *redis);

/* Connect, verify, authenticate, select, name. Nothing happens when connected already. */
bool redis_connect(struct redis *redis, struct error *error);

void redis_disconnect(struct redis *redis);
bool redis_is_connected(const struct redis *redis);

/* The server without secrets, for logs: "unix:///run/redis.sock", "rediss://host:6380/2",
 * "redis+sentinel://s1:26379,s2:26379/mymaster". Lives as long as redis. Errors begin with it, and with Sentinel then
 * say which server it was. */
const char *redis_address(const struct redis *redis);

/* In a forked child: close the inherited descriptor and do nothing else. Async-signal-safe. The struct is then only
 * good for being leaked. */
void redis_abandon(struct redis *redis);

/* Append one command of `count` words to the output buffer. Nothing is sent. TRANSIENT when not connected. */
bool redis_append(struct redis *redis, const struct slice *words, size_t count, struct error *error);

/* An array of words, as such functions take it: itself, and how many. */
#define REDIS_WORDS(words) (words), sizeof(words) / sizeof *(words)

/* Send what was appended. */
bool redis_send(struct redis *redis, struct error *error);

/* Who can be asked what has no key (INFO, SCAN): 1, or in a cluster as many as there are masters now, on a connected
 * line. */
size_t redis_nodes(const struct redis *redis);

/* Where one of them is, for people: "host:port", or the address where there is only one. */
void redis_describe_node(const struct redis *redis, size_t node, char *place, size_t size);

/* From now on until the next connect that is asked of this one; before, of the first. */
void redis_turn_to(struct redis *redis, size_t node);

/* ---- answers as a tree, for small ones --------------------------------------------------------------------------- */

enum reply_type { REPLY_NIL, REPLY_STRING, REPLY_STATUS, REPLY_INTEGER, REPLY_ARRAY, REPLY_ERROR };

struct reply {
    enum reply_type type;
    struct slice text;      /* of STRING, STATUS and ERROR; cut at reply_string_max */
    size_t text_bytes;      /* its true size */
    int64_t integer;        /* of INTEGER */
    struct reply *elements; /* of ARRAY */
    size_t count;
};

/* The next answer, as a tree in the arena. Waits for the request timeout plus `extra_wait_ms` (the BLOCK of a blocking
 * read). An error answer is a failure, by the table. */
bool redis_receive(struct redis *redis, struct arena *arena, int extra_wait_ms, struct reply *reply,
                   struct error *error);

/* Append, send, receive. Only when nothing is outstanding. */
bool redis_call(struct redis *redis, const struct slice *words, size_t count, struct arena *arena, struct reply *reply,
                struct error *error);

/* ---- answers in parts, for large ones ---------------------------------------------------------------------------- */

enum { REDIS_DEPTH_MAX = 8, REDIS_PART_BYTES = 64 * 1024 };

/* Where an item stands in the answer: path[0] is its place in the outermost array, path[depth - 1] in its own. The
 * outermost item itself has depth 0. */
struct redis_place {
    unsigned depth;
    size_t path[REDIS_DEPTH_MAX];
};

/* Called as an answer is parsed, in the order of the wire. Slices are borrowed for the call. Each returns false when it
 * cannot go on, with errno set to ENOMEM, or to EPROTO when the answer has not the shape it must have, or EMSGSIZE when
 * it is larger than it can be: the connection is then closed, TRANSIENT "memory" or "protocol". `self` is handed through. */
struct redis_visitor {
    bool (*on_array)(void *self, const struct redis_place *place, size_t count);
    bool (*on_string)(void *self, const struct redis_place *place, struct slice text, size_t text_bytes);
    bool (*on_integer)(void *self, const struct redis_place *place, int64_t value);
    bool (*on_nil)(void *self, const struct redis_place *place);

    /* May be NULL: a status is then a string; an error inside an array is the verdict on the whole answer. */
    bool (*on_status)(void *self, const struct redis_place *place, struct slice text, size_t text_bytes);
    bool (*on_error)(void *self, const struct redis_place *place, struct slice text, size_t text_bytes);
    void *self;
};

/* Read and parse at most about `part_bytes` more of the current answer. `*complete` tells whether it has ended. Between
 * two parts of one answer only redis_append and redis_send may be called. Waits as redis_receive does for the first
 * byte of an answer, and for the request timeout for each further one, but for ten of them at most. An error answer is
 * a failure, by the table. */
bool redis_receive_part(struct redis *redis, const struct redis_visitor *visitor, size_t part_bytes, int extra_wait_ms,
                        bool *complete, struct error *error);

/* ---- waiting along with others ----------------------------------------------------------------------------------- */

/* Has something of an answer come that was not parsed yet? A part of one byte is then received without a wait; inside TLS
 * after one for the rest of a record, at most. True when not connected: receiving will say so. */
bool redis_has_input(const struct redis *redis);

/* Is there some of it on this side of the socket? Then not even a system call is needed. */
bool redis_has_buffered(const struct redis *redis);

/* Ready to be read when something has come; -1 while not connected. Borrowed: for poll alone. */
int redis_descriptor(const struct redis *redis);

#endif
