#include "replay/transfer/manifest.h"

#include "proto/decimal.h"
#include "proto/json.h"
#include "proto/rfc3339.h"
#include "replay/transfer/letters.h"
#include "replay/transfer/members.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 8, PATH_BYTES_MAX = 4096 };

static bool name_of(const char *path, char name[PATH_BYTES_MAX], struct error *error)
{
    return (size_t)snprintf(name, PATH_BYTES_MAX, "%s.manifest.json", path) < PATH_BYTES_MAX ||
           error_set(error, ERROR_FATAL, "usage", "a path is at most %d bytes long", PATH_BYTES_MAX);
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static void put_digest(struct json_writer *json, const char *key, const struct digest *digest)
{
    char text[DIGEST_HEX_BYTES];

    digest_format(digest, text);
    json_writer_key(json, key);
    json_writer_text(json, text);
}

static void put_time(struct json_writer *json, const char *key, int64_t unix_us)
{
    char text[RFC3339_TEXT_BYTES];

    rfc3339_format(unix_us, text);
    json_writer_key(json, key);
    json_writer_text(json, text);
}

static void put_unsigned(struct json_writer *json, const char *key, uint64_t value)
{
    json_writer_key(json, key);
    json_writer_unsigned(json, value);
}

static void put_begin(struct json_writer *json, const struct record *begin)
{
    static const enum record_begin_place texts[] = {BEGIN_SCOPE, BEGIN_LEDGER, BEGIN_SNAPSHOT, BEGIN_PROGRAM};
    static const enum record_begin_place times[] = {BEGIN_TAKEN_AT, BEGIN_SINCE, BEGIN_UNTIL};
    const struct record_field *fields = record_forms[RECORD_BEGIN].fields;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        json_writer_key(json, fields[texts[i]].name);
        json_writer_string(json, begin->values[texts[i]]);
    }
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        if (begin->values[times[i]].data != NULL)
            put_time(json, fields[times[i]].name, record_time_us(begin, times[i]));
}

static void put_file(struct json_writer *json, const struct outlet *outlet)
{
    const char *slash = strrchr(outlet->path, '/');
    const struct digest digest = outlet_digest(outlet);

    json_writer_key(json, "file");
    json_writer_object_begin(json);
    json_writer_key(json, "name");
    json_writer_text(json, slash == NULL ? outlet->path : slash + 1);
    put_unsigned(json, "bytes", outlet->bytes);
    put_digest(json, "sha256", &digest);
    json_writer_object_end(json);
}

static void put_counts(struct json_writer *json, const struct archive *archive)
{
    const struct archive_ranges *ranges = &archive->ranges;

    json_writer_key(json, "counts");
    json_writer_object_begin(json);
    for (enum record_kind kind = RECORD_BEGIN; kind < RECORD_KINDS; kind++)
        put_unsigned(json, record_forms[kind].name, archive->counts[kind]);
    json_writer_object_end(json);

    json_writer_key(json, "events");
    json_writer_object_begin(json);
    put_unsigned(json, "producers", ranges->producers);
    put_unsigned(json, "ranges", ranges->ranges);
    put_digest(json, "ranges_sha256", &ranges->digest);
    if (ranges->producers > 0) {
        put_time(json, "first_recorded_at", ranges->first_recorded_at_us);
        put_time(json, "last_recorded_at", ranges->last_recorded_at_us);
    }
    json_writer_object_end(json);
}

bool manifest_write(const char *path, const struct archive *archive, const struct record *begin, struct error *error)
{
    struct json_writer json = {.failed = false};
    struct outlet outlet = {.descriptor = -1};
    char name[PATH_BYTES_MAX];

    json_writer_object_begin(&json);
    json_writer_key(&json, "format");
    json_writer_text(&json, RECORD_FORMAT);
    put_unsigned(&json, "version", RECORD_VERSION);
    json_writer_key(&json, "encoding");
    json_writer_text(&json, archive_encoding_names[archive->encoding]);
    put_file(&json, &archive->outlet);
    put_begin(&json, begin);
    put_counts(&json, archive);
    json_writer_object_end(&json);
    json_writer_newline(&json);

    bool good = (!json.failed || error_set(error, ERROR_FATAL, "memory", "cannot get memory for a manifest")) &&
                name_of(path, name, error) && outlet_open(&outlet, name, error) &&
                outlet_put(&outlet, json_writer_slice(&json), error) && outlet_finish(&outlet, error);
    outlet_close(&outlet);
    json_writer_close(&json);
    return good;
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

/* What is asked of an object: where a member goes; how. */
enum want_type { WANT_TEXT, WANT_NUMBER, WANT_DIGEST, WANT_TIME, WANT_OBJECT };

struct want {
    const char *name;
    enum want_type type;
    void *to; /* struct slice, uint64_t, struct digest, int64_t */
    bool found;
};

static bool read_digest(struct slice text, struct arena *arena, struct digest *digest)
{
    struct slice bytes;

    if (!letters_from_hex(text, arena, &bytes) || bytes.size != DIGEST_BYTES)
        return false;
    memcpy(digest->bytes, bytes.data, DIGEST_BYTES);
    return true;
}

static bool take_wanted(struct want *want, const struct members *members, struct slice value)
{
    struct slice text;

    if (want->type == WANT_OBJECT) {
        *(struct slice *)want->to = value;
        return value.size > 0 && value.data[0] == '{';
    }
    if (want->type == WANT_NUMBER)
        return decimal_read(value, INT64_MAX, want->to);
    if (!members_text(members, value, &text))
        return false;
    if (want->type == WANT_DIGEST)
        return read_digest(text, members->arena, want->to);
    if (want->type == WANT_TIME)
        return rfc3339_parse(text, want->to);
    *(struct slice *)want->to = text;
    return true;
}

static bool take_all(struct slice object, struct arena *arena, struct want *wants, size_t count)
{
    struct members members = {.rest = object, .arena = arena};
    struct member member;
    size_t found = 0;

    while (members_next(&members, &member)) {
        for (size_t i = 0; i < count; i++) {
            if (wants[i].found || !slice_equal(member.name, slice_from_text(wants[i].name)))
                continue;
            if (!take_wanted(&wants[i], &members, member.value))
                return false;
            wants[i].found = true;
            found++;
        }
    }
    return found == count;
}

static bool take_counts(struct slice object, struct arena *arena, uint64_t counts[RECORD_KINDS])
{
    struct want wants[RECORD_KINDS - RECORD_BEGIN];
    size_t count = 0;

    for (enum record_kind kind = RECORD_BEGIN; kind < RECORD_KINDS; kind++)
        wants[count++] = (struct want){record_forms[kind].name, WANT_NUMBER, &counts[kind], false};
    return take_all(object, arena, wants, count);
}

/* The whole of it was checked to be an object. */
static const char *parse(struct slice text, struct arena *arena, struct manifest *manifest)
{
    struct slice format, encoding, scope, file, counts, events, snapshot;
    uint64_t version = 0;
    struct want about[] = {{"format", WANT_TEXT, &format, false}, {"version", WANT_NUMBER, &version, false}};
    struct want top[] = {{"encoding", WANT_TEXT, &encoding, false},
                         {"scope", WANT_TEXT, &scope, false},
                         {"file", WANT_OBJECT, &file, false},
                         {"counts", WANT_OBJECT, &counts, false},
                         {"events", WANT_OBJECT, &events, false},
                         {"snapshot", WANT_TEXT, &snapshot, false},
                         {"taken_at", WANT_TIME, &manifest->taken_at_us, false}};
    struct want of_file[] = {{"bytes", WANT_NUMBER, &manifest->bytes, false},
                             {"sha256", WANT_DIGEST, &manifest->digest, false}};
    struct want of_events[] = {{"producers", WANT_NUMBER, &manifest->producers, false},
                               {"ranges", WANT_NUMBER, &manifest->ranges, false},
                               {"ranges_sha256", WANT_DIGEST, &manifest->ranges_digest, false}};

    if (!take_all(text, arena, about, 2) || !slice_equal(format, slice_from_text(RECORD_FORMAT)))
        return "it is no manifest of an export";
    if (version != RECORD_VERSION)
        return "it is of another version than this program";
    if (!take_all(text, arena, top, sizeof top / sizeof *top) || !take_all(file, arena, of_file, 2) ||
        !take_all(events, arena, of_events, 3) || !take_counts(counts, arena, manifest->counts))
        return "something is missing in it, or is no such value";

    manifest->is_whole = slice_equal(scope, slice_from_text("whole"));
    snprintf(manifest->snapshot, sizeof manifest->snapshot, "%.*s", SLICE_PRINT(snapshot));
    manifest->encoding = ARCHIVE_JSONL;
    if (slice_equal(encoding, slice_from_text(archive_encoding_names[ARCHIVE_PROTOBUF])))
        manifest->encoding = ARCHIVE_PROTOBUF;
    else if (!slice_equal(encoding, slice_from_text(archive_encoding_names[ARCHIVE_JSONL])))
        return "it names an encoding that this version does not know";
    return NULL;
}

static bool read_text(const char *name, const char *path, char text[MANIFEST_BYTES_MAX], size_t *size,
                      struct error *error)
{
    FILE *file = fopen(name, "rbe");

    if (file == NULL && errno == ENOENT)
        return error_set(error, ERROR_FATAL, "usage",
                         "\"%s\" has no manifest: \"%s\" is not there; with --force it is checked by its last record",
                         path, name);
    if (file == NULL)
        return error_set_errno(error, ERROR_FATAL, "usage", "cannot read \"%s\"", name);
    *size = fread(text, 1, MANIFEST_BYTES_MAX, file);
    bool good = ferror(file) == 0 || error_set_errno(error, ERROR_FATAL, "archive", "cannot read \"%s\"", name);
    fclose(file);
    return good;
}

bool manifest_read(const char *path, struct manifest *manifest, struct error *error)
{
    struct arena arena = {.limit_bytes = 0};
    char name[PATH_BYTES_MAX], *text = malloc(MANIFEST_BYTES_MAX);
    size_t size = 0, offset;

    *manifest = (struct manifest){.bytes = 0};
    bool good = (text != NULL || error_set(error, ERROR_FATAL, "memory", "cannot get memory for a manifest")) &&
                name_of(path, name, error) && read_text(name, path, text, &size, error);
    if (good) {
        const char *wrong = json_check_object(slice_of(text, size), DEPTH_MAX, &offset);
        if (wrong == NULL)
            wrong = parse(slice_of(text, size), &arena, manifest);
        good = wrong == NULL || error_set(error, ERROR_FATAL, "archive", "\"%s\" cannot be used: %s", name, wrong);
    }
    arena_close(&arena);
    free(text);
    return good;
}
