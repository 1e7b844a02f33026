/* A seal is written again and again, each time with another call failing. Whatever fails, the file is there and whole,
 * or not there at all; nobody's place is taken; and it is said what failed. */
#include "replay/seal/seal_file.h"
#include "replay/seal/seal_writer.h"

#include "tests/support/scratch.h"

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
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { SEGMENTS = 20 };

/* ---- calls that fail --------------------------------------------------------------------------------------------- */

static unsigned made;      /* calls so far */
static unsigned failing;   /* the number of the one that fails; 0: none does */
static int failing_with;   /* errno */
static bool has_no_hidden; /* the file system knows no files without a name, nor a rename that takes nobody's place */
static bool watching;

static bool fails(void)
{
    if (!watching)
        return false;
    made++;
    if (made != failing)
        return false;
    errno = failing_with;
    return true;
}

#define WRAP(type, name, parameters, arguments, failure)      \
    type __real_##name parameters;                            \
    type __wrap_##name parameters;                            \
    type __wrap_##name parameters                             \
    {                                                         \
        return fails() ? (failure) : __real_##name arguments; \
    }

WRAP(void *, calloc, (size_t count, size_t size), (count, size), NULL)
WRAP(FILE *, fdopen, (int file, const char *mode), (file, mode), NULL)
WRAP(size_t, fwrite, (const void *data, size_t size, size_t count, FILE *file), (data, size, count, file), 0)
WRAP(int, fflush, (FILE * file), (file), EOF)
WRAP(int, fsync, (int file), (file), -1)
WRAP(ssize_t, getrandom, (void *bytes, size_t size, unsigned flags), (bytes, size, flags), -1)
WRAP(int, unlinkat, (int folder, const char *name, int flags), (folder, name, flags), -1)
WRAP(int, linkat, (int from, const char *old, int to, const char *new, int flags), (from, old, to, new, flags), -1)
WRAP(int, open64, (const char *path, int flags, ...), (path, flags), -1)

int __real_openat64(int folder, const char *name, int flags, ...);
int __wrap_openat64(int folder, const char *name, int flags, ...);
int __wrap_openat64(int folder, const char *name, int flags, ...)
{
    if (fails())
        return -1;
    if (has_no_hidden && (flags & O_TMPFILE) == O_TMPFILE) {
        errno = EOPNOTSUPP;
        return -1;
    }
    return __real_openat64(folder, name, flags, 0644);
}

int __real_renameat2(int from, const char *old, int to, const char *new, unsigned flags);
int __wrap_renameat2(int from, const char *old, int to, const char *new, unsigned flags);
int __wrap_renameat2(int from, const char *old, int to, const char *new, unsigned flags)
{
    if (fails())
        return -1;
    if (has_no_hidden) {
        errno = EINVAL;
        return -1;
    }
    return __real_renameat2(from, old, to, new, flags);
}

/* ---- the story --------------------------------------------------------------------------------------------------- */

static bool write_segments(struct seal_writer *writer, struct error *error)
{
    struct seal_segment segment = {.producer_id = {{7}}, .digest = {{1}}, .sum = {{2}}};

    for (unsigned i = 0; i < SEGMENTS; i++) {
        segment.first = segment.last = 2 * i + 1;
        if (!seal_writer_put(writer, &segment, error))
            return false;
    }
    return true;
}

static bool write_seal(const char *path, struct error *error)
{
    struct seal_writer writer;

    if (!seal_writer_open(&writer, path, error))
        return false;
    bool good = seal_writer_begin(&writer, 0, "7:7:", error) && write_segments(&writer, error) &&
                seal_writer_finish(&writer, NULL, error);
    seal_writer_close(&writer);
    return good;
}

static bool is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

static void assert_whole(const char *path)
{
    struct seal_file file;
    struct error error;

    assert_true(seal_file_open(&file, path, &error));
    assert_int_equal(file.totals.segments, SEGMENTS);
    seal_file_close(&file);
}

static size_t files_in(const char *folder)
{
    DIR *entries = opendir(folder);
    size_t count = 0;

    assert_non_null(entries);
    while (readdir(entries) != NULL)
        count++;
    closedir(entries);
    return count - 2; /* itself and the one above */
}

/* Returns whether a call was left that could fail. */
static bool tell_story(unsigned number, int with)
{
    char folder[256], path[300];
    struct error error = {.kind = ERROR_NONE};

    scratch_make(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/seal", folder);
    made = 0;
    failing = number;
    failing_with = with;
    watching = true;
    bool good = write_seal(path, &error);
    watching = false;

    if (good)
        assert_true(is_there(path));
    else
        assert_true(error.kind == ERROR_FATAL && error.text[0] != '\0');
    if (is_there(path))
        assert_whole(path);
    /* At most one is left under another name: when to take it away was what failed. */
    assert_true(files_in(folder) <= (is_there(path) ? 1U : 0U) + (has_no_hidden ? 1U : 0U));
    scratch_remove(folder);
    return made >= number;
}

static void tell_all(int with)
{
    unsigned number = 1;

    while (tell_story(number, with))
        number++;
    assert_true(number > 5);
}

static void whatever_fails_the_file_is_whole_or_not_there(void **state)
{
    (void)state;
    has_no_hidden = false;
    tell_all(EIO);
    tell_all(ENOSPC);
}

static void so_it_is_where_files_always_have_names(void **state)
{
    (void)state;
    has_no_hidden = true;
    tell_all(EIO);
    tell_all(EROFS);
}

static void who_came_meanwhile_stays(void **state)
{
    char folder[256], path[300];
    struct seal_writer writer;
    struct error error;

    (void)state;
    for (int i = 0; i < 2; i++) {
        has_no_hidden = i == 1;
        watching = true;
        failing = 0;
        scratch_make(folder, sizeof folder);
        snprintf(path, sizeof path, "%s/seal", folder);
        assert_true(seal_writer_open(&writer, path, &error));
        assert_true(write_seal(path, &error));
        assert_true(seal_writer_begin(&writer, 0, "8:8:", &error));
        assert_false(seal_writer_finish(&writer, NULL, &error));
        assert_string_equal(error.reason, "config");
        seal_writer_close(&writer);
        watching = false;
        assert_whole(path);
        assert_int_equal(files_in(folder), 1);
        scratch_remove(folder);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_fails_the_file_is_whole_or_not_there),
        cmocka_unit_test(so_it_is_where_files_always_have_names),
        cmocka_unit_test(who_came_meanwhile_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
