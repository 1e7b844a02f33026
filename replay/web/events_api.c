#include "replay/web/events_api.h"

#include "replay/web/monitor_inside.h"
#include "replay/web/reply.h"

#include <stdlib.h>
#include <string.h>

enum { NO_STREAM_RETRY_S = 60 };

/* One who looks on, as the server reads him. */
struct spectator {
    struct feed_hub *hub;
    struct feed_guest *guest;
};

static long read_more(void *self, char *buffer, size_t size)
{
    struct spectator *spectator = self;
    bool is_over = false;
    size_t bytes = feed_hub_read(spectator->hub, spectator->guest, (uint8_t *)buffer, size, &is_over);

    return is_over ? -1 : (long)bytes;
}

static void leave(void *self)
{
    struct spectator *spectator = self;

    feed_hub_leave(spectator->hub, spectator->guest);
    free(spectator);
}

/* The feed wakes only who has read nothing once, so after the stream began, and before `leave` returned. */
static void wake(void *self)
{
    server_wake(self);
}

static bool read_filter(const struct question *question, struct feed_filter *filter, struct error *error)
{
    static const char *const names[] = {"task", "name", "status"};
    struct slice value;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (size_t at = 0; route_text(question, names[i], at, &value); at++)
            if (!feed_filter_add(filter, slice_from_text(names[i]), value, error))
                return false;
    return true;
}

static struct slice read_place(const struct question *question)
{
    struct slice place;

    if (server_header(question->exchange, "Last-Event-ID", &place) && place.size > 0)
        return place;
    return route_value(question, "last_event_id")->text;
}

static struct feed_guest *join(const struct question *question, struct feed_filter *filter, struct error *error)
{
    const struct feed_hub_request request = {
        .filter = filter,
        .last_event_id = read_place(question),
        .line = {.wake = wake, .self = question->exchange},
    };

    if (question->monitor->hub != NULL)
        return feed_hub_join(question->monitor->hub, &request, error);
    error_set(error, ERROR_FATAL, "config", "no stream is configured");
    return NULL;
}

static struct spectator *seat(const struct question *question, struct error *error)
{
    struct spectator *spectator = calloc(1, sizeof *spectator);
    struct feed_filter filter = {.statuses = 0};

    if (spectator == NULL) {
        error_set(error, ERROR_TRANSIENT, "memory", "memory is short");
        return NULL;
    }
    spectator->hub = question->monitor->hub;
    if (read_filter(question, &filter, error))
        spectator->guest = join(question, &filter, error);
    feed_filter_close(&filter);
    if (spectator->guest != NULL)
        return spectator;
    free(spectator);
    return NULL;
}

static void refuse(const struct question *question, const struct error *error)
{
    if (error->kind == ERROR_REJECTED)
        reply_error(question->exchange, REPLY_BAD_REQUEST, error->text);
    else if (error->kind == ERROR_FATAL)
        reply_later(question->exchange, REPLY_UNAVAILABLE, "this monitor has no REDIS_URL", NO_STREAM_RETRY_S);
    else
        reply_error(question->exchange, REPLY_UNAVAILABLE, error->text);
}

void events_api_serve(const struct question *question)
{
    static const struct server_header headers[] = {
        {"Cache-Control", "no-store"},
        {"X-Accel-Buffering", "no"},
        {"X-Content-Type-Options", "nosniff"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
    };
    const struct server_answer head = {.status = REPLY_OK,
                                       .type = "text/event-stream",
                                       .is_static = true,
                                       .headers = headers,
                                       .header_count = sizeof headers / sizeof *headers};
    struct error error;

    if (strcmp(server_method(question->exchange), "HEAD") == 0) {
        server_answer(question->exchange, &head);
        return;
    }
    struct spectator *spectator = seat(question, &error);
    if (spectator == NULL)
        refuse(question, &error);
    else
        server_stream(question->exchange, &head,
                      (struct server_stream){.read = read_more, .close = leave, .self = spectator});
}
