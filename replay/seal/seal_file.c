#include "replay/seal/seal_file.h"

#include "proto/decimal.h"
#include "proto/rfc3339.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- lines ------------------------------------------------------------------------------------------------------- */

static bool damaged(const struct seal_file *file, const char *what, struct error *error)
{
    return error_set(error, ERROR_FATAL, "seal", "%s is no intact seal: line %" PRIu64 ": %s", file->path,
                     file->line_number, what);
}

/* The next line, without its newline; valid until the one after it. */
static bool read_line(struct seal_file *file, struct slice *line, struct error *error)
{
    file->line_number++;
    if (fgets(file->line, sizeof file->line, file->stream) == NULL) {
        if (ferror(file->stream))
            return error_set_errno(error, ERROR_FATAL, "seal", "cannot read %s", file->path);
        return damaged(file, "the end is missing", error);
    }
    size_t size = strlen(file->line);
    if (size == 0 || file->line[size - 1] != '\n')
        return damaged(file, "no line of a seal", error);
    *line = slice_of(file->line, size - 1);
    return true;
}

/* The line that was read last. */
static void add_to_body(struct seal_file *file)
{
    digester_add(file->digester, slice_from_text(file->line));
}

static bool is_word(struct slice line, const char *word)
{
    return slice_equal(line, slice_from_text(word));
}

/* "<word> <value>" */
static bool read_value(struct seal_file *file, const char *word, struct slice *value, struct error *error)
{
    char what[64];
    struct slice line = {.size = 0};

    if (!read_line(file, &line, error))
        return false;
    if (seal_line_value(line, word, value))
        return true;
    snprintf(what, sizeof what, "expected \"%s\"", word);
    return damaged(file, what, error);
}

/* ---- the head ---------------------------------------------------------------------------------------------------- */

static bool read_time(struct seal_file *file, struct error *error)
{
    char again[RFC3339_TEXT_BYTES];
    struct slice value = {.size = 0};

    if (!read_value(file, "sealed", &value, error))
        return false;
    if (!rfc3339_parse(value, &file->sealed_at_us))
        return damaged(file, "no time", error);
    rfc3339_format(file->sealed_at_us, again);
    if (!is_word(value, again))
        return damaged(file, "a time in another spelling", error);
    add_to_body(file);
    return true;
}

static bool is_snapshot(struct slice value)
{
    for (size_t i = 0; i < value.size; i++)
        if (strchr("0123456789:,", value.data[i]) == NULL)
            return false;
    return value.size < SEAL_LINE_SNAPSHOT_BYTES_MAX;
}

static bool read_snapshot(struct seal_file *file, struct error *error)
{
    struct slice value = {.size = 0};

    if (!read_value(file, "snapshot", &value, error))
        return false;
    if (!is_snapshot(value))
        return damaged(file, "no snapshot", error);
    memcpy(file->snapshot, value.data, value.size);
    file->snapshot[value.size] = '\0';
    add_to_body(file);
    return true;
}

/* From the beginning of the file up to its first segment. */
static bool read_head(struct seal_file *file, struct error *error)
{
    struct slice line = {.size = 0};

    rewind(file->stream);
    file->line_number = 0;
    file->met = (struct seal_totals){.events = 0};
    digester_begin(file->digester);
    if (!read_line(file, &line, error))
        return false;
    if (!is_word(line, SEAL_LINE_BEGIN))
        return damaged(file, "expected \"" SEAL_LINE_BEGIN "\"", error);
    add_to_body(file);
    return read_time(file, error) && read_snapshot(file, error);
}

/* ---- segments ---------------------------------------------------------------------------------------------------- */

static bool is_behind(const struct seal_file *file, const struct seal_segment *segment)
{
    if (file->met.segments == 0)
        return true;
    int order = uuid_compare(&segment->producer_id, &file->last.producer_id);
    return order > 0 || (order == 0 && segment->first > file->last.last);
}

/* A segment, or the line behind the last one. */
static bool read_segment(struct seal_file *file, struct seal_segment *segment, bool *ended, struct error *error)
{
    struct slice line = {.size = 0};

    if (!read_line(file, &line, error))
        return false;
    *ended = is_word(line, SEAL_LINE_END);
    if (*ended)
        return true;
    if (!seal_line_parse(line, segment))
        return damaged(file, "no segment", error);
    if (!is_behind(file, segment))
        return damaged(file, "segments that are not in their order", error);
    if (!seal_line_count(&file->met, segment, &file->last.producer_id))
        return damaged(file, "more events than there can be", error);
    add_to_body(file);
    file->last = *segment;
    return true;
}

/* ---- the tail ---------------------------------------------------------------------------------------------------- */

/* The line as it stands is a part of what is signed. */
static void keep_tail(struct seal_file *file)
{
    size_t size = strlen(file->line);

    if (size > sizeof file->tail - file->tail_size)
        return; /* longer than any tail can be: then it has no signature that holds */
    memcpy(file->tail + file->tail_size, file->line, size);
    file->tail_size += size;
}

static bool read_total(struct seal_file *file, const char *word, uint64_t met, uint64_t *total, struct error *error)
{
    struct slice value = {.size = 0};

    if (!read_value(file, word, &value, error))
        return false;
    if (!decimal_read(value, UINT64_MAX, total) || *total != met || (value.size > 1 && value.data[0] == '0'))
        return damaged(file, "not the number there is", error);
    keep_tail(file);
    return true;
}

static bool read_digest(struct seal_file *file, const char *word, struct digest *digest, struct error *error)
{
    struct slice value = {.size = 0};

    if (!read_value(file, word, &value, error))
        return false;
    if (!digest_parse(value, digest))
        return damaged(file, "no SHA-256", error);
    keep_tail(file);
    return true;
}

static bool is_at_end(struct seal_file *file)
{
    int next = getc(file->stream);

    return next == EOF || ungetc(next, file->stream) == EOF;
}

static bool read_signature(struct seal_file *file, struct error *error)
{
    struct slice value = {.size = 0};

    if (is_at_end(file))
        return true;
    if (!read_digest(file, "key", &file->key_id, error) || !read_value(file, "signature", &value, error))
        return false;
    if (value.size != SIGNATURE_TEXT_BYTES - 1)
        return damaged(file, "no signature", error);
    memcpy(file->signature, value.data, value.size);
    file->is_signed = true;
    return is_at_end(file) || damaged(file, "more than a seal", error);
}

static bool read_tail(struct seal_file *file, struct error *error)
{
    struct digest body = digester_so_far(file->digester);

    keep_tail(file);
    if (!read_total(file, "producers", file->met.producers, &file->totals.producers, error) ||
        !read_total(file, "segments", file->met.segments, &file->totals.segments, error) ||
        !read_total(file, "events", file->met.events, &file->totals.events, error) ||
        !read_digest(file, "body-sha256", &file->body, error))
        return false;
    if (!digest_equal(&file->body, &body))
        return damaged(file, "what is above is not what was written", error);
    if (file->totals.segments == 0)
        return damaged(file, "nothing is sealed, so it proves nothing", error);
    return read_signature(file, error);
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

static bool check(struct seal_file *file, struct error *error)
{
    struct seal_segment segment;
    bool ended = false;

    if (!read_head(file, error))
        return false;
    while (!ended)
        if (!read_segment(file, &segment, &ended, error))
            return false;
    return read_tail(file, error) && read_head(file, error);
}

bool seal_file_use(struct seal_file *file, FILE *stream, const char *path, struct error *error)
{
    *file = (struct seal_file){.stream = stream, .path = path, .digester = digester_new()};
    bool good = file->digester != NULL ? check(file, error)
                                       : error_set(error, ERROR_FATAL, "memory", "cannot hash: out of memory");

    if (!good)
        seal_file_close(file);
    return good;
}

bool seal_file_open(struct seal_file *file, const char *path, struct error *error)
{
    int descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* a pipe would wait for who writes into it */
    struct stat about;

    *file = (struct seal_file){.stream = NULL};
    if (descriptor < 0)
        return error_set_errno(error, ERROR_FATAL, "seal", "cannot read the seal %s", path);
    if (fstat(descriptor, &about) != 0 || !S_ISREG(about.st_mode)) {
        close(descriptor);
        return error_set(error, ERROR_FATAL, "seal", "%s is no file, and a seal is read twice", path);
    }
    FILE *stream = fdopen(descriptor, "r");
    if (stream != NULL)
        return seal_file_use(file, stream, path, error);
    close(descriptor);
    return error_set(error, ERROR_FATAL, "memory", "cannot read %s: out of memory", path);
}

bool seal_file_signed_by(const struct seal_file *file, const struct signature_key *key, struct error *error)
{
    char expected[DIGEST_HEX_BYTES], found[DIGEST_HEX_BYTES];

    if (!file->is_signed)
        return error_set(error, ERROR_FATAL, "seal", "%s is not signed, and a public key was given", file->path);
    if (!digest_equal(&file->key_id, signature_key_id(key))) {
        digest_format(signature_key_id(key), expected);
        digest_format(&file->key_id, found);
        return error_set(error, ERROR_FATAL, "seal", "%s is signed by the key %s, not by %s, which was given",
                         file->path, found, expected);
    }
    if (!signature_holds(key, slice_of(file->tail, file->tail_size), slice_from_text(file->signature)))
        return error_set(error, ERROR_FATAL, "seal", "the signature of %s does not hold: it was changed, or is forged",
                         file->path);
    return true;
}

bool seal_file_next(struct seal_file *file, struct seal_segment *segment, bool *ended, struct error *error)
{
    if (!read_segment(file, segment, ended, error))
        return false;
    if (!*ended)
        return true;

    struct digest body = digester_so_far(file->digester);
    return digest_equal(&file->body, &body) ||
           error_set(error, ERROR_FATAL, "seal", "%s was changed while it was read", file->path);
}

void seal_file_close(struct seal_file *file)
{
    if (file->stream != NULL)
        fclose(file->stream);
    digester_free(file->digester);
    *file = (struct seal_file){.stream = NULL};
}
