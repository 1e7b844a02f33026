#include "consumer/daemon/http.h"

#include "consumer/daemon/listen.h"

#include <microhttpd.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct page {
    char *text; /* owned; NULL: nothing yet */
    size_t size;
};

struct http {
    struct MHD_Daemon *daemon;
    const struct clock *clock;
    int64_t live_us;
    _Atomic int64_t ticked_us;
    char address[LISTEN_HOST_BYTES_MAX + 2 * LISTEN_PORT_BYTES_MAX];

    pthread_mutex_t lock; /* of what follows */
    struct page metrics;
    struct page readiness;
    bool ready;
};

static bool copy_page(struct slice text, struct page *copy)
{
    copy->text = malloc(text.size + 1);
    copy->size = text.size;
    if (copy->text == NULL)
        return false;
    if (text.size > 0)
        memcpy(copy->text, text.data, text.size);
    return true;
}

/* ---- in the library's thread ------------------------------------------------------------------------------------- */

struct answer {
    unsigned status;
    const char *type;
    struct page page; /* owned */
};

static struct answer fixed_answer(unsigned status, const char *text)
{
    struct answer answer = {.status = status, .type = "text/plain; charset=utf-8"};

    copy_page(slice_from_text(text), &answer.page);
    return answer;
}

static struct answer answer_metrics(struct http *http)
{
    struct answer answer = {.status = MHD_HTTP_OK, .type = "text/plain; version=0.0.4; charset=utf-8"};

    pthread_mutex_lock(&http->lock);
    bool known = http->metrics.text != NULL;
    if (known)
        copy_page(slice_of(http->metrics.text, http->metrics.size), &answer.page);
    pthread_mutex_unlock(&http->lock);
    return known ? answer : fixed_answer(MHD_HTTP_SERVICE_UNAVAILABLE, "starting\n");
}

static struct answer answer_readiness(struct http *http)
{
    struct answer answer = {.type = "application/json"};

    pthread_mutex_lock(&http->lock);
    answer.status = http->ready ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
    copy_page(slice_of(http->readiness.text, http->readiness.size), &answer.page);
    pthread_mutex_unlock(&http->lock);
    return answer;
}

static struct answer answer_liveness(struct http *http)
{
    int64_t since_us = http->clock->monotonic_us(http->clock->self) - atomic_load(&http->ticked_us);

    if (since_us <= http->live_us)
        return fixed_answer(MHD_HTTP_OK, "live\n");
    return fixed_answer(MHD_HTTP_SERVICE_UNAVAILABLE, "the loop is stuck\n");
}

static struct answer answer_for(struct http *http, const char *method, const char *path)
{
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return fixed_answer(MHD_HTTP_METHOD_NOT_ALLOWED, "GET and HEAD only\n");
    if (strcmp(path, "/metrics") == 0)
        return answer_metrics(http);
    if (strcmp(path, "/readyz") == 0)
        return answer_readiness(http);
    if (strcmp(path, "/livez") == 0)
        return answer_liveness(http);
    return fixed_answer(MHD_HTTP_NOT_FOUND, "see /metrics, /livez, /readyz\n");
}

static enum MHD_Result send_answer(struct MHD_Connection *connection, struct answer answer)
{
    if (answer.page.text == NULL)
        return MHD_NO;

    struct MHD_Response *response =
        MHD_create_response_from_buffer(answer.page.size, answer.page.text, MHD_RESPMEM_MUST_FREE);
    if (response == NULL) {
        free(answer.page.text);
        return MHD_NO;
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer.type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (answer.status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    enum MHD_Result result = MHD_queue_response(connection, answer.status, response);
    MHD_destroy_response(response);
    return result;
}

/* Called once when the head has come, again for each piece of a body, and once more at its end: then we answer. */
static enum MHD_Result serve(void *self, struct MHD_Connection *connection, const char *path, const char *method,
                             const char *version, const char *body, size_t *body_bytes, void **seen)
{
    static char mark;

    (void)version;
    (void)body;
    if (*seen == NULL) {
        *seen = &mark;
        return MHD_YES;
    }
    if (*body_bytes > 0) {
        *body_bytes = 0;
        return MHD_YES;
    }
    return send_answer(connection, answer_for(self, method, path));
}

/* ---- in ours ----------------------------------------------------------------------------------------------------- */

/* The new thread inherits our mask: signals are for the loop. */
static bool start_thread(struct http *http, int descriptor)
{
    sigset_t all;
    sigset_t before;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    http->daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, serve, http, MHD_OPTION_LISTEN_SOCKET, descriptor,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTP_CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)HTTP_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_CONNECTION_BYTES, MHD_OPTION_END);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return http->daemon != NULL;
}

struct http *http_open(const char *listen, int64_t live_ms, const struct clock *clock, struct error *error)
{
    struct listen where;
    int descriptor;

    if (!listen_parse(listen, &where, error) || !listen_open(&where, &descriptor, error))
        return NULL;

    struct http *http = calloc(1, sizeof *http);
    if (http == NULL) {
        close(descriptor);
        error_set(error, ERROR_FATAL, "memory", "cannot allocate the HTTP server");
        return NULL;
    }
    http->clock = clock;
    http->live_us = live_ms * 1000;
    pthread_mutex_init(&http->lock, NULL);
    listen_describe(descriptor, http->address, sizeof http->address);
    http_tick(http);
    http_publish_readiness(http, false, slice_from_text("{\"ready\":false,\"reasons\":[\"starting\"]}\n"));
    if (start_thread(http, descriptor))
        return http;

    close(descriptor);
    error_set(error, ERROR_FATAL, "listen", "cannot start the HTTP server at %s", http->address);
    http_close(http);
    return NULL;
}

void http_close(struct http *http)
{
    if (http == NULL)
        return;
    if (http->daemon != NULL)
        MHD_stop_daemon(http->daemon);
    pthread_mutex_destroy(&http->lock);
    free(http->metrics.text);
    free(http->readiness.text);
    free(http);
}

const char *http_address(const struct http *http)
{
    return http->address;
}

void http_tick(struct http *http)
{
    atomic_store(&http->ticked_us, http->clock->monotonic_us(http->clock->self));
}

void http_publish_metrics(struct http *http, struct slice text)
{
    struct page page;

    if (!copy_page(text, &page))
        return;
    pthread_mutex_lock(&http->lock);
    char *old = http->metrics.text;
    http->metrics = page;
    pthread_mutex_unlock(&http->lock);
    free(old);
}

void http_publish_readiness(struct http *http, bool ready, struct slice json)
{
    struct page page;

    if (!copy_page(json, &page))
        return;
    pthread_mutex_lock(&http->lock);
    char *old = http->readiness.text;
    http->readiness = page;
    http->ready = ready;
    pthread_mutex_unlock(&http->lock);
    free(old);
}
