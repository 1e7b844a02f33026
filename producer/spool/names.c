#include "producer/spool/names.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Keep the smallest: the greatest makes room. */
static void insert(struct names *names, const char *name)
{
    size_t place = names->count;

    while (place > 0 && strcmp(name, names->texts[place - 1]) < 0)
        place--;
    if (place == NAMES_MAX)
        return;

    if (names->count < NAMES_MAX)
        names->count++;
    memmove(names->texts + place + 1, names->texts + place, (names->count - 1 - place) * NAMES_BYTES);
    memcpy(names->texts[place], name, strlen(name) + 1);
}

/* A descriptor of its own, since it has a position that is shared by its copies. */
static DIR *open_again(int folder)
{
    int again = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = again < 0 ? NULL : fdopendir(again);

    if (stream == NULL && again >= 0) {
        int why = errno;

        close(again);
        errno = why;
    }
    return stream;
}

/* NULL at the end, and with errno when it could not be read. */
static const struct dirent *next_entry(DIR *stream)
{
    errno = 0;
    return readdir(stream); /* NOLINT(concurrency-mt-unsafe): nobody else has this stream */
}

bool names_next(int folder, bool (*wanted)(const char *name), struct names *names, struct error *error)
{
    DIR *stream = open_again(folder);
    const struct dirent *entry;
    char last[NAMES_BYTES] = "";

    if (stream == NULL)
        return error_set_errno(error, ERROR_TRANSIENT, "disk", "could not list a folder of the spool");

    if (names->count > 0)
        memcpy(last, names->texts[names->count - 1], NAMES_BYTES);
    names->count = 0;
    while ((entry = next_entry(stream)) != NULL)
        if (strlen(entry->d_name) < NAMES_BYTES && wanted(entry->d_name) && strcmp(entry->d_name, last) > 0)
            insert(names, entry->d_name);

    bool read = errno == 0;
    if (!read)
        error_set_errno(error, ERROR_TRANSIENT, "disk", "could not list a folder of the spool");
    closedir(stream);
    return read;
}
