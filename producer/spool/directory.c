#include "producer/spool/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Returns the first reason against it; those above may be there and not ours, so it need not be one. */
static int make_all(char *path)
{
    int why = 0;

    for (char *end = path; end != NULL;) {
        end = strchr(end + 1, '/');
        if (end != NULL)
            *end = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST && why == 0)
            why = errno;
        if (end != NULL)
            *end = '/';
    }
    return why;
}

char *directory_make(const char *path, struct error *error)
{
    char all[PATH_MAX];
    size_t bytes = strlen(path) + 1;

    if (bytes == 1 || bytes > sizeof all) {
        error_set(error, ERROR_FATAL, "config", "the spool's folder needs a name of 1 to %d bytes", PATH_MAX - 1);
        return NULL;
    }
    memcpy(all, path, bytes);

    int why = make_all(all);
    char *absolute = realpath(path, NULL);
    if (absolute != NULL)
        return absolute;

    errno = errno == ENOENT && why != 0 ? why : errno;
    if (errno == ENAMETOOLONG)
        error_set_errno(error, ERROR_FATAL, "config", "cannot make the spool's folder");
    else
        error_set_errno(error, ERROR_TRANSIENT, "disk", "could not make the spool's folder %s", path);
    return NULL;
}

/* It may well be a link: the operator's. */
int directory_open(const char *path)
{
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

bool directory_sync(const char *path)
{
    int directory = directory_open(path);

    if (directory < 0)
        return false;

    bool synced = fsync(directory) == 0;
    int why = errno;
    close(directory);
    errno = why;
    return synced;
}
