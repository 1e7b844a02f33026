#include "producer/spool/folder.h"

#include "producer/spool/directory.h"
#include "producer/spool/names.h"
#include "producer/spool/stats.h"
#include "proto/descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { UNBORN_NAME_BYTES = SPOOL_NAME_BYTES + 5, UNBORN_OLD_S = 60 * 60 };

static const char lock_name[] = "lock";
static const char *const stats_names[] = {STATS_FILE, STATS_NEW_FILE};

static bool fail(struct error *error, const char *what, const struct folder *folder)
{
    return error_set_errno(error, ERROR_TRANSIENT, "disk", "could not %s the spool %s/%s", what, folder->directory,
                           folder->name);
}

static int open_folder(int above, const char *name)
{
    return descriptors_lift(openat(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

static bool is_ours(int descriptor)
{
    struct stat status;

    return fstat(descriptor, &status) == 0 && status.st_uid == geteuid();
}

/* A file that nobody has removed meanwhile. */
static bool has_name(int descriptor)
{
    struct stat status;

    return fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) && status.st_nlink > 0;
}

static int open_lock(int place, int flags)
{
    int lock = openat(place, lock_name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | flags, 0600);

    return descriptors_lift(lock);
}

/* Returns a descriptor that holds the lock; -1, with errno, which is 0 when somebody else has it, or has just removed
 * it. Not blocking, should it be a pipe. */
static int take_lock(int place, int flags)
{
    int lock = open_lock(place, 0);

    /* Only then: on a disk that is frozen O_CREAT waits even for what is there. */
    if (lock < 0 && errno == ENOENT && flags != 0)
        lock = open_lock(place, flags);
    if (lock < 0)
        return -1;

    bool locked = flock(lock, LOCK_EX | LOCK_NB) == 0;
    int why = locked || errno == EWOULDBLOCK ? 0 : errno;
    errno = why;
    if (locked && has_name(lock))
        return lock;
    why = errno;
    close(lock);
    errno = why;
    return -1;
}

void folder_close_descriptor(atomic_int *descriptor)
{
    /* In this order: who forks in between loses a number, not somebody else's file. */
    int number = atomic_exchange(descriptor, -1);

    if (number >= 0)
        close(number);
}

void folder_abandon(struct folder *folder)
{
    folder_close_descriptor(&folder->place);
    folder_close_descriptor(&folder->lock);
}

static void let_go(struct folder *folder)
{
    folder_abandon(folder);
    free(folder->directory);
    folder->directory = NULL;
}

/* ---- making ----------------------------------------------------------------------------------------------------- */

static void name_unborn(const struct folder *folder, char unborn[UNBORN_NAME_BYTES])
{
    snprintf(unborn, UNBORN_NAME_BYTES, ".%s.new", folder->name);
}

/* What is there already under that name was left by ourselves. */
static bool make_locked(struct folder *folder, int above, const char *unborn)
{
    if (mkdirat(above, unborn, 0700) != 0 && errno != EEXIST)
        return false;

    folder->place = open_folder(above, unborn);
    if (folder->place < 0 || !is_ours(folder->place))
        return false;

    folder->lock = take_lock(folder->place, O_CREAT);
    return folder->lock >= 0;
}

static void unmake(struct folder *folder, int above, const char *unborn)
{
    int why = errno;

    if (folder->place >= 0)
        unlinkat(folder->place, lock_name, 0);
    unlinkat(above, unborn, AT_REMOVEDIR);
    folder_abandon(folder);
    errno = why;
}

/* `directory` and `name` are there. */
static bool make(struct folder *folder, struct error *error)
{
    char unborn[UNBORN_NAME_BYTES];
    int above = directory_open(folder->directory);

    if (above < 0)
        return fail(error, "make", folder);

    name_unborn(folder, unborn);
    bool made = make_locked(folder, above, unborn) && renameat(above, unborn, above, folder->name) == 0;
    if (!made) {
        unmake(folder, above, unborn);
        fail(error, "make", folder);
    }
    close(above);
    return made;
}

bool folder_make(struct folder *folder, const char *directory, const struct uuid *owner, struct error *error)
{
    *folder = (struct folder){.place = -1, .lock = -1, .is_new = true};
    uuid_format(owner, folder->name);
    folder->directory = directory_make(directory, error);
    if (folder->directory == NULL)
        return false;

    if (!make(folder, error)) {
        let_go(folder);
        return false;
    }
    return true;
}

bool folder_make_again(struct folder *folder, struct error *error)
{
    struct folder again = {.place = -1, .lock = -1};

    memcpy(again.name, folder->name, sizeof again.name);
    again.directory = directory_make(folder->directory, error);
    if (again.directory == NULL)
        return false;

    bool made = make(&again, error);
    if (made && (dup3(again.lock, folder->lock, O_CLOEXEC) < 0 || dup3(again.place, folder->place, O_CLOEXEC) < 0))
        made = fail(error, "make", folder);
    folder->is_new = true;
    let_go(&again);
    return made;
}

/* ---- taking over ------------------------------------------------------------------------------------------------ */

/* Not there, not a folder, or not for us: nothing to report. */
static bool is_none_of_ours(int why)
{
    return why == ENOENT || why == ENOTDIR || why == EISDIR || why == ELOOP || why == ENXIO || why == EACCES ||
           why == EPERM;
}

static bool enter(struct folder *folder)
{
    int above = directory_open(folder->directory);

    if (above < 0)
        return false;

    folder->place = open_folder(above, folder->name);
    int why = errno;
    close(above);
    errno = why;
    if (folder->place < 0)
        return false;
    errno = 0;
    if (!is_ours(folder->place))
        return false;
    folder->lock = take_lock(folder->place, O_CREAT);
    return folder->lock >= 0;
}

bool folder_take(struct folder *folder, const char *directory, const char *name, bool *taken, struct error *error)
{
    *taken = false;
    if (!folder_is_name(name))
        return true;

    *folder = (struct folder){.place = -1, .lock = -1, .directory = realpath(directory, NULL)};
    memcpy(folder->name, name, SPOOL_NAME_BYTES);
    *taken = folder->directory != NULL && enter(folder);
    if (*taken)
        return true;

    bool is_fine = errno == 0 || is_none_of_ours(errno);
    if (!is_fine)
        error_set_errno(error, ERROR_TRANSIENT, "disk", "could not take over the spool %s/%s", directory, name);
    let_go(folder);
    return is_fine;
}

/* ---- syncing ---------------------------------------------------------------------------------------------------- */

bool folder_sync(struct folder *folder, struct error *error)
{
    if (fsync(folder->place) != 0)
        return fail(error, "sync", folder);

    if (atomic_exchange(&folder->is_new, false) && !directory_sync(folder->directory)) {
        folder->is_new = true;
        return fail(error, "sync", folder);
    }
    return true;
}

/* ---- removing --------------------------------------------------------------------------------------------------- */

static bool is_of_value(const char *name)
{
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, lock_name) == 0)
        return false;
    for (size_t i = 0; i < sizeof stats_names / sizeof *stats_names; i++)
        if (strcmp(name, stats_names[i]) == 0)
            return false;
    return true;
}

/* What cannot be removed now is found by the next adopter. The lock goes last. */
static void remove_if_empty(struct folder *folder)
{
    struct names names = {.count = 0};
    struct error unused;

    if (!names_next(folder->place, is_of_value, &names, &unused) || names.count > 0)
        return;

    int above = directory_open(folder->directory);
    if (above < 0)
        return;
    for (size_t i = 0; i < sizeof stats_names / sizeof *stats_names; i++)
        unlinkat(folder->place, stats_names[i], 0);
    unlinkat(folder->place, lock_name, 0);
    unlinkat(above, folder->name, AT_REMOVEDIR);
    close(above);
}

void folder_close(struct folder *folder)
{
    remove_if_empty(folder);
    let_go(folder);
}

bool folder_is_name(const char *name)
{
    struct uuid uuid;
    char text[UUID_TEXT_BYTES];

    if (!uuid_parse(name, &uuid))
        return false;
    uuid_format(&uuid, text);
    return strcmp(name, text) == 0;
}

static bool is_unborn(const char *name)
{
    char inner[SPOOL_NAME_BYTES];
    size_t bytes = strlen(name);

    if (bytes != UNBORN_NAME_BYTES - 1 || name[0] != '.' || strcmp(name + SPOOL_NAME_BYTES, ".new") != 0)
        return false;
    memcpy(inner, name + 1, sizeof inner - 1);
    inner[sizeof inner - 1] = '\0';
    return folder_is_name(inner);
}

static bool is_old(int place)
{
    struct stat status;

    return fstat(place, &status) == 0 && status.st_mtime < time(NULL) - UNBORN_OLD_S;
}

/* Its maker needs it for a moment only, and holds its lock; should he be just about to take it, he makes another
 * one. */
static void clear_unborn(int directory, const char *name)
{
    int place = open_folder(directory, name);

    if (place < 0)
        return;
    if (is_ours(place) && is_old(place)) {
        int lock = take_lock(place, 0);

        if (lock >= 0)
            unlinkat(place, lock_name, 0);
        unlinkat(directory, name, AT_REMOVEDIR);
        if (lock >= 0)
            close(lock);
    }
    close(place);
}

void folder_clear(int directory)
{
    struct names names = {.count = 0};
    struct error unused;

    if (!names_next(directory, is_unborn, &names, &unused))
        return;
    for (size_t i = 0; i < names.count; i++)
        clear_unborn(directory, names.texts[i]);
}
