#include "consumer/daemon/http.h"

#include "consumer/http/server.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { OK = 200, NOT_FOUND = 404, METHOD_NOT_ALLOWED = 405, SERVICE_UNAVAILABLE = 503 };

struct page {
    char *text; /* owned; NULL: nothing yet */
    size_t size;
};

struct http {
    struct server *server;
    const struct clock *clock;
    int64_t live_us;
    _Atomic int64_t ticked_us;

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

static void answer_text(struct server_exchange *exchange, unsigned status, const char *type, struct slice text)
{
    struct server_header headers[] = {{"Cache-Control", "no-store"}, {"Allow", "GET, HEAD"}};
    struct server_answer answer = {.status = status, .type = type, .body = text, .headers = headers};

    answer.header_count = status == METHOD_NOT_ALLOWED ? 2 : 1;
    server_answer(exchange, &answer);
}

static void answer_words(struct server_exchange *exchange, unsigned status, const char *words)
{
    answer_text(exchange, status, "text/plain; charset=utf-8", slice_from_text(words));
}

static void answer_metrics(struct http *http, struct server_exchange *exchange)
{
    pthread_mutex_lock(&http->lock);
    struct page page = http->metrics;
    if (page.text != NULL)
        answer_text(exchange, OK, "text/plain; version=0.0.4; charset=utf-8", slice_of(page.text, page.size));
    pthread_mutex_unlock(&http->lock);
    if (page.text == NULL)
        answer_words(exchange, SERVICE_UNAVAILABLE, "starting\n");
}

static void answer_readiness(struct http *http, struct server_exchange *exchange)
{
    pthread_mutex_lock(&http->lock);
    answer_text(exchange, http->ready ? OK : SERVICE_UNAVAILABLE, "application/json",
                slice_of(http->readiness.text, http->readiness.size));
    pthread_mutex_unlock(&http->lock);
}

static void answer_liveness(struct http *http, struct server_exchange *exchange)
{
    int64_t since_us = http->clock->monotonic_us(http->clock->self) - atomic_load(&http->ticked_us);

    if (since_us <= http->live_us)
        answer_words(exchange, OK, "live\n");
    else
        answer_words(exchange, SERVICE_UNAVAILABLE, "the loop is stuck\n");
}

static void serve(void *self, struct server_exchange *exchange)
{
    const char *method = server_method(exchange);
    struct slice path = server_path(exchange);

    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        answer_words(exchange, METHOD_NOT_ALLOWED, "GET and HEAD only\n");
    else if (slice_equal(path, slice_from_text("/metrics")))
        answer_metrics(self, exchange);
    else if (slice_equal(path, slice_from_text("/readyz")))
        answer_readiness(self, exchange);
    else if (slice_equal(path, slice_from_text("/livez")))
        answer_liveness(self, exchange);
    else
        answer_words(exchange, NOT_FOUND, "see /metrics, /livez, /readyz\n");
}

/* ---- in ours ----------------------------------------------------------------------------------------------------- */

struct http *http_open(const char *listen, int64_t live_ms, const struct clock *clock, struct error *error)
{
    struct http *http = calloc(1, sizeof *http);

    if (http == NULL) {
        error_set(error, ERROR_FATAL, "memory", "cannot allocate the HTTP server");
        return NULL;
    }
    http->clock = clock;
    http->live_us = live_ms * 1000;
    pthread_mutex_init(&http->lock, NULL);
    http_tick(http);
    http_publish_readiness(http, false, slice_from_text("{\"ready\":false,\"reasons\":[\"starting\"]}\n"));

    struct server_options options = {.listen = listen,
                                     .connections = HTTP_CONNECTIONS_MAX,
                                     .timeout_s = HTTP_TIMEOUT_S,
                                     .memory_bytes = HTTP_CONNECTION_BYTES,
                                     .serve = serve,
                                     .self = http};
    http->server = server_open(&options, error);
    if (http->server != NULL)
        return http;
    http_close(http);
    return NULL;
}

void http_close(struct http *http)
{
    if (http == NULL)
        return;
    server_close(http->server);
    pthread_mutex_destroy(&http->lock);
    free(http->metrics.text);
    free(http->readiness.text);
    free(http);
}

const char *http_address(const struct http *http)
{
    return server_address(http->server);
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
