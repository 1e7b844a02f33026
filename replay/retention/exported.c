#include "replay/retention/exported.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { KEPT_BYTES = 256 * 1024 };

static const char manifest_ending[] = ".manifest.json";

static void name_file(struct exported *exported, const char *path)
{
    size_t size = strlen(path), ending = strlen(manifest_ending);

    if (size > ending && strcmp(path + size - ending, manifest_ending) == 0)
        size -= ending;
    snprintf(exported->path, sizeof exported->path, "%.*s", (int)size, path);
}

bool exported_open(struct exported *exported, const char *path, struct error *error)
{
    struct digest digest;
    uint64_t bytes;

    name_file(exported, path);
    exported->digester = digester_new();
    if (exported->digester == NULL)
        return error_set(error, ERROR_FATAL, "memory", "cannot hash: out of memory");
    if (!manifest_read(exported->path, &exported->manifest, error) ||
        !frames_digest(exported->path, &digest, &bytes, error))
        return false;
    return (bytes == exported->manifest.bytes && digest_equal(&digest, &exported->manifest.digest)) ||
           error_set(error, ERROR_FATAL, "archive", "\"%s\" is not what its manifest says: it is not what was exported",
                     exported->path);
}

static bool next(struct exported *exported, struct error *error)
{
    exported->has_event = false;
    while (!exported->has_event && !exported->frames.is_over) {
        arena_reset(&exported->arena, KEPT_BYTES);
        if (!frames_next(&exported->frames, &exported->arena, &exported->record, error))
            return false;
        exported->has_event = exported->record.kind == RECORD_EVENT;
    }
    return true;
}

static void leave(struct exported *exported)
{
    if (exported->is_open)
        frames_close(&exported->frames);
    exported->is_open = false;
}

bool exported_begin(struct exported *exported, struct error *error)
{
    leave(exported);
    exported->missing = 0;
    if (!frames_open(&exported->frames, exported->path, exported->manifest.encoding, error))
        return false;
    exported->is_open = true;
    return next(exported, error);
}

/* How the export's present event compares with this number. */
static int compare(const struct exported *exported, const struct chain_step *step)
{
    struct slice producer = exported->record.values[ROW_PRODUCER_ID];
    uint64_t sequence = (uint64_t)record_integer(&exported->record, ROW_SEQUENCE);

    if (producer.size != UUID_BYTES)
        return -1;
    const struct uuid producer_id = postgres_read_uuid(producer);
    int order = uuid_compare(&producer_id, step->producer_id);
    return order != 0 ? order : (sequence > step->sequence) - (sequence < step->sequence);
}

static bool is_same(struct exported *exported, const struct chain_step *step)
{
    struct slice payload = exported->record.values[ROW_PAYLOAD];
    struct slice redacted = exported->record.values[ROW_REDACTED_DIGEST];
    struct digest digest = digester_hash(exported->digester, payload);

    return step->digest != NULL &&
           slice_equal(redacted.data != NULL ? redacted : digest_slice(&digest), digest_slice(step->digest));
}

static void miss(struct exported *exported, const struct chain_step *step)
{
    if (exported->missing++ > 0)
        return;
    exported->missing_producer_id = *step->producer_id;
    exported->missing_sequence = step->sequence;
}

bool exported_step(struct exported *exported, const struct chain_step *step, struct error *error)
{
    while (exported->has_event && compare(exported, step) < 0)
        if (!next(exported, error))
            return false;
    bool is_there = exported->has_event && compare(exported, step) == 0;
    if (is_there ? !is_same(exported, step) : step->is_event)
        miss(exported, step);
    return true;
}

void exported_close(struct exported *exported)
{
    leave(exported);
    digester_free(exported->digester);
    arena_close(&exported->arena);
}
