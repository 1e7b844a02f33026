#include "replay/transfer/outlet.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whoever may read the ledger decides who may read what came out of it. */
enum { MODE = 0600, TRIES_MAX = 100 };

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_FATAL, "memory", "cannot get memory for a file");
}

/* The locked file may have been put into its place meanwhile, by the one who had it before. */
static bool is_still_there(const struct outlet *outlet)
{
    struct stat opened, named;

    return fstat(outlet->descriptor, &opened) == 0 && stat(outlet->part, &named) == 0 &&
           opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

/* In a folder of many somebody else may have put something there to get hold of what is written. */
static bool make_ours(const struct outlet *outlet)
{
    struct stat about;

    if (fstat(outlet->descriptor, &about) != 0)
        return false;
    if (!S_ISREG(about.st_mode) || about.st_uid != geteuid()) {
        errno = EPERM;
        return false;
    }
    return fchmod(outlet->descriptor, MODE) == 0 && ftruncate(outlet->descriptor, 0) == 0;
}

/* What is not taken is another's, and stays where it is. */
static bool leave(struct outlet *outlet)
{
    int why = errno;

    close(outlet->descriptor);
    outlet->descriptor = -1;
    errno = why;
    return false;
}

static bool open_part(struct outlet *outlet, struct error *error)
{
    for (int tries = 0; tries < TRIES_MAX; tries++) {
        outlet->descriptor = open(outlet->part, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, MODE);
        if (outlet->descriptor < 0)
            return error_set_errno(error, ERROR_FATAL, "usage", "cannot write \"%s\"", outlet->part);
        if (flock(outlet->descriptor, LOCK_EX | LOCK_NB) != 0)
            return leave(outlet) ||
                   error_set(error, ERROR_FATAL, "locked", "somebody else is writing \"%s\"", outlet->path);
        if (!is_still_there(outlet)) {
            leave(outlet);
            continue;
        }
        return make_ours(outlet) || leave(outlet) ||
               error_set_errno(error, ERROR_FATAL, "usage", "cannot write \"%s\"", outlet->part);
    }
    return error_set(error, ERROR_FATAL, "locked", "others keep writing \"%s\"", outlet->path);
}

/* A device or a pipe would be replaced by a file. */
static bool check_place(const char *path, struct error *error)
{
    struct stat there;

    return stat(path, &there) != 0 || S_ISREG(there.st_mode) ||
           error_set(error, ERROR_FATAL, "usage", "\"%s\" is no file that could be replaced; - is standard output",
                     path);
}

static bool name_part(struct outlet *outlet, const char *path)
{
    size_t size = strlen(path) + sizeof ".part";

    outlet->path = strdup(path);
    outlet->part = malloc(size);
    if (outlet->path == NULL || outlet->part == NULL)
        return false;
    snprintf(outlet->part, size, "%s.part", path);
    return true;
}

bool outlet_open(struct outlet *outlet, const char *path, struct error *error)
{
    *outlet = (struct outlet){.descriptor = -1, .digester = digester_new(), .buffer = malloc(OUTLET_BUFFER_BYTES)};
    if (outlet->digester == NULL || outlet->buffer == NULL)
        return no_memory(error);
    digester_begin(outlet->digester);
    if (strcmp(path, "-") == 0) {
        outlet->descriptor = STDOUT_FILENO;
        return true;
    }
    if (!name_part(outlet, path))
        return no_memory(error);
    return check_place(path, error) && open_part(outlet, error);
}

static bool write_all(struct outlet *outlet, const uint8_t *bytes, size_t size, struct error *error)
{
    while (size > 0) {
        ssize_t written = write(outlet->descriptor, bytes, size);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return error_set_errno(error, ERROR_FATAL, "output", "cannot write \"%s\"",
                                   outlet->path == NULL ? "-" : outlet->part);
        bytes += written;
        size -= (size_t)written;
    }
    return true;
}

static bool flush(struct outlet *outlet, struct error *error)
{
    if (!write_all(outlet, outlet->buffer, outlet->buffered, error))
        return false;
    outlet->buffered = 0;
    return true;
}

bool outlet_put(struct outlet *outlet, struct slice bytes, struct error *error)
{
    digester_add(outlet->digester, bytes);
    outlet->bytes += bytes.size;
    if (bytes.size > OUTLET_BUFFER_BYTES - outlet->buffered && !flush(outlet, error))
        return false;
    if (bytes.size > OUTLET_BUFFER_BYTES)
        return write_all(outlet, bytes.data, bytes.size, error);
    if (bytes.size > 0)
        memcpy(outlet->buffer + outlet->buffered, bytes.data, bytes.size);
    outlet->buffered += bytes.size;
    return true;
}

struct digest outlet_digest(const struct outlet *outlet)
{
    return digester_so_far(outlet->digester);
}

/* A name that was changed is on disk when its folder is. */
static bool sync_folder(const struct outlet *outlet)
{
    char *path = strdup(outlet->path);
    char *slash = path == NULL ? NULL : strrchr(path, '/');
    int folder;

    if (path == NULL)
        return false;
    if (slash != NULL)
        slash[slash == path ? 1 : 0] = '\0';
    folder = open(slash == NULL ? "." : path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = folder >= 0 && fsync(folder) == 0;
    if (folder >= 0)
        close(folder);
    free(path);
    return good;
}

bool outlet_finish(struct outlet *outlet, struct error *error)
{
    if (!flush(outlet, error))
        return false;
    if (outlet->path == NULL)
        return true;
    if (fsync(outlet->descriptor) != 0 || rename(outlet->part, outlet->path) != 0 || !sync_folder(outlet))
        return error_set_errno(error, ERROR_FATAL, "output", "cannot finish \"%s\"", outlet->path);
    free(outlet->part);
    outlet->part = NULL;
    return true;
}

void outlet_close(struct outlet *outlet)
{
    if (outlet->path != NULL && outlet->part != NULL && outlet->descriptor >= 0)
        unlink(outlet->part);
    if (outlet->path != NULL && outlet->descriptor >= 0)
        close(outlet->descriptor);
    digester_free(outlet->digester);
    free(outlet->buffer);
    free(outlet->part);
    free(outlet->path);
    *outlet = (struct outlet){.descriptor = -1};
}
