#include "replay/verify/stream_tail.h"

#include "proto/projection.h"
#include "replay/verify/stream_pages.h"

#include <stdlib.h>

static struct stream_id first_unsettled(const struct stream_position *position)
{
    if (!position->has_group)
        return (struct stream_id){.ms = 0};
    return position->pending > 0 ? position->first_pending : stream_pages_behind(position->delivered);
}

/* Entries that are no events, and events of other tasks, are nothing to this one. */
static bool is_of_task(const struct entry *entry, struct slice task_id)
{
    struct error why = {.kind = ERROR_NONE};
    struct event event;
    bool has_identity;

    return entry->state == ENTRY_WHOLE && event_decode(entry->payload, &event, &has_identity, &why) &&
           event.body == EVENT_TASK_STATUS && slice_equal(event.task_status.task_id, task_id);
}

/* False when there is no more room. */
static bool keep(struct stream_tail *tail, const struct entry *entry)
{
    struct error why = {.kind = ERROR_NONE};
    struct stream_tail_event kept = {.id = entry->id};
    bool has_identity;

    if (tail->count == STREAM_TAIL_EVENTS_MAX)
        return false;
    kept.payload = arena_copy(&tail->arena, entry->payload);
    if (kept.payload.data == NULL || !event_decode(kept.payload, &kept.event, &has_identity, &why))
        return false;
    tail->events[tail->count++] = kept;
    return true;
}

static void look_at_page(struct stream_tail *tail, const struct stream_pages *pages, struct slice task_id)
{
    for (size_t i = 0; i < pages->count && tail->is_whole; i++) {
        if (is_of_task(&pages->entries[i], task_id))
            tail->is_whole = keep(tail, &pages->entries[i]);
        tail->scanned++;
    }
    if (tail->scanned >= STREAM_TAIL_SCANNED_MAX)
        tail->is_whole = false;
}

static bool look_at_all(struct stream_tail *tail, struct stream_pages *pages, struct slice task_id, struct error *error)
{
    bool good = true;

    while (good && tail->is_whole && !pages->ended) {
        good = stream_pages_next(pages, error);
        if (good)
            look_at_page(tail, pages, task_id);
    }
    return good;
}

bool stream_tail_read(struct stream_tail *tail, const struct stream_place *place, struct slice task_id,
                      struct error *error)
{
    struct stream_position position;
    struct stream_pages *pages = calloc(1, sizeof *pages);

    *tail = (struct stream_tail){.is_whole = true};
    arena_init(&tail->arena, STREAM_TAIL_BYTES_MAX);
    tail->events = calloc(STREAM_TAIL_EVENTS_MAX, sizeof *tail->events);
    if (pages == NULL || tail->events == NULL) {
        free(pages);
        stream_tail_close(tail);
        return error_set(error, ERROR_FATAL, "memory", "cannot look at the stream: out of memory");
    }

    pages->redis = place->redis;
    pages->key = place->key;
    bool good = stream_pages_position(place->redis, place->key, place->group, &position, error) &&
                stream_pages_last(place->redis, place->key, &pages->end, error);
    if (good) {
        pages->next = first_unsettled(&position);
        good = look_at_all(tail, pages, task_id, error);
    }
    stream_pages_close(pages);
    free(pages);
    if (!good) {
        stream_tail_close(tail);
        return false;
    }
    return true;
}

static int compare_events(const void *left, const void *right)
{
    const struct stream_tail_event *a = left, *b = right;
    struct projection of_a = projection_of(&a->event), of_b = projection_of(&b->event);

    /* As the ledger's events are shown: by attempt and time, whatever the phase. */
    of_a.status = of_b.status = STATUS_PENDING;
    return projection_compare(&of_a, &of_b);
}

void stream_tail_sort(struct stream_tail *tail)
{
    if (tail->count > 0)
        qsort(tail->events, tail->count, sizeof *tail->events, compare_events);
}

void stream_tail_archived(struct stream_tail *tail, const struct uuid *producer_id, uint64_t sequence)
{
    for (size_t i = 0; i < tail->count; i++) {
        struct stream_tail_event *event = &tail->events[i];
        if (event->event.sequence == sequence && uuid_compare(&event->event.producer_id, producer_id) == 0)
            event->is_archived = true;
    }
}

size_t stream_tail_waiting(const struct stream_tail *tail)
{
    size_t waiting = 0;

    for (size_t i = 0; i < tail->count; i++)
        waiting += !tail->events[i].is_archived;
    return waiting;
}

void stream_tail_close(struct stream_tail *tail)
{
    free(tail->events);
    arena_close(&tail->arena);
    *tail = (struct stream_tail){.count = 0};
}
