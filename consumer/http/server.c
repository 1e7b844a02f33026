#include "consumer/http/server_inside.h"

#include "consumer/http/listen.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static_assert(SERVER_ADDRESS_BYTES_MAX >= LISTEN_HOST_BYTES_MAX + 2 * LISTEN_PORT_BYTES_MAX, "a whole address fits");
static_assert(SERVER_QUERY_MAX == 64, "what is said of it, too");

/* ---- an exchange, in the library's thread ------------------------------------------------------------------------ */

static struct server_exchange *begin(struct server *server, struct MHD_Connection *connection)
{
    struct server_exchange *exchange = calloc(1, sizeof *exchange);

    if (exchange == NULL)
        return NULL;
    exchange->server = server;
    exchange->connection = connection;
    exchange->began_us = server_now_us();

    pthread_mutex_lock(&server->lock);
    exchange->after = server->exchanges;
    if (exchange->after != NULL)
        exchange->after->before = exchange;
    server->exchanges = exchange;
    pthread_mutex_unlock(&server->lock);
    return exchange;
}

static void unlink_exchange(struct server_exchange *exchange)
{
    struct server *server = exchange->server;

    pthread_mutex_lock(&server->lock);
    server->answer_bytes -= exchange->answer_bytes;
    if (exchange->before != NULL)
        exchange->before->after = exchange->after;
    else
        server->exchanges = exchange->after;
    if (exchange->after != NULL)
        exchange->after->before = exchange->before;
    pthread_mutex_unlock(&server->lock);
}

/* The connection has done with the request, well or not. */
static void end(void *self, struct MHD_Connection *connection, void **seen, enum MHD_RequestTerminationCode how)
{
    struct server_exchange *exchange = *seen;

    (void)self;
    (void)connection;
    (void)how;
    if (exchange == NULL)
        return;
    *seen = NULL;
    assert(exchange->is_answered || !exchange->was_served);
    if (exchange->stream.close != NULL)
        exchange->stream.close(exchange->stream.self);
    unlink_exchange(exchange);
    if (exchange->response != NULL)
        MHD_destroy_response(exchange->response);
    server_question_forget(exchange);
    free(exchange);
}

static void refuse(struct server_exchange *exchange, unsigned status, const char *words)
{
    struct server_answer answer = {
        .status = status, .type = "text/plain; charset=utf-8", .body = slice_from_text(words), .is_static = true};

    server_answer(exchange, &answer);
}

static enum MHD_Result send_reply(struct server_exchange *exchange)
{
    if (exchange->response == NULL)
        return MHD_NO;
    return MHD_queue_response(exchange->connection, exchange->status, exchange->response);
}

/* Answered meanwhile, or asleep until it is. */
static enum MHD_Result reply(struct server_exchange *exchange)
{
    struct server *server = exchange->server;

    pthread_mutex_lock(&server->lock);
    bool is_answered = exchange->is_answered;
    if (!is_answered)
        server_sleep(exchange);
    pthread_mutex_unlock(&server->lock);
    return is_answered ? send_reply(exchange) : MHD_YES;
}

/* Nothing of a query is passed over. */
static const char *complaint_about(const struct server_query *query)
{
    if (query != NULL && query->is_bad)
        return "the query cannot be decoded\n";
    if (query != NULL && query->is_too_long)
        return "the query has more than 64 pairs\n";
    return NULL;
}

static void ask(struct server_exchange *exchange)
{
    struct server *server = exchange->server;

    if (!server_query_read(exchange)) {
        refuse(exchange, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory\n");
        return;
    }
    const char *complaint = complaint_about(exchange->query);
    if (complaint != NULL) {
        refuse(exchange, MHD_HTTP_BAD_REQUEST, complaint);
        return;
    }
    exchange->was_served = true;
    server->options.serve(server->options.self, exchange);
}

/* ---- bodies ------------------------------------------------------------------------------------------------------ */

/* One that says its size is refused before it comes. */
static bool is_too_long(const struct server_exchange *exchange)
{
    size_t limit = exchange->server->options.body_bytes;
    struct slice length;

    return limit > 0 && server_header(exchange, MHD_HTTP_HEADER_CONTENT_LENGTH, &length) &&
           strtoull((const char *)length.data, NULL, 10) > limit;
}

static bool take_body(struct server_exchange *exchange, const char *bytes, size_t size)
{
    size_t limit = exchange->server->options.body_bytes;

    if (limit == 0)
        return true;
    if (exchange->body == NULL)
        exchange->body = malloc(limit);
    if (exchange->body == NULL || size > limit - exchange->body_size)
        return false;
    memcpy(exchange->body + exchange->body_size, bytes, size);
    exchange->body_size += size;
    return true;
}

/* Called once when the head has come, again for each piece of a body, at its end, and when it was resumed. */
static enum MHD_Result serve(void *self, struct MHD_Connection *connection, const char *path, const char *method,
                             const char *version, const char *body, size_t *body_bytes, void **seen)
{
    struct server_exchange *exchange = *seen;

    (void)version;
    if (exchange == NULL) {
        *seen = exchange = begin(self, connection);
        if (exchange == NULL)
            return MHD_NO;
        exchange->path = path;
        exchange->method = method;
        if (!is_too_long(exchange))
            return MHD_YES;
        refuse(exchange, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too long\n");
        return send_reply(exchange);
    }
    if (*body_bytes > 0) {
        size_t size = *body_bytes;
        *body_bytes = 0;
        return take_body(exchange, body, size) ? MHD_YES : MHD_NO;
    }
    if (!exchange->was_served && !exchange->is_answered)
        ask(exchange);
    return reply(exchange);
}

/* A path is to be split before it is decoded, so we decode ourselves. */
static size_t leave_as_it_is(void *self, struct MHD_Connection *connection, char *text)
{
    (void)self;
    (void)connection;
    return strlen(text);
}

/* ---- the server -------------------------------------------------------------------------------------------------- */

/* The new thread inherits our mask: signals are for the program's own. */
static bool start_thread(struct server *server, int descriptor)
{
    const struct server_options *options = &server->options;
    sigset_t all;
    sigset_t before;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    server->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, serve, server,
        MHD_OPTION_LISTEN_SOCKET, descriptor, MHD_OPTION_CONNECTION_LIMIT, (unsigned)options->connections,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)options->connections_each, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)options->timeout_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT, options->memory_bytes,
        MHD_OPTION_UNESCAPE_CALLBACK, leave_as_it_is, NULL, MHD_OPTION_NOTIFY_COMPLETED, end, server, MHD_OPTION_END);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return server->daemon != NULL;
}

struct server *server_open(const struct server_options *options, struct error *error)
{
    struct listen where;
    int descriptor;

    if (!listen_parse(options->listen, &where, error) || !listen_open(&where, &descriptor, error))
        return NULL;

    struct server *server = calloc(1, sizeof *server);
    if (server == NULL) {
        close(descriptor);
        error_set(error, ERROR_FATAL, "memory", "cannot allocate the HTTP server");
        return NULL;
    }
    server->options = *options;
    pthread_mutex_init(&server->lock, NULL);
    listen_describe(descriptor, server->address, sizeof server->address);
    if (start_thread(server, descriptor))
        return server;

    close(descriptor);
    error_set(error, ERROR_FATAL, "listen", "cannot start the HTTP server at %s", server->address);
    server_close(server);
    return NULL;
}

/* The library must not be stopped while a connection is suspended: streams are woken, and end since we are closing. */
void server_close(struct server *server)
{
    if (server == NULL)
        return;
    pthread_mutex_lock(&server->lock);
    server->is_closing = true;
    for (struct server_exchange *exchange = server->exchanges; exchange != NULL; exchange = exchange->after) {
        assert(!exchange->is_asleep || exchange->is_answered);
        exchange->is_woken = true;
        server_rouse(exchange);
    }
    pthread_mutex_unlock(&server->lock);
    if (server->daemon != NULL)
        MHD_stop_daemon(server->daemon);
    pthread_mutex_destroy(&server->lock);
    free(server);
}

const char *server_address(const struct server *server)
{
    return server->address;
}
