#include "consumer/recovery/settled.h"

#include "proto/entry.h"
#include "proto/event.h"

#include <stdio.h>
#include <stdlib.h>

enum { KEEP_BYTES = 256 * 1024, COUNT_BYTES = 16, PENDING_PAGES_MAX = 10 };

bool settled_init(struct settled *settled)
{
    arena_init(&settled->arena, 0);
    settled->entries = calloc(SETTLED_PAGE_MAX, sizeof *settled->entries);
    settled->slots = calloc(SETTLED_PAGE_MAX, sizeof *settled->slots);
    settled->digester = digester_new();
    return settled->entries != NULL && settled->slots != NULL && settled->digester != NULL;
}

void settled_close(struct settled *settled)
{
    free(settled->entries);
    free(settled->slots);
    digester_free(settled->digester);
    arena_close(&settled->arena);
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static bool ask(const struct pending *where, struct stream_id last, size_t size, struct error *error)
{
    char last_text[STREAM_ID_BYTES_MAX];
    char count_text[COUNT_BYTES];

    stream_id_format(last, last_text);
    snprintf(count_text, sizeof count_text, "%zu", size);
    const struct slice words[] = {
        slice_from_text("XREVRANGE"), slice_from_text(where->key), slice_from_text(last_text),
        slice_from_text("-"),         slice_from_text("COUNT"),    slice_from_text(count_text),
    };
    return redis_append(where->redis, REDIS_WORDS(words), error) && redis_send(where->redis, error);
}

static void take(struct settled *settled, const struct entry *entry)
{
    struct settled_entry *next = &settled->entries[settled->count];

    settled->seen++;
    settled->oldest = entry->id;
    if (entry->state != ENTRY_WHOLE || !event_identity(entry->payload, &next->producer_id, &next->sequence))
        return;
    next->id = entry->id;
    next->digest = digester_hash(settled->digester, entry->payload);
    settled->count++;
}

/* As it comes in: a page of the largest events is 64 MiB. */
static bool read_page(struct settled *settled, const struct pending *where, struct error *error)
{
    struct entry_reader reader = {
        .shape = ENTRY_SHAPE_RANGE,
        .arena = &settled->arena,
        .entries = settled->slots,
        .capacity = SETTLED_PAGE_MAX,
    };
    struct redis_visitor visitor = entry_visitor(&reader);

    for (bool complete = false; !complete;) {
        if (!redis_receive_part(where->redis, &visitor, REDIS_PART_BYTES, 0, &complete, error))
            return false;
        for (size_t i = 0; i < reader.count && settled->seen < SETTLED_PAGE_MAX; i++)
            take(settled, &settled->slots[i]);
        reader.count = 0;
        reader.bytes = 0;
        arena_reset(&settled->arena, KEEP_BYTES);
    }
    return true;
}

/* ---- without what is pending ------------------------------------------------------------------------------------- */

/* Entries descend. */
static int compare(const void *left, const void *right)
{
    const struct settled_entry *a = left, *b = right;

    return stream_id_compare(b->id, a->id);
}

/* Number 0: to be left out. */
static void mark(struct settled *settled, struct stream_id id)
{
    const struct settled_entry key = {.id = id};
    struct settled_entry *found = bsearch(&key, settled->entries, settled->count, sizeof key, compare);

    if (found != NULL)
        found->sequence = 0;
}

static bool mark_rows(struct settled *settled, const struct reply *rows, struct stream_id *from, struct error *error)
{
    for (size_t i = 0; i < rows->count; i++) {
        const struct reply *row = &rows->elements[i];

        if (row->type != REPLY_ARRAY || row->count == 0 || !stream_id_parse(row->elements[0].text, from))
            return error_set(error, ERROR_TRANSIENT, "protocol", "could not understand the answer to XPENDING");
        mark(settled, *from);
    }
    from->sequence++;
    from->ms += from->sequence == 0;
    return true;
}

/* Entries from `from` on, of which it is not known. */
static void mark_rest(struct settled *settled, struct stream_id from)
{
    for (size_t i = 0; i < settled->count && stream_id_compare(settled->entries[i].id, from) >= 0; i++)
        settled->entries[i].sequence = 0;
}

/* There may be more of them than entries: pending entries may be gone from the stream. */
static bool mark_pending(struct settled *settled, struct pending where, struct stream_id last, struct error *error)
{
    struct stream_id from = settled->oldest;
    struct reply rows;

    where.arena = &settled->arena;
    for (int pages = 0; pages < PENDING_PAGES_MAX; pages++) {
        arena_reset(&settled->arena, KEEP_BYTES);
        if (!pending_between(&where, (struct slice){0}, from, last, &rows, error) ||
            !mark_rows(settled, &rows, &from, error))
            return false;
        if (rows.count < PENDING_PAGE_MAX || stream_id_compare(from, last) > 0)
            return true;
    }
    mark_rest(settled, from);
    return true;
}

static void leave_out_marked(struct settled *settled)
{
    size_t kept = 0;

    for (size_t i = 0; i < settled->count; i++)
        if (settled->entries[i].sequence != 0)
            settled->entries[kept++] = settled->entries[i];
    settled->count = kept;
}

bool settled_read(struct settled *settled, struct pending where, struct stream_id last, size_t size,
                  struct error *error)
{
    settled->count = 0;
    settled->seen = 0;
    arena_reset(&settled->arena, KEEP_BYTES);
    if (!ask(&where, last, size, error) || !read_page(settled, &where, error))
        return false;
    if (settled->count == 0)
        return true;
    if (!mark_pending(settled, where, last, error))
        return false;
    leave_out_marked(settled);
    return true;
}
