/* feed_driver: one guest of the live feed, as it is told things.
 *
 *   feed_driver STREAM SHARDS [NAME=VALUE ...]
 *
 * Servers as REDIS_URL and DATABASE_URL say. NAME is one of the feed's filters, or id: the place to go on from. Writes
 * what the guest reads to standard output, until it is over: exit 0; 1 with a text when it cannot begin for 20 s. */
#include "replay/web/feed/feed_hub.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRIES = 1000, TRY_US = 20 * 1000, PIECE_BYTES = 2048 };

struct line {
    pthread_mutex_t lock;
    pthread_cond_t woken;
    bool is_awake;
};

static void wake(void *self)
{
    struct line *line = self;

    pthread_mutex_lock(&line->lock);
    line->is_awake = true;
    pthread_cond_signal(&line->woken);
    pthread_mutex_unlock(&line->lock);
}

static void sleep_until_woken(struct line *line)
{
    pthread_mutex_lock(&line->lock);
    while (!line->is_awake)
        pthread_cond_wait(&line->woken, &line->lock);
    line->is_awake = false;
    pthread_mutex_unlock(&line->lock);
}

static struct feed_guest *join(struct feed_hub *hub, const struct feed_hub_request *request, struct error *error)
{
    const struct clock *clock = clock_system();

    for (int i = 0; i < TRIES; i++) {
        struct feed_guest *guest = feed_hub_join(hub, request, error);
        if (guest != NULL)
            return guest;
        clock->sleep_us(clock->self, TRY_US);
    }
    return NULL;
}

static bool read_arguments(int count, char **texts, struct feed_hub_request *request, struct error *error)
{
    for (int i = 0; i < count; i++) {
        const char *equals = strchr(texts[i], '=');
        struct slice name = slice_of(texts[i], equals == NULL ? 0 : (size_t)(equals - texts[i]));
        struct slice value = slice_from_text(equals == NULL ? NULL : equals + 1);

        if (slice_equal(name, slice_from_text("id")))
            request->last_event_id = value;
        else if (!feed_filter_add(request->filter, name, value, error))
            return false;
    }
    return true;
}

static void listen_on(struct feed_hub *hub, struct feed_guest *guest, struct line *line)
{
    uint8_t piece[PIECE_BYTES];
    bool is_over = false;

    while (!is_over) {
        size_t bytes = feed_hub_read(hub, guest, piece, sizeof piece, &is_over);

        fwrite(piece, 1, bytes, stdout);
        fflush(stdout);
        if (bytes == 0 && !is_over)
            sleep_until_woken(line);
    }
}

int main(int argc, char **argv)
{
    struct line line = {.lock = PTHREAD_MUTEX_INITIALIZER, .woken = PTHREAD_COND_INITIALIZER};
    struct feed_filter filter = {.statuses = 0};
    struct feed_hub_request request = {.filter = &filter, .line = {.wake = wake, .self = &line}};
    struct error error = {.kind = ERROR_NONE};
    struct feed_guest *guest = NULL;

    if (argc < 3)
        return 2;
    const struct feed_hub_options options = {
        .stream = argv[1],
        .shards = (unsigned)atoi(argv[2]),
        .redis = {.url = getenv("REDIS_URL")},
        .postgres = {.url = getenv("DATABASE_URL"), .read_only = true},
    };
    struct feed_hub *hub = feed_hub_open(&options, &error);
    if (hub != NULL && read_arguments(argc - 3, argv + 3, &request, &error))
        guest = join(hub, &request, &error);
    if (guest != NULL) {
        listen_on(hub, guest, &line);
        feed_hub_leave(hub, guest);
    } else {
        fprintf(stderr, "%s\n", error.text);
    }
    feed_hub_close(hub);
    feed_filter_close(&filter);
    return guest == NULL;
}
