#include "producer/spool/glance.h"

#include "producer/spool/names.h"
#include "producer/spool/segment.h"
#include "producer/spool/segment_reader.h"
#include "proto/event.h"
#include "proto/gate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_sub_folder(const char *directory, const char *name, struct error *error)
{
    int above = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int folder = above < 0 ? -1 : openat(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (folder < 0)
        error_set_errno(error, ERROR_TRANSIENT, "disk", "could not read %s/%s", directory, name);
    if (above >= 0)
        close(above);
    return folder;
}

/* ---- its files --------------------------------------------------------------------------------------------------- */

/* Shared, and for a moment: of two who glance at once neither takes the other for the owner. */
static bool is_held(int folder)
{
    gate_enter(GATE_SPOOL);
    int lock = openat(folder, "lock", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    bool held = lock >= 0 && flock(lock, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (lock >= 0)
        close(lock);
    gate_leave(GATE_SPOOL);
    return held;
}

static void glance_at(int folder, const char *name, struct glance *glance)
{
    struct stat status;

    if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(status.st_mode))
        return;
    glance->bytes += (uint64_t)status.st_size;
    if (segment_is_damaged_name(name))
        glance->damaged++;
    else
        glance->segments++;
}

static bool is_wanted(const char *name)
{
    return segment_is_name(name) || segment_is_damaged_name(name);
}

static bool glance_at_all(int folder, struct glance *glance, struct error *error)
{
    struct names names = {.count = 0};

    do {
        if (!names_next(folder, is_wanted, &names, error))
            return false;
        for (size_t i = 0; i < names.count; i++)
            glance_at(folder, names.texts[i], glance);
    } while (names.count == NAMES_MAX);
    return true;
}

bool glance_take(const char *directory, const char *name, struct glance *glance, struct error *error)
{
    int folder = open_sub_folder(directory, name, error);

    if (folder < 0)
        return false;
    *glance = (struct glance){.is_held = is_held(folder)};
    glance->has_stats = stats_read(folder, &glance->stats);
    bool done = glance_at_all(folder, glance, error);
    close(folder);
    return done;
}

/* ---- its events -------------------------------------------------------------------------------------------------- */

struct count {
    struct segment_reader reader;
    const struct segment_home *home;
    struct glance_events events;
};

static uint64_t time_of(struct slice payload)
{
    struct event event;
    struct error error;
    bool has_identity;

    event_decode(payload, &event, &has_identity, &error);
    return has_identity && event.occurred_at_us > 0 ? (uint64_t)event.occurred_at_us : 0;
}

static bool is_wanted_here(struct count *count, struct slice header)
{
    const struct segment_home any = {"", ""};
    enum segment_kind kind = segment_kind(header, count->home == NULL ? &any : count->home);
    struct slice target = segment_target(header);

    if (kind == SEGMENT_OTHER_TARGET && count->home != NULL)
        snprintf(count->events.other_target, sizeof count->events.other_target, "%.*s", SLICE_PRINT(target));
    return kind == SEGMENT_OURS || kind == SEGMENT_OURS_KEPT ||
           (count->home == NULL && (kind == SEGMENT_OTHER_STREAM || kind == SEGMENT_OTHER_TARGET));
}

/* False, with errno, when the disk does not give it now. */
static bool count_records(struct count *count)
{
    struct slice payload;
    enum segment_found found = segment_reader_next(&count->reader, &payload);

    if (found != SEGMENT_RECORD || !is_wanted_here(count, payload))
        return found != SEGMENT_NOT_NOW;
    while ((found = segment_reader_next(&count->reader, &payload)) == SEGMENT_RECORD) {
        if (count->events.count == 0)
            count->events.oldest_at_us = time_of(payload);
        count->events.count++;
    }
    return found != SEGMENT_NOT_NOW;
}

/* One that is gone meanwhile has nothing in it. */
static bool count_segment(struct count *count, int folder, const char *name)
{
    struct stat status;
    int file = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (file < 0)
        return errno != EIO;
    if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
        close(file);
        return true;
    }
    segment_reader_open(&count->reader, file, (uint64_t)status.st_size);
    bool counted = count_records(count);
    int why = errno;
    segment_reader_end(&count->reader);
    errno = why;
    return counted;
}

static bool count_all(struct count *count, int folder, struct error *error)
{
    struct names names = {.count = 0};

    do {
        if (!names_next(folder, segment_is_name, &names, error))
            return false;
        for (size_t i = 0; i < names.count; i++)
            if (!count_segment(count, folder, names.texts[i]))
                return error_set_errno(error, ERROR_TRANSIENT, "disk", "could not read %s", names.texts[i]);
    } while (names.count == NAMES_MAX);
    return true;
}

bool glance_count(const char *directory, const char *name, const struct segment_home *home,
                  struct glance_events *events, struct error *error)
{
    struct count count = {.home = home};
    int folder = open_sub_folder(directory, name, error);

    if (folder < 0)
        return false;
    bool counted = segment_reader_init(&count.reader) ||
                   error_set(error, ERROR_TRANSIENT, "memory", "could not get memory to read %s/%s", directory, name);
    if (counted) {
        counted = count_all(&count, folder, error);
        segment_reader_close(&count.reader);
    }
    close(folder);
    if (counted)
        *events = count.events;
    return counted;
}
