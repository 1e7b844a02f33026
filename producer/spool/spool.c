#include "producer/spool/spool.h"

#include "producer/spool/names.h"
#include "producer/spool/segment.h"
#include "producer/spool/spool_inside.h"
#include "proto/descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DAMAGED_MAX = 4, DAMAGED_BYTES_MAX = 16 * 1024 * 1024, LINGERING_BYTES_MAX = 256 * 1024, OPEN_TRIES_MAX = 3 };

bool spool_fail(const struct spool *spool, const char *what, struct error *error)
{
    return error_set_errno(error, ERROR_TRANSIENT, "disk", "could not %s the spool %s/%s", what,
                           spool->folder.directory, spool->folder.name);
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

/* Small enough that giving one up frees a small part of the cap, and never more of them than the inventory holds. */
static uint64_t choose_segment_bytes(uint64_t bytes_max)
{
    uint64_t bytes = bytes_max / 16;

    if (bytes > SPOOL_SEGMENT_BYTES)
        bytes = SPOOL_SEGMENT_BYTES;
    if (bytes < EVENT_BYTES_MAX)
        bytes = EVENT_BYTES_MAX;
    return bytes > bytes_max / (INVENTORY_MAX / 2) ? bytes : bytes_max / (INVENTORY_MAX / 2);
}

struct spool *spool_new(const struct spool_options *options, struct error *error)
{
    if (strlen(options->stream) > STREAM_NAME_BYTES_MAX) {
        error_set(error, ERROR_FATAL, "config", "the stream's name is longer than %d bytes", STREAM_NAME_BYTES_MAX);
        return NULL;
    }

    if (strlen(segment_home_of(options).target) > SPOOL_TARGET_BYTES_MAX) {
        error_set(error, ERROR_FATAL, "config", "the spool's target is longer than %d bytes", SPOOL_TARGET_BYTES_MAX);
        return NULL;
    }

    struct spool *spool = calloc(1, sizeof *spool);
    if (spool == NULL || !segment_reader_init(&spool->reading.reader)) {
        error_set(error, ERROR_TRANSIENT, "memory", "no memory for a spool");
        free(spool);
        return NULL;
    }
    memcpy(spool->stream, options->stream, strlen(options->stream) + 1);
    snprintf(spool->target, sizeof spool->target, "%s", segment_home_of(options).target);
    spool->home = (struct segment_home){spool->stream, spool->target};
    spool->keeps = options->keeps;
    spool->bytes_max = options->bytes_max;
    spool->segment_bytes = choose_segment_bytes(options->bytes_max);
    spool->patience_us = 1000 * (options->patience_ms > 0 ? options->patience_ms : SPOOL_PATIENCE_MS);
    spool->writing.file = -1;
    pthread_mutex_init(&spool->lock, NULL);
    return spool;
}

void spool_free(struct spool *spool)
{
    folder_close_descriptor(&spool->writing.file);
    segment_reader_close(&spool->reading.reader);
    pthread_mutex_destroy(&spool->lock);
    free(spool);
}

struct spool *spool_open(const struct spool_options *options, struct error *error)
{
    struct spool *spool = spool_new(options, error);

    if (spool == NULL)
        return NULL;
    if (!folder_make(&spool->folder, options->directory, options->owner, error)) {
        spool_free(spool);
        return NULL;
    }
    spool->has_new_entries = true;
    return spool;
}

void spool_close(struct spool *spool)
{
    if (spool == NULL)
        return;
    spool_remove_released(spool, true);
    folder_close(&spool->folder);
    spool_free(spool);
}

void spool_abandon(struct spool *spool)
{
    folder_close_descriptor(&spool->writing.file);
    folder_close_descriptor(&spool->reading.reader.file);
    folder_abandon(&spool->folder);
}

const char *spool_name(const struct spool *spool)
{
    return spool->folder.name;
}

bool spool_keeps(const struct spool *spool)
{
    return spool->keeps;
}

int spool_folder(const struct spool *spool)
{
    return spool->folder.place;
}

int spool_open_segment(const struct spool *spool, uint64_t number)
{
    char name[SEGMENT_NAME_BYTES];
    int file;
    int tries = 0;

    /* Not blocking, should it be a pipe. */
    segment_name(number, name);
    do
        file = openat(spool->folder.place, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    while (file < 0 && (errno == EIO || errno == EINTR) && ++tries < OPEN_TRIES_MAX);
    return descriptors_lift(file);
}

/* ---- what is known ---------------------------------------------------------------------------------------------- */

void spool_look(struct spool *spool, struct spool_look *look)
{
    const struct inventory *inventory = &spool->inventory;

    pthread_mutex_lock(&spool->lock);
    *look = (struct spool_look){
        .events = inventory->events,
        .bytes = inventory->bytes,
        .bytes_max = spool->bytes_max,
        .unprotected = spool->unprotected,
        .damaged = spool->damaged,
        .lost_end = spool->lost_end,
    };
    for (size_t i = 0; i < inventory->count; i++)
        if (segment_events(&inventory->segments[i]) > 0) {
            look->first = look->first == 0 ? inventory->segments[i].first : look->first;
            look->last = inventory->segments[i].last;
        }
    pthread_mutex_unlock(&spool->lock);
}

void spool_note_sent(struct spool *spool, uint64_t ordinal)
{
    pthread_mutex_lock(&spool->lock);
    spool->sent_to = ordinal;
    pthread_mutex_unlock(&spool->lock);
}

void spool_note_damage(struct spool *spool, uint64_t number, uint64_t last)
{
    struct segment segment;
    struct error unused;
    bool is_empty = false;

    pthread_mutex_lock(&spool->lock);
    const struct segment *known = inventory_get(&spool->inventory, number);
    if (known != NULL) {
        segment = *known;
        segment.last = last;
        segment.ended = true;
        segment.damaged = true;
        spool->damaged += known->damaged ? 0 : 1;
        spool->lost_end |= number == spool->reading.newest;
        inventory_put(&spool->inventory, &segment);
        is_empty = segment_events(&segment) == 0;
        if (is_empty)
            inventory_take(&spool->inventory, number);
    }
    pthread_mutex_unlock(&spool->lock);

    if (is_empty)
        spool_remove(spool, &segment, &unused);
}

bool spool_note_gone(struct spool *spool, uint64_t number)
{
    pthread_mutex_lock(&spool->lock);
    bool was_there = inventory_get(&spool->inventory, number) != NULL;
    inventory_take(&spool->inventory, number);
    spool->damaged += was_there;
    spool->lost_end |= number == spool->reading.newest;
    pthread_mutex_unlock(&spool->lock);
    return was_there;
}

/* ---- removing --------------------------------------------------------------------------------------------------- */

/* The newest of those that were set aside are kept for whoever wants to look at them. */
static void bound_damaged(struct spool *spool)
{
    struct names names = {.count = 0};
    struct error unused;
    uint64_t bytes = 0;

    if (!names_next(spool->folder.place, segment_is_damaged_name, &names, &unused))
        return;
    for (size_t i = names.count; i-- > 0;) {
        struct stat status = {.st_size = 0};

        fstatat(spool->folder.place, names.texts[i], &status, AT_SYMLINK_NOFOLLOW);
        bytes += (uint64_t)status.st_size;
        if (names.count - i > DAMAGED_MAX || bytes > DAMAGED_BYTES_MAX)
            unlinkat(spool->folder.place, names.texts[i], 0);
    }
}

static bool set_aside(struct spool *spool, const struct segment *segment)
{
    char name[SEGMENT_NAME_BYTES], aside[SEGMENT_NAME_BYTES];

    segment_name(segment->number, name);
    segment_damaged_name(segment->number, aside);
    if (renameat(spool->folder.place, name, spool->folder.place, aside) != 0)
        return false;
    bound_damaged(spool);
    return true;
}

static bool unlink_segment(struct spool *spool, const struct segment *segment)
{
    char name[SEGMENT_NAME_BYTES];

    segment_name(segment->number, name);
    return unlinkat(spool->folder.place, name, 0) == 0;
}

bool spool_remove(struct spool *spool, const struct segment *segment, struct error *error)
{
    bool removed = segment->damaged ? set_aside(spool, segment) : unlink_segment(spool, segment);

    if (removed || errno == ENOENT)
        return true;

    spool_fail(spool, "remove a segment of", error);
    pthread_mutex_lock(&spool->lock);
    if (!inventory_is_full(&spool->inventory))
        inventory_put(&spool->inventory, segment);
    pthread_mutex_unlock(&spool->lock);
    return false;
}

/* The segment that is being written may go as well: what is on its way into it begins another. But where that would be
 * so with every few events that the ledger confirms, it stays while it is small. */
static bool may_go(const struct spool *spool, const struct segment *segment, bool all)
{
    bool is_written = segment == inventory_newest(&spool->inventory) && !spool->is_adopted;
    bool lingers = is_written && spool->keeps && segment->bytes < LINGERING_BYTES_MAX;

    return segment->first > 0 && segment->last <= spool->released_to && (all || !lingers);
}

static bool take_released(struct spool *spool, bool all, struct segment *segment)
{
    struct inventory *inventory = &spool->inventory;

    pthread_mutex_lock(&spool->lock);
    bool taken = inventory->count > 0 && may_go(spool, &inventory->segments[0], all);
    if (taken) {
        *segment = inventory->segments[0];
        inventory_take(inventory, segment->number);
    }
    pthread_mutex_unlock(&spool->lock);
    return taken;
}

void spool_remove_released(struct spool *spool, bool all)
{
    struct segment segment;
    struct error unused;

    /* What cannot be removed now is tried again with the next release. */
    while (take_released(spool, all, &segment) && spool_remove(spool, &segment, &unused))
        continue;
}

void spool_release(struct spool *spool, uint64_t ordinal)
{
    pthread_mutex_lock(&spool->lock);
    if (ordinal > spool->released_to)
        spool->released_to = ordinal;
    pthread_mutex_unlock(&spool->lock);
    spool_remove_released(spool, false);
}
