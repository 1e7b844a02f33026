#include "replay/transfer/archive.h"

#include "replay/transfer/record_json.h"
#include "replay/transfer/record_wire.h"

#include <inttypes.h>
#include <stdio.h>

enum { ARENA_KEPT_BYTES = 512 * 1024, LINE_BYTES_MAX = 96 };

const char *const archive_encoding_names[] = {[ARCHIVE_JSONL] = "jsonl", [ARCHIVE_PROTOBUF] = "protobuf"};

bool archive_open(struct archive *archive, const char *path, enum archive_encoding encoding, struct error *error)
{
    *archive = (struct archive){.encoding = encoding, .digester = digester_new()};
    if (!outlet_open(&archive->outlet, path, error))
        return false;
    if (archive->digester == NULL)
        return error_set(error, ERROR_FATAL, "memory", "cannot hash: out of memory");
    digester_begin(archive->digester);
    return true;
}

void archive_close(struct archive *archive)
{
    outlet_close(&archive->outlet);
    digester_free(archive->digester);
    json_writer_close(&archive->json);
    binary_close(&archive->bytes);
    arena_close(&archive->arena);
}

uint64_t archive_records(const uint64_t counts[RECORD_KINDS])
{
    uint64_t records = 0;

    for (enum record_kind kind = RECORD_BEGIN; kind < RECORD_END; kind++)
        records += counts[kind];
    return records;
}

/* ---- which events ----------------------------------------------------------------------------------------------- */

static void end_range(struct archive *archive)
{
    struct archive_ranges *ranges = &archive->ranges;
    char producer[UUID_TEXT_BYTES], line[LINE_BYTES_MAX];

    if (ranges->first == 0)
        return;
    uuid_format(&ranges->producer_id, producer);
    int size = snprintf(line, sizeof line, "%s %" PRIu64 " %" PRIu64 "\n", producer, ranges->first, ranges->last);
    digester_add(archive->digester, slice_of(line, (size_t)size));
    ranges->ranges++;
}

static void note_recorded(struct archive_ranges *ranges, int64_t recorded_at_us)
{
    if (ranges->producers == 0 || recorded_at_us < ranges->first_recorded_at_us)
        ranges->first_recorded_at_us = recorded_at_us;
    if (ranges->producers == 0 || recorded_at_us > ranges->last_recorded_at_us)
        ranges->last_recorded_at_us = recorded_at_us;
}

static void note_event(struct archive *archive, const struct record *record)
{
    struct archive_ranges *ranges = &archive->ranges;
    struct uuid producer_id = postgres_read_uuid(record->values[ROW_PRODUCER_ID]);
    uint64_t sequence = (uint64_t)record_integer(record, ROW_SEQUENCE);
    bool is_same = ranges->first > 0 && uuid_compare(&producer_id, &ranges->producer_id) == 0;

    note_recorded(ranges, record_time_us(record, ROW_RECORDED_AT));
    if (is_same && sequence == ranges->last + 1) {
        ranges->last = sequence;
        return;
    }
    end_range(archive);
    ranges->producers += !is_same;
    ranges->producer_id = producer_id;
    ranges->first = sequence;
    ranges->last = sequence;
}

/* ---- records ---------------------------------------------------------------------------------------------------- */

static bool put_line(struct archive *archive, const struct record *record, struct error *error)
{
    json_writer_reset(&archive->json);
    arena_reset(&archive->arena, ARENA_KEPT_BYTES);
    return record_json_write(record, &archive->json, &archive->arena, error) &&
           outlet_put(&archive->outlet, json_writer_slice(&archive->json), error);
}

static bool put_message(struct archive *archive, const struct record *record, struct error *error)
{
    binary_reset(&archive->bytes);
    return record_wire_write(record, &archive->bytes, error) &&
           outlet_put(&archive->outlet, binary_slice(&archive->bytes), error);
}

bool archive_put(struct archive *archive, const struct record *record, struct error *error)
{
    if (record->kind == RECORD_EVENT)
        note_event(archive, record);
    archive->counts[record->kind]++;
    return archive->encoding == ARCHIVE_JSONL ? put_line(archive, record, error) : put_message(archive, record, error);
}

bool archive_finish(struct archive *archive, struct error *error)
{
    const struct digest digest = outlet_digest(&archive->outlet);
    struct record end = {.kind = RECORD_END, .values[END_DIGEST] = digest_slice(&digest)};
    struct arena arena = {.limit_bytes = 0};

    end_range(archive);
    archive->ranges.digest = digester_so_far(archive->digester);
    bool good = (record_put_integer(&end, END_RECORDS, (int64_t)archive_records(archive->counts), &arena) &&
                 record_put_integer(&end, END_EVENTS, (int64_t)archive->counts[RECORD_EVENT], &arena)) ||
                error_set(error, ERROR_FATAL, "memory", "cannot get memory for a record");
    good = good && archive_put(archive, &end, error) && outlet_finish(&archive->outlet, error);
    arena_close(&arena);
    return good;
}
