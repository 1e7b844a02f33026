#include "replay/seal/seal_writer.h"

#include "proto/rfc3339.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MODE = 0644, TAIL_BYTES_MAX = 512 };

/* ---- a file that has no name yet --------------------------------------------------------------------------------- */

static bool refuse_taken(const struct seal_writer *writer, struct error *error)
{
    return error_set(error, ERROR_FATAL, "config", "%s is there already, and a seal takes nobody's place",
                     writer->path);
}

static bool open_folder(struct seal_writer *writer, struct error *error)
{
    const char *slash = strrchr(writer->path, '/');
    char folder[PATH_MAX] = ".";
    struct stat about;

    writer->name = slash == NULL ? writer->path : slash + 1;
    if (slash != NULL)
        snprintf(folder, sizeof folder, "%.*s", (int)(slash - writer->path) + 1, writer->path);
    if (writer->name[0] == '\0' || strcmp(writer->path, "-") == 0 || strlen(writer->path) >= sizeof folder)
        return error_set(error, ERROR_FATAL, "config", "\"%s\" is no name of a file", writer->path);
    writer->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (writer->folder < 0)
        return error_set_errno(error, ERROR_FATAL, "config", "cannot open the folder of %s", writer->path);
    return fstatat(writer->folder, writer->name, &about, AT_SYMLINK_NOFOLLOW) != 0 || refuse_taken(writer, error);
}

/* Where the file system has no files without a name. */
static int open_hidden(struct seal_writer *writer)
{
    uint64_t random;

    if (getrandom(&random, sizeof random, 0) != sizeof random)
        return -1;
    snprintf(writer->temporary, sizeof writer->temporary, ".seal-%016" PRIx64, random);
    int file = openat(writer->folder, writer->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, MODE);
    if (file < 0)
        writer->temporary[0] = '\0';
    return file;
}

static bool open_stream(struct seal_writer *writer, struct error *error)
{
    int file = openat(writer->folder, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, MODE);

    if (file < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL))
        file = open_hidden(writer);
    if (file < 0)
        return error_set_errno(error, ERROR_FATAL, "config", "cannot make a file beside %s", writer->path);
    writer->stream = fdopen(file, "w");
    if (writer->stream != NULL)
        return true;
    close(file);
    return error_set(error, ERROR_FATAL, "memory", "cannot write %s: out of memory", writer->path);
}

bool seal_writer_open(struct seal_writer *writer, const char *path, struct error *error)
{
    *writer = (struct seal_writer){.path = path, .folder = -1, .digester = digester_new()};
    if (writer->digester == NULL) {
        seal_writer_close(writer);
        return error_set(error, ERROR_FATAL, "memory", "cannot hash: out of memory");
    }
    if (open_folder(writer, error) && open_stream(writer, error))
        return true;
    seal_writer_close(writer);
    return false;
}

/* Some file systems know no rename that takes nobody's place; a link never does. */
static bool move(const struct seal_writer *writer)
{
    if (renameat2(writer->folder, writer->temporary, writer->folder, writer->name, RENAME_NOREPLACE) == 0)
        return true;
    if (errno != EINVAL && errno != ENOSYS)
        return false;
    return linkat(writer->folder, writer->temporary, writer->folder, writer->name, 0) == 0 &&
           unlinkat(writer->folder, writer->temporary, 0) == 0;
}

static bool give_name(struct seal_writer *writer)
{
    char itself[64];

    snprintf(itself, sizeof itself, "/proc/self/fd/%d", fileno(writer->stream));
    bool done = writer->temporary[0] != '\0'
                    ? move(writer)
                    : linkat(AT_FDCWD, itself, writer->folder, writer->name, AT_SYMLINK_FOLLOW) == 0;
    if (done)
        writer->temporary[0] = '\0';
    return done;
}

/* ---- what is written --------------------------------------------------------------------------------------------- */

static bool cannot_write(const struct seal_writer *writer, struct error *error)
{
    return error_set_errno(error, ERROR_FATAL, "output", "cannot write %s", writer->path);
}

static bool put_body(struct seal_writer *writer, struct slice bytes, struct error *error)
{
    digester_add(writer->digester, bytes);
    return fwrite(bytes.data, 1, bytes.size, writer->stream) == bytes.size || cannot_write(writer, error);
}

bool seal_writer_begin(struct seal_writer *writer, int64_t sealed_at_us, const char *snapshot, struct error *error)
{
    char time[RFC3339_TEXT_BYTES], head[SEAL_LINE_BYTES_MAX];

    rfc3339_format(sealed_at_us, time);
    snprintf(head, sizeof head, SEAL_LINE_BEGIN "\nsealed %s\nsnapshot %s\n", time, snapshot);
    digester_begin(writer->digester);
    return put_body(writer, slice_from_text(head), error);
}

bool seal_writer_put(struct seal_writer *writer, const struct seal_segment *segment, struct error *error)
{
    char line[SEAL_LINE_BYTES_MAX];
    size_t size = seal_line_format(segment, line);

    if (!seal_line_count(&writer->totals, segment, &writer->last_producer_id))
        return error_set(error, ERROR_FATAL, "seal", "cannot count so many events");
    writer->last_producer_id = segment->producer_id;
    return put_body(writer, slice_of(line, size), error);
}

static size_t format_tail(const struct seal_writer *writer, const struct signature_key *key, char tail[TAIL_BYTES_MAX])
{
    const struct seal_totals *totals = &writer->totals;
    struct digest body = digester_so_far(writer->digester);
    char text[DIGEST_HEX_BYTES];

    digest_format(&body, text);
    int size =
        snprintf(tail, TAIL_BYTES_MAX,
                 SEAL_LINE_END "\nproducers %" PRIu64 "\nsegments %" PRIu64 "\nevents %" PRIu64 "\nbody-sha256 %s\n",
                 totals->producers, totals->segments, totals->events, text);
    if (key == NULL)
        return (size_t)size;
    digest_format(signature_key_id(key), text);
    return (size_t)size + (size_t)snprintf(tail + size, TAIL_BYTES_MAX - (size_t)size, "key %s\n", text);
}

static bool put_tail(struct seal_writer *writer, const struct signature_key *key, struct error *error)
{
    char tail[TAIL_BYTES_MAX], signature[SIGNATURE_TEXT_BYTES];
    size_t size = format_tail(writer, key, tail);

    if (key != NULL && !signature_sign(key, slice_of(tail, size), signature, error))
        return false;
    bool good = fwrite(tail, 1, size, writer->stream) == size &&
                (key == NULL || fprintf(writer->stream, "signature %s\n", signature) > 0) &&
                fflush(writer->stream) == 0;
    return good || cannot_write(writer, error);
}

bool seal_writer_finish(struct seal_writer *writer, const struct signature_key *key, struct error *error)
{
    if (!put_tail(writer, key, error))
        return false;
    if (fsync(fileno(writer->stream)) != 0)
        return cannot_write(writer, error);
    if (!give_name(writer))
        return errno == EEXIST ? refuse_taken(writer, error) : cannot_write(writer, error);
    return fsync(writer->folder) == 0 || cannot_write(writer, error);
}

void seal_writer_close(struct seal_writer *writer)
{
    if (writer->stream != NULL)
        fclose(writer->stream);
    if (writer->temporary[0] != '\0')
        unlinkat(writer->folder, writer->temporary, 0);
    if (writer->path != NULL && writer->folder >= 0)
        close(writer->folder);
    digester_free(writer->digester);
    *writer = (struct seal_writer){.stream = NULL};
}
