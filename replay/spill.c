#include "replay/spill.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RUN_BUFFER_BYTES = 32 * 1024, WRITE_BUFFER_BYTES = 256 * 1024, MODE = 0600 };

struct spill_run {
    uint64_t at; /* in the file: behind what is in the buffer */
    uint64_t end;
    uint8_t *buffer; /* owned */
    size_t capacity;
    size_t first; /* in the buffer: the present record, */
    size_t size;  /* and what is there */
};

/* ---- the file --------------------------------------------------------------------------------------------------- */

static bool no_file(const struct spill *spill, const char *what, struct error *error)
{
    return error_set_errno(error, ERROR_FATAL, "disk", "cannot %s a temporary file in %s (TMPDIR)", what,
                           spill->folder);
}

/* Where the file system has no files without a name it has one for a moment. */
static int make_named(const char *folder)
{
    char *path = NULL;

    if (asprintf(&path, "%s/taskledger-XXXXXX", folder) < 0)
        return -1;
    int file = mkostemp(path, O_CLOEXEC);
    if (file >= 0)
        unlink(path);
    free(path);
    return file;
}

static bool make_file(struct spill *spill, struct error *error)
{
    spill->file = open(spill->folder, O_TMPFILE | O_RDWR | O_CLOEXEC, MODE);
    if (spill->file < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL))
        spill->file = make_named(spill->folder);
    return spill->file >= 0 || no_file(spill, "make", error);
}

static bool write_all(struct spill *spill, const uint8_t *bytes, size_t size, struct error *error)
{
    while (size > 0) {
        ssize_t written = pwrite(spill->file, bytes, size, (off_t)spill->bytes);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return no_file(spill, "write", error);
        spill->bytes += (uint64_t)written;
        bytes += written;
        size -= (size_t)written;
    }
    return true;
}

static bool read_all(const struct spill *spill, uint8_t *bytes, size_t size, uint64_t at, struct error *error)
{
    while (size > 0) {
        ssize_t got = pread(spill->file, bytes, size, (off_t)at);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return no_file(spill, "read", error);
        bytes += got;
        at += (uint64_t)got;
        size -= (size_t)got;
    }
    return true;
}

/* ---- writing a run ---------------------------------------------------------------------------------------------- */

static struct spill_run *new_run(struct spill *spill)
{
    struct spill_run *runs = realloc(spill->runs, (spill->count + 1) * sizeof *runs);

    if (runs == NULL)
        return NULL;
    spill->runs = runs;
    runs[spill->count] = (struct spill_run){.at = spill->bytes};
    return &runs[spill->count++];
}

static bool write_records(struct spill *spill, uint8_t *buffer, spill_at *at, const void *self, size_t count,
                          struct error *error)
{
    size_t size = 0;

    for (size_t i = 0; i < count; i++) {
        const struct spill_record *record = at(self, i);
        size_t bytes = record->bytes;

        if (size > 0 && size + bytes > WRITE_BUFFER_BYTES) {
            if (!write_all(spill, buffer, size, error))
                return false;
            size = 0;
        }
        if (bytes > WRITE_BUFFER_BYTES) {
            if (!write_all(spill, (const uint8_t *)record, bytes, error))
                return false;
            continue;
        }
        memcpy(buffer + size, record, bytes);
        size += bytes;
    }
    return write_all(spill, buffer, size, error);
}

static bool write_run(struct spill *spill, uint8_t *buffer, spill_at *at, const void *self, size_t count,
                      struct error *error)
{
    struct spill_run *run = new_run(spill);

    if (run == NULL)
        return error_set(error, ERROR_FATAL, "memory", "cannot get memory for another run");
    if (!write_records(spill, buffer, at, self, count, error))
        return false;
    run->end = spill->bytes;
    return true;
}

bool spill_add(struct spill *spill, spill_at *at, const void *self, size_t count, struct error *error)
{
    uint8_t *buffer = malloc(WRITE_BUFFER_BYTES);

    if (buffer == NULL)
        return error_set(error, ERROR_FATAL, "memory", "cannot get memory to write a temporary file");
    bool good = (spill->bytes > 0 || make_file(spill, error)) && write_run(spill, buffer, at, self, count, error);
    free(buffer);
    return good;
}

/* ---- reading one ------------------------------------------------------------------------------------------------ */

static const struct spill_record *present(const struct spill_run *run)
{
    return (const struct spill_record *)(const void *)(run->buffer + run->first);
}

static size_t held(const struct spill_run *run)
{
    return run->size - run->first;
}

static bool has_whole(const struct spill_run *run)
{
    return held(run) >= sizeof(struct spill_record) && held(run) >= present(run)->bytes;
}

/* Room for the present record, of which perhaps only the beginning is there. */
static bool make_room(struct spill_run *run, struct error *error)
{
    size_t wanted = held(run) >= sizeof(struct spill_record) ? present(run)->bytes : 0;

    if (run->first > 0)
        memmove(run->buffer, run->buffer + run->first, held(run));
    run->size = held(run);
    run->first = 0;
    if (wanted < RUN_BUFFER_BYTES)
        wanted = RUN_BUFFER_BYTES;
    if (run->capacity >= wanted)
        return true;
    uint8_t *buffer = realloc(run->buffer, wanted);
    if (buffer == NULL)
        return error_set(error, ERROR_FATAL, "memory", "cannot get memory to read a temporary file");
    run->buffer = buffer;
    run->capacity = wanted;
    return true;
}

/* Until the present record is whole; false in *is_there when the run has ended. */
static bool fill(const struct spill *spill, struct spill_run *run, bool *is_there, struct error *error)
{
    while (!has_whole(run) && run->at < run->end) {
        if (!make_room(run, error))
            return false;
        size_t size = run->capacity - run->size;
        if (size > run->end - run->at)
            size = (size_t)(run->end - run->at);
        if (!read_all(spill, run->buffer + run->size, size, run->at, error))
            return false;
        run->at += size;
        run->size += size;
    }
    *is_there = has_whole(run);
    return true;
}

static void close_run(struct spill_run *run)
{
    free(run->buffer);
    run->buffer = NULL;
}

/* ---- all of them ------------------------------------------------------------------------------------------------ */

static bool is_before(const struct spill *spill, size_t a, size_t b)
{
    return spill->compare(present(&spill->runs[a]), present(&spill->runs[b])) < 0;
}

static void sift_down(struct spill *spill, size_t at)
{
    for (;;) {
        size_t least = at;

        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < spill->left; child++)
            if (is_before(spill, child, least))
                least = child;
        if (least == at)
            return;
        struct spill_run run = spill->runs[at];
        spill->runs[at] = spill->runs[least];
        spill->runs[least] = run;
        at = least;
    }
}

bool spill_open(struct spill *spill, struct error *error)
{
    for (size_t i = 0; i < spill->count; i++) {
        bool is_there;

        if (!fill(spill, &spill->runs[i], &is_there, error))
            return false;
        assert(is_there);
    }
    spill->left = spill->count;
    for (size_t i = spill->left; i-- > 0;)
        sift_down(spill, i);
    return true;
}

const struct spill_record *spill_least(const struct spill *spill)
{
    return spill->left == 0 ? NULL : present(&spill->runs[0]);
}

bool spill_next(struct spill *spill, struct error *error)
{
    struct spill_run *run = &spill->runs[0];
    bool is_there;

    run->first += present(run)->bytes;
    if (!fill(spill, run, &is_there, error))
        return false;
    if (!is_there) {
        close_run(run);
        *run = spill->runs[--spill->left];
        spill->runs[spill->left].buffer = NULL;
    }
    sift_down(spill, 0);
    return true;
}

void spill_close(struct spill *spill)
{
    for (size_t i = 0; i < spill->count; i++)
        close_run(&spill->runs[i]);
    free(spill->runs);
    if (spill->bytes > 0)
        close(spill->file);
    *spill = (struct spill){.folder = spill->folder, .compare = spill->compare};
}
