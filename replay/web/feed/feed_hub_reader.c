/* The reader: from the streams into the ring. */
#include "replay/web/feed/feed_event.h"
#include "replay/web/feed/feed_hub_inside.h"

enum {
    FIRST_REST_MS = 100,
    LONGEST_REST_MS = 2000,

    /* Of a stream that went back nothing comes. */
    LOOK_AGAIN_MS = 10 * 1000,
};

/* ---- what came --------------------------------------------------------------------------------------------------- */

/* The place right behind the event, of all shards. What is told before the epoch is known is forgotten when it is. */
static struct slice place_of(struct feed_hub *hub, const struct entry *entry)
{
    struct stream_id before = hub->ring.now[entry->shard];

    if (hub->options.shards > FEED_CLIENT_SHORT_SHARDS || hub->epoch[0] == '\0')
        return slice_of(NULL, 0);
    hub->ring.now[entry->shard] = entry->id;
    size_t length = feed_id_format(hub->epoch, hub->ring.now, hub->options.shards, hub->id);
    hub->ring.now[entry->shard] = before;
    return slice_of(hub->id, length);
}

static bool tell(struct feed_hub *hub, const struct entry *entry, const struct event *event)
{
    struct slice id = place_of(hub, entry);

    json_writer_reset(&hub->data);
    json_writer_reset(&hub->block);
    feed_event_write(event, &hub->data);
    feed_event_block(&hub->block, "task", json_writer_slice(&hub->data), id);
    if (hub->data.failed || hub->block.failed)
        return false;
    return feed_ring_add(&hub->ring, &(struct feed_record){
                                         .shard = entry->shard,
                                         .id = entry->id,
                                         .subject = feed_event_subject(event),
                                         .block = json_writer_slice(&hub->block),
                                         .has_id = id.size > 0,
                                     });
}

static int64_t now_ms(const struct feed_hub *hub)
{
    return hub->clock->unix_us(hub->clock->self) / 1000;
}

static void count_one(struct feed_hub *hub, enum feed_series_kind kind, const struct entry *entry)
{
    feed_series_add(&hub->series, kind, (int64_t)(entry->id.ms > INT64_MAX ? INT64_MAX : entry->id.ms));
}

static void count_all(struct feed_hub *hub, const struct entry *entry, const struct task_status *said)
{
    hub->counters.events++;
    count_one(hub, FEED_SERIES_EVENTS, entry);
    if (feed_starts_note(&hub->starts, said))
        count_one(hub, FEED_SERIES_STARTED, entry);
    if (status_phase(said->status) == PHASE_FINAL)
        count_one(hub, FEED_SERIES_FINISHED, entry);
    if (said->status == STATUS_FAILURE || said->status == STATUS_PARTIAL_FAILURE)
        count_one(hub, FEED_SERIES_FAILED, entry);
}

/* An event that cannot be kept, for want of memory, is one that nobody may pass over. */
static void take_entry(struct feed_hub *hub, const struct entry *entry)
{
    struct event event;
    struct error why;
    bool has_identity;

    hub->counters.entries++;
    if (entry->state != ENTRY_WHOLE || !event_decode(entry->payload, &event, &has_identity, &why) ||
        event.body != EVENT_TASK_STATUS) {
        feed_ring_pass(&hub->ring, entry->shard, entry->id);
        return;
    }
    count_all(hub, entry, &event.task_status);
    if (!tell(hub, entry, &event))
        feed_hub_restart(hub, feed_reader_places(hub->reader), FEED_RESET_SLOW);
}

static void take(void *self, const struct entry *entries, size_t count)
{
    struct feed_hub *hub = self;

    pthread_mutex_lock(&hub->lock);
    feed_series_go_on(&hub->series, now_ms(hub));
    for (size_t i = 0; i < count; i++)
        if (stream_id_compare(entries[i].id, hub->ring.now[entries[i].shard]) > 0)
            take_entry(hub, &entries[i]);
    feed_hub_wake(hub);
    pthread_mutex_unlock(&hub->lock);
}

/* Whoever asked for more than there was has read all. */
static void reach(struct feed_hub *hub, bool has_all)
{
    pthread_mutex_lock(&hub->lock);
    if (has_all)
        feed_series_reach(&hub->series, now_ms(hub));
    pthread_mutex_unlock(&hub->lock);
}

/* ---- where to go on ---------------------------------------------------------------------------------------------- */

static bool begin(struct feed_hub *hub, enum feed_reset reason, struct error *error)
{
    if (!feed_reader_begin(hub->reader, error))
        return false;
    pthread_mutex_lock(&hub->lock);
    feed_hub_restart(hub, feed_reader_places(hub->reader), reason);
    feed_series_begin(&hub->series, now_ms(hub));
    hub->has_begun = true;
    pthread_mutex_unlock(&hub->lock);
    return true;
}

static bool go_on(struct feed_hub *hub, enum feed_fate fate, struct error *error)
{
    switch (fate) {
    case FEED_HOLE:
        return begin(hub, FEED_RESET_GONE, error);
    case FEED_BACK:
        return begin(hub, FEED_RESET_EPOCH, error);
    case FEED_WHOLE:
        break;
    }
    return true;
}

static bool look(struct feed_hub *hub, struct error *error)
{
    enum feed_fate fate;

    if (!hub->has_begun)
        return begin(hub, FEED_RESET_GONE, error);
    return feed_reader_look(hub->reader, &fate, error) && go_on(hub, fate, error);
}

static void note_reading(struct feed_hub *hub, bool is_reading)
{
    pthread_mutex_lock(&hub->lock);
    hub->counters.is_reading = is_reading;
    pthread_mutex_unlock(&hub->lock);
}

/* One connection, as long as it lasts. */
static void read_on(struct feed_hub *hub, struct backoff *backoff, struct error *error)
{
    const struct feed_taker taker = {.take = take, .self = hub};
    struct feed_turn turn;
    int64_t looked_us = 0;

    if (!feed_reader_connect(hub->reader, error))
        return;
    for (;;) {
        int64_t now_us = hub->clock->monotonic_us(hub->clock->self);
        bool is_due = looked_us == 0 || now_us - looked_us > INT64_C(1000) * LOOK_AGAIN_MS;

        if (is_due && !look(hub, error))
            return;
        if (is_due)
            looked_us = now_us;
        note_reading(hub, true);
        if (!feed_reader_turn(hub->reader, taker, &turn, error) || !go_on(hub, turn.fate, error))
            return;
        backoff_reset(backoff);
        reach(hub, turn.has_all);
    }
}

void *feed_hub_read_streams(void *self)
{
    struct feed_hub *hub = self;
    struct backoff backoff;
    struct error error;

    backoff_init(&backoff, FIRST_REST_MS, LONGEST_REST_MS, (uint64_t)hub->clock->unix_us(hub->clock->self));
    do {
        read_on(hub, &backoff, &error);
        feed_reader_disconnect(hub->reader);
        note_reading(hub, false);
    } while (feed_hub_rest(hub, backoff_next_us(&backoff)));
    feed_hub_thread_ends(hub);
    return NULL;
}
