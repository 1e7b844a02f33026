/* Whatever lies in a file that is imported: reading it ends within its bytes, and what is read comes back the same when
 * it is written again, in both encodings. */
#include "replay/transfer/frames.h"
#include "replay/transfer/record_json.h"
#include "replay/transfer/record_wire.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PATH_BYTES = 64, RECORDS_ENOUGH = 100000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void assert_same(const struct record *one, const struct record *other)
{
    assert(one->kind == other->kind);
    for (size_t i = 0; i < record_forms[one->kind].count; i++)
        assert(slice_equal(one->values[i], other->values[i]));
}

static void write_as_line(const struct record *record, struct arena *arena)
{
    struct json_writer json = {.failed = false};
    struct record again;
    struct error error;

    assert(record_json_write(record, &json, arena, &error));
    struct slice line = json_writer_slice(&json);
    assert(record_json_read(slice_of(line.data, line.size - 1), arena, &again, &error));
    assert_same(record, &again);
    json_writer_close(&json);
}

static void write_as_message(const struct record *record, struct arena *arena)
{
    struct binary bytes = {.size = 0};
    struct record again;
    struct error error;
    uint64_t content = 0;

    assert(record_wire_write(record, &bytes, &error));
    size_t head = record_wire_size(binary_slice(&bytes), &content);
    assert(head + content == bytes.size);
    assert(record_wire_read(slice_of(bytes.data + head, content), arena, &again, &error));
    assert_same(record, &again);
    binary_close(&bytes);
}

static void read_record(struct slice bytes, enum archive_encoding encoding)
{
    struct arena arena = {.limit_bytes = 0};
    struct record record;
    struct error error;
    bool good = encoding == ARCHIVE_JSONL ? record_json_read(bytes, &arena, &record, &error)
                                          : record_wire_read(bytes, &arena, &record, &error);

    if (good && record.kind != 0) {
        write_as_line(&record, &arena);
        write_as_message(&record, &arena);
    }
    arena_close(&arena);
}

static void read_file(struct slice bytes, enum archive_encoding encoding)
{
    int file = memfd_create("archive", MFD_CLOEXEC);
    char path[PATH_BYTES];
    struct frames frames;
    struct arena arena = {.limit_bytes = 0};
    struct record record;
    struct error error;
    size_t records = 0;

    assert(file >= 0 && write(file, bytes.data, bytes.size) == (ssize_t)bytes.size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    assert(frames_open(&frames, path, encoding, &error));
    while (!frames.is_over && frames_next(&frames, &arena, &record, &error))
        assert(++records < RECORDS_ENOUGH);
    assert(frames.is_over || strcmp(error.reason, "archive") == 0);
    frames_close(&frames);
    arena_close(&arena);
    close(file);
}

/* The first byte says how the rest is written, and whether it is a file or one record. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    enum archive_encoding encoding = (data[0] & 1) == 0 ? ARCHIVE_JSONL : ARCHIVE_PROTOBUF;
    struct slice rest = slice_of(data + 1, size - 1);

    if ((data[0] & 2) == 0)
        read_record(rest, encoding);
    else
        read_file(rest, encoding);
    return 0;
}
