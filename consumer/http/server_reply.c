#include "consumer/http/server_inside.h"

#include "proto/clock.h"

#include <assert.h>
#include <errno.h>
#include <sys/socket.h>

/* ---- sleep ------------------------------------------------------------------------------------------------------- */

void server_sleep(struct server_exchange *exchange)
{
    MHD_suspend_connection(exchange->connection);
    exchange->is_asleep = true;
}

void server_rouse(struct server_exchange *exchange)
{
    if (!exchange->is_asleep)
        return;
    exchange->is_asleep = false;
    MHD_resume_connection(exchange->connection);
}

void server_wake(struct server_exchange *exchange)
{
    struct server *server = exchange->server;

    pthread_mutex_lock(&server->lock);
    exchange->is_woken = true;
    server_rouse(exchange);
    pthread_mutex_unlock(&server->lock);
}

int64_t server_now_us(void)
{
    const struct clock *clock = clock_system();

    return clock->monotonic_us(clock->self);
}

/* ---- the reply --------------------------------------------------------------------------------------------------- */

/* The library refuses a header with a line break in it. */
static void add_headers(struct MHD_Response *response, const struct server_answer *answer)
{
    if (answer->type != NULL)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->type);
    for (size_t i = 0; i < answer->header_count && i < SERVER_HEADERS_MAX; i++)
        MHD_add_response_header(response, answer->headers[i].name, answer->headers[i].value);
}

/* From here on the library's thread may free the exchange as soon as the lock is given up. */
static void settle(struct server_exchange *exchange, struct MHD_Response *response, const struct server_answer *answer)
{
    struct server *server = exchange->server;

    if (response != NULL)
        add_headers(response, answer);
    server_question_forget(exchange);
    if (server->options.answered != NULL)
        server->options.answered(server->options.self, answer->status, server_now_us() - exchange->began_us);

    pthread_mutex_lock(&server->lock);
    assert(!exchange->is_answered);
    exchange->is_answered = true;
    exchange->status = answer->status;
    exchange->response = response;
    server_rouse(exchange);
    pthread_mutex_unlock(&server->lock);
}

/* The library takes a body without const, but neither changes one that it copies nor one that stays. */
static struct MHD_Response *respond(const struct server_answer *answer)
{
    void *body = (void *)(uintptr_t)answer->body.data;

    return MHD_create_response_from_buffer(answer->body.size, body,
                                           answer->is_static ? MHD_RESPMEM_PERSISTENT : MHD_RESPMEM_MUST_COPY);
}

/* Its part is given back when the library has done with it. What is as small as the rest of a connection's memory goes
 * uncounted, so that who asks whether we live is told. */
static bool reserve(struct server_exchange *exchange, const struct server_answer *answer)
{
    struct server *server = exchange->server;
    size_t limit = server->options.answer_bytes;

    if (limit == 0 || answer->is_static || answer->body.size <= SERVER_STREAM_BYTES)
        return true;
    pthread_mutex_lock(&server->lock);
    bool fits = answer->body.size <= limit - server->answer_bytes;
    exchange->answer_bytes = fits ? answer->body.size : 0;
    server->answer_bytes += exchange->answer_bytes;
    pthread_mutex_unlock(&server->lock);
    return fits;
}

static const struct server_answer *instead(const struct server *server)
{
    static const char words[] = "too many answers are not taken\n";
    static const struct server_header headers[] = {{"Retry-After", "2"}};
    static const struct server_answer ours = {
        .status = MHD_HTTP_SERVICE_UNAVAILABLE,
        .type = "text/plain; charset=utf-8",
        .body = {.data = (const uint8_t *)words, .size = sizeof words - 1},
        .is_static = true,
        .headers = headers,
        .header_count = 1,
    };

    return server->options.instead == NULL ? &ours : server->options.instead;
}

void server_answer(struct server_exchange *exchange, const struct server_answer *answer)
{
    if (!reserve(exchange, answer))
        answer = instead(exchange->server);
    settle(exchange, respond(answer), answer);
}

/* ---- streams ----------------------------------------------------------------------------------------------------- */

static bool begin_read(struct server_exchange *exchange)
{
    struct server *server = exchange->server;

    pthread_mutex_lock(&server->lock);
    exchange->is_woken = false;
    bool goes_on = !server->is_closing;
    pthread_mutex_unlock(&server->lock);
    return goes_on;
}

/* Between `read` having nothing and sleep somebody may have woken it: then it does not sleep. */
static bool sleep_unless_woken(struct server_exchange *exchange)
{
    struct server *server = exchange->server;

    pthread_mutex_lock(&server->lock);
    bool sleeps = !exchange->is_woken;
    if (sleeps)
        server_sleep(exchange);
    pthread_mutex_unlock(&server->lock);
    return sleeps;
}

/* A peer that hangs up while the connection sleeps is not seen by the library before it was written to twice. Who ends
 * his side of the connection does not wait for more. */
static bool has_hung_up(const struct server_exchange *exchange)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    char byte;

    if (info == NULL)
        return false;
    ssize_t size = recv(info->connect_fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR);
}

static ssize_t read_stream(void *self, uint64_t position, char *buffer, size_t size)
{
    struct server_exchange *exchange = self;

    (void)position;
    if (has_hung_up(exchange))
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (size > SERVER_STREAM_BYTES)
        size = SERVER_STREAM_BYTES;
    while (begin_read(exchange)) {
        long bytes = exchange->stream.read(exchange->stream.self, buffer, size);
        if (bytes > 0)
            return bytes;
        if (bytes < 0)
            break;
        if (sleep_unless_woken(exchange))
            return 0;
    }
    return MHD_CONTENT_READER_END_OF_STREAM;
}

void server_stream(struct server_exchange *exchange, const struct server_answer *head, struct server_stream stream)
{
    /* Not under the lock: nobody looks at it before the exchange is answered. */
    exchange->stream = stream;
    settle(exchange,
           MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, SERVER_STREAM_BYTES, read_stream, exchange, NULL), head);
}
