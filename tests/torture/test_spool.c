/* The life of a spool again and again: it is filled, read, given up in part, synced, left behind, adopted and released,
 * each time with another call failing, or that one and some that follow, each time for another reason. Whatever fails,
 * what spool_append took is read again, by the owner and by who adopts it, and nothing is read that was not given. */
#include "producer/spool/spool.h"

#include "tests/support/scratch.h"
#include "tests/support/spool_fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <cmocka.h>

enum {
    EVENTS = 64,
    BATCH = 4,
    EVENT_BYTES = 5000,
    CAP_BYTES = 250 * 1024, /* EVENTS do not fit */
    SENT = 28,
    RELEASED = 8,
    TRIES_MAX = 12,
    READS_LOST_MAX = 2
};

/* ---- calls that fail -------------------------------------------------------------------------------------------- */

static unsigned made;         /* calls so far */
static unsigned failing_from; /* the number of the first that fails; 0: none does */
static unsigned failing;      /* how many fail */
static int failing_with;      /* errno */
static unsigned reads_lost;   /* one after the other */
static bool watching;         /* only the spool's calls count */

static bool fails(void)
{
    if (!watching)
        return false;
    made++;
    bool failed = failing_from > 0 && made >= failing_from && made < failing_from + failing;
    errno = failed ? failing_with : errno;
    return failed;
}

/* A disk that gives nothing back, however often it is asked, has lost it: not this story. */
static bool read_fails(void)
{
    bool lost = fails() && reads_lost < READS_LOST_MAX;

    reads_lost = lost ? reads_lost + 1 : 0;
    return lost;
}

#define WRAP(type, name, parameters, arguments, failure)      \
    type __real_##name parameters;                            \
    type __wrap_##name parameters;                            \
    type __wrap_##name parameters                             \
    {                                                         \
        return fails() ? (failure) : __real_##name arguments; \
    }

WRAP(void *, malloc, (size_t size), (size), NULL)
WRAP(void *, calloc, (size_t count, size_t size), (count, size), NULL)
WRAP(char *, realpath, (const char *path, char *resolved), (path, resolved), NULL)
WRAP(DIR *, fdopendir, (int folder), (folder), NULL)
WRAP(struct dirent *, readdir64, (DIR * folder), (folder), NULL)
WRAP(int, open64, (const char *path, int flags, ...), (path, flags), -1)
WRAP(int, mkdir, (const char *path, mode_t mode), (path, mode), -1)
WRAP(int, mkdirat, (int folder, const char *name, mode_t mode), (folder, name, mode), -1)
WRAP(int, unlinkat, (int folder, const char *name, int flags), (folder, name, flags), -1)
WRAP(int, renameat, (int from, const char *old, int to, const char *new), (from, old, to, new), -1)
WRAP(int, flock, (int file, int operation), (file, operation), -1)
WRAP(int, fstat64, (int file, struct stat *status), (file, status), -1)
WRAP(int, fstatat64, (int folder, const char *name, struct stat *status, int flags), (folder, name, status, flags), -1)
WRAP(int, ftruncate64, (int file, off_t size), (file, size), -1)
WRAP(int, dup3, (int from, int to, int flags), (from, to, flags), -1)

int __wrap_fsync(int file);
int __wrap_fdatasync(int file);
int __real_openat64(int folder, const char *name, int flags, ...);
int __wrap_openat64(int folder, const char *name, int flags, ...);
ssize_t __real_pread64(int file, void *bytes, size_t size, off_t offset);
ssize_t __wrap_pread64(int file, void *bytes, size_t size, off_t offset);
ssize_t __real_pwritev64(int file, const struct iovec *parts, int count, off_t offset);
ssize_t __wrap_pwritev64(int file, const struct iovec *parts, int count, off_t offset);

/* What they do cannot be seen here, and takes its time. */
int __wrap_fsync(int file)
{
    (void)file;
    return fails() ? -1 : 0;
}

int __wrap_fdatasync(int file)
{
    return __wrap_fsync(file);
}

int __wrap_openat64(int folder, const char *name, int flags, ...)
{
    bool writes = (flags & O_CREAT) != 0;

    return (writes ? fails() : read_fails()) ? -1 : __real_openat64(folder, name, flags, 0600);
}

ssize_t __wrap_pread64(int file, void *bytes, size_t size, off_t offset)
{
    return read_fails() ? -1 : __real_pread64(file, bytes, size, offset);
}

/* Before it fails, a disk takes a part. */
ssize_t __wrap_pwritev64(int file, const struct iovec *parts, int count, off_t offset)
{
    if (!fails())
        return __real_pwritev64(file, parts, count, offset);
    if (made == failing_from && failing > 1) {
        struct iovec part = {.iov_base = parts[0].iov_base, .iov_len = parts[0].iov_len / 2 + 1};

        return __real_pwritev64(file, &part, 1, offset);
    }
    return -1;
}

/* ---- the story -------------------------------------------------------------------------------------------------- */

struct story {
    struct spool_fixture fixture;
    uint64_t accepted; /* events 1 to this one */
    uint64_t given_up; /* of these, events 1 to this one need not be there any more */
    unsigned failures;
};

static void note_failure(struct story *story, const struct error *error)
{
    watching = false;
    assert_int_equal(error->kind, ERROR_TRANSIENT);
    assert_true(strcmp(error->reason, "disk") == 0 || strcmp(error->reason, "memory") == 0);
    assert_true(error->text[0] != '\0');
    if (++story->failures > TRIES_MAX)
        fail_msg("at %u of %u, %u times, %d: %s", failing_from, made, failing, failing_with, error->text);
    watching = true;
}

static void open_spool(struct story *story)
{
    struct error error;

    while ((story->fixture.spool = spool_open(&story->fixture.options, &error)) == NULL)
        note_failure(story, &error);
}

/* All are accepted in the end. */
static void append(struct story *story, uint64_t last)
{
    struct error error;

    while (story->accepted < last)
        if (spool_fixture_try(&story->fixture, story->accepted + 1, BATCH, &error))
            story->accepted += BATCH;
        else
            note_failure(story, &error);
}

static void sync_spool(struct story *story)
{
    struct error error;

    while (!spool_sync(story->fixture.spool, &error))
        note_failure(story, &error);
}

/* Until there is no more. How often each event came. */
static void read_all(struct story *story, struct spool *spool, unsigned seen[EVENTS + 1])
{
    struct parcel *parcel = &story->fixture.parcel;
    struct error error;
    uint64_t from = 1;

    memset(seen, 0, (EVENTS + 1) * sizeof *seen);
    do {
        parcel_reset(parcel);
        while (!spool_read(spool, from, parcel, &error))
            note_failure(story, &error);
        for (size_t i = 0; i < parcel->count; i++) {
            uint64_t number = spool_fixture_number(parcel_payload(parcel, &parcel->items[i]));

            assert_true(parcel->items[i].ordinal >= from && number >= 1 && number <= EVENTS);
            seen[number]++;
            from = parcel->items[i].ordinal + 1;
        }
    } while (parcel->count > 0);
}

static void check_own(struct story *story)
{
    unsigned seen[EVENTS + 1];

    read_all(story, story->fixture.spool, seen);
    for (uint64_t i = story->given_up + 1; i <= EVENTS; i++)
        assert_int_equal(seen[i], i <= story->accepted ? 1 : 0);
}

static struct spool *adopt(struct story *story)
{
    struct spool *spool;
    struct error error;

    while (!spool_adopt(&story->fixture.options, story->fixture.name, &spool, &error))
        note_failure(story, &error);
    return spool;
}

/* What was refused may be there as well, and what was accepted later once more. */
static void check_adopted(struct story *story, struct spool *spool)
{
    struct spool_look look;
    unsigned seen[EVENTS + 1];

    read_all(story, spool, seen);
    for (uint64_t i = story->given_up + 1; i <= EVENTS; i++)
        assert_true(seen[i] >= 1);
    spool_look(spool, &look);
    spool_release(spool, look.last);
    spool_close(spool);
}

/* Some stay when they cannot be removed; the next adopter removes them. */
static void check_removed(struct story *story)
{
    struct spool *spool;

    watching = false;
    while ((spool = spool_fixture_adopt(&story->fixture)) != NULL) {
        struct spool_look look;
        unsigned seen[EVENTS + 1];

        read_all(story, spool, seen);
        watching = false;
        spool_look(spool, &look);
        spool_release(spool, look.last);
        spool_close(spool);
        assert_true(++story->failures <= TRIES_MAX);
    }
    assert_int_equal(spool_fixture_count(&story->fixture, ".segment"), 0);
}

static void tell(struct story *story)
{
    struct spool *adopted;
    struct spool_look look;

    *story = (struct story){.accepted = 0};
    spool_fixture_init(&story->fixture);
    story->fixture.event_bytes = EVENT_BYTES;
    story->fixture.options.bytes_max = CAP_BYTES;
    made = 0;
    watching = true;

    open_spool(story);
    append(story, SENT);
    check_own(story);
    sync_spool(story);
    spool_note_sent(story->fixture.spool, SENT);
    story->given_up = SENT;
    append(story, EVENTS);
    check_own(story);
    spool_release(story->fixture.spool, RELEASED);
    sync_spool(story);
    spool_look(story->fixture.spool, &look);
    assert_true(look.unprotected > 0 && look.last == EVENTS && look.bytes <= CAP_BYTES);
    spool_fixture_die(&story->fixture);

    while ((adopted = adopt(story)) == NULL)
        assert_true(++story->failures <= TRIES_MAX);
    check_adopted(story, adopted);
    check_removed(story);
    watching = false;
    spool_fixture_close(&story->fixture);
}

static void every_call_may_fail(void **state)
{
    static const int reasons[] = {ENOSPC, EIO, EROFS, EDQUOT, EMFILE};
    static const unsigned lengths[] = {1, 2, 3, 7};
    struct story story;

    (void)state;
    failing_from = 0;
    tell(&story);
    assert_int_equal(story.failures, 0);
    unsigned calls = made;
    assert_true(calls > 100);

    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        for (unsigned at = 1; at <= calls; at++) {
            failing_from = at;
            failing = lengths[i];
            failing_with = reasons[at % (sizeof reasons / sizeof *reasons)];
            tell(&story);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_call_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
