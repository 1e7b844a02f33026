/* server_inside: what the files of the server share. */
#ifndef TASKLEDGER_CONSUMER_HTTP_SERVER_INSIDE_H
#define TASKLEDGER_CONSUMER_HTTP_SERVER_INSIDE_H

#include "consumer/http/server.h"

#include <microhttpd.h>
#include <pthread.h>

struct server {
    struct server_options options;
    struct MHD_Daemon *daemon;
    char address[SERVER_ADDRESS_BYTES_MAX];

    pthread_mutex_t lock; /* of what follows, and of what exchanges say is under it */
    struct server_exchange *exchanges;
    bool is_closing;
    size_t answer_bytes; /* what of these are not taken yet */
};

/* The query of one request, decoded. */
struct server_query {
    struct {
        const char *name;
        struct slice value;
    } pairs[SERVER_QUERY_MAX];
    size_t count;
    size_t used; /* of the bytes */
    bool is_bad;
    bool is_too_long; /* has more pairs */
    char bytes[];     /* as many as the connection's memory, so it always fits */
};

/* From the first line of a request to the library's word that the connection has done with it. */
struct server_exchange {
    struct server *server;
    struct MHD_Connection *connection;
    struct server_exchange *before; /* in the server's list; under its lock */
    struct server_exchange *after;

    const char *method; /* the library's */
    const char *path;
    struct server_query *query; /* owned; NULL: none */
    char *body;                 /* owned; NULL: none */
    size_t body_size;
    bool was_served;
    int64_t began_us; /* of the machine's monotonic clock */

    bool is_answered; /* under the server's lock, all of these */
    bool is_asleep;   /* suspended; whoever clears this resumes it */
    bool is_woken;    /* since the last `read` began */
    unsigned status;
    size_t answer_bytes;           /* its part of the server's */
    struct MHD_Response *response; /* owned; NULL although answered: memory was short */
    struct server_stream stream;   /* `read` is NULL: not one */
};

/* The machine's monotonic clock. */
int64_t server_now_us(void);

/* Decode the query. False when memory is short. */
bool server_query_read(struct server_exchange *exchange);

/* What is asked is needed no more. */
void server_question_forget(struct server_exchange *exchange);

/* Sleep until the exchange is answered, or woken. In the library's thread, under the lock. */
void server_sleep(struct server_exchange *exchange);

/* If it sleeps, go on with it. Under the lock. */
void server_rouse(struct server_exchange *exchange);

#endif
