/* Whatever lies in a sub-folder: it is adopted, exactly the sound records are read, in order, and then nothing of it is
 * left but what was set aside. */
#include "producer/parcel.h"
#include "producer/spool/segment.h"
#include "producer/spool/spool.h"
#include "proto/crc32c.h"
#include "proto/event.h"

#include <assert.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SEGMENTS_MAX = 4, ENOUGH_READS = 1000 };

static const char owner[] = "01020300-0000-7000-8000-000000000009";
static const char stream[] = "s";
static const struct segment_home home = {"s", ""};
static char directory[] = "/dev/shm/tl-fuzz-XXXXXX"; /* thousands of files a second */
static struct parcel parcel;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void remove_directory(void)
{
    rmdir(directory);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    assert(mkdtemp(directory) != NULL && parcel_init(&parcel));
    return atexit(remove_directory);
}

/* ---- what should come of it ------------------------------------------------------------------------------------- */

static bool next_record(struct slice *bytes, struct slice *payload)
{
    uint32_t size, crc;

    if (bytes->size < SEGMENT_HEAD_BYTES)
        return false;
    segment_read_head(bytes->data, &size, &crc);
    if (size == 0 || size > EVENT_BYTES_MAX || size > bytes->size - SEGMENT_HEAD_BYTES)
        return false;
    *payload = slice_of(bytes->data + SEGMENT_HEAD_BYTES, size);
    *bytes = slice_of(payload->data + size, bytes->size - SEGMENT_HEAD_BYTES - size);
    return crc32c(*payload) == crc;
}

static size_t count_sound(struct slice bytes)
{
    struct slice payload;
    size_t count = 0;

    if (!next_record(&bytes, &payload) || segment_kind(payload, &home) > SEGMENT_OURS_KEPT)
        return 0;
    while (next_record(&bytes, &payload))
        count++;
    return count;
}

static bool is_left_alone(struct slice bytes)
{
    struct slice payload;

    if (!next_record(&bytes, &payload))
        return false;

    enum segment_kind kind = segment_kind(payload, &home);
    return kind == SEGMENT_OTHER_TARGET || kind == SEGMENT_OTHER_STREAM || kind == SEGMENT_OTHER_VERSION;
}

/* ---- what comes ------------------------------------------------------------------------------------------------- */

/* Chance never finds a checksum. */
static void mend_checksums(uint8_t *bytes, size_t size)
{
    for (size_t at = 0; at + SEGMENT_HEAD_BYTES <= size;) {
        uint32_t bytes_of, crc;

        segment_read_head(bytes + at, &bytes_of, &crc);
        if (bytes_of == 0 || bytes_of > size - at - SEGMENT_HEAD_BYTES)
            return;
        segment_write_head(slice_of(bytes + at + SEGMENT_HEAD_BYTES, bytes_of), bytes + at);
        at += SEGMENT_HEAD_BYTES + bytes_of;
    }
}

static void put_segment(uint64_t number, struct slice bytes)
{
    char name[SEGMENT_NAME_BYTES], path[256];

    segment_name(number, name);
    snprintf(path, sizeof path, "%s/%s/%s", directory, owner, name);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert(file >= 0 && write(file, bytes.data, bytes.size) == (ssize_t)bytes.size);
    close(file);
}

static void remove_what_is_left(void)
{
    char command[256];

    snprintf(command, sizeof command, "%s/%s", directory, owner);
    if (access(command, F_OK) != 0)
        return;
    for (uint64_t i = 1; i <= SEGMENTS_MAX; i++) {
        char name[SEGMENT_NAME_BYTES], path[512];

        segment_name(i, name);
        snprintf(path, sizeof path, "%s/%s", command, name);
        unlink(path);
        segment_damaged_name(i, name);
        snprintf(path, sizeof path, "%s/%s", command, name);
        unlink(path);
    }
    snprintf(command, sizeof command, "%s/%s/lock", directory, owner);
    unlink(command);
    *strrchr(command, '/') = '\0';
    assert(rmdir(command) == 0);
}

static size_t read_all(struct spool *spool)
{
    struct error error;
    uint64_t from = 1;

    for (int reads = 0; reads < ENOUGH_READS; reads++) {
        parcel_reset(&parcel);
        assert(spool_read(spool, from, &parcel, &error));
        if (parcel.count == 0)
            return (size_t)from - 1;
        for (size_t i = 0; i < parcel.count; i++)
            assert(parcel.items[i].ordinal == from + i && parcel.items[i].size <= EVENT_BYTES_MAX);
        from += parcel.count;
    }
    abort(); /* it goes on and on */
}

static void adopt(size_t wanted, size_t left_alone)
{
    struct spool_options options = {.directory = directory, .stream = stream, .bytes_max = SPOOL_BYTES_MIN};
    struct spool *spool = NULL;
    struct spool_look look;
    struct error error;

    if (!spool_adopt(&options, owner, &spool, &error)) {
        assert(error.kind == ERROR_REJECTED && wanted == 0 && left_alone > 0);
        return;
    }
    if (spool == NULL) {
        assert(wanted == 0);
        return;
    }
    assert(read_all(spool) == wanted && read_all(spool) == wanted);
    spool_look(spool, &look);
    assert(look.events == wanted && look.last == wanted);
    spool_release(spool, look.last);
    spool_look(spool, &look);
    assert(look.events == 0 && look.bytes == 0);
    spool_close(spool);
}

/* The first byte says how many segments the rest is, and whether their checksums are mended. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t wanted = 0, left_alone = 0;

    if (size == 0)
        return 0;

    size_t count = 1 + data[0] % SEGMENTS_MAX;
    size_t part = (size - 1) / count;
    uint8_t *bytes = malloc(size);
    char path[256];

    assert(bytes != NULL);
    memcpy(bytes, data, size);
    snprintf(path, sizeof path, "%s/%s", directory, owner);
    assert(mkdir(path, 0700) == 0);
    for (size_t i = 0; i < count; i++) {
        uint8_t *begin = bytes + 1 + i * part;

        if (data[0] & 0x80)
            mend_checksums(begin, part);
        put_segment(i + 1, slice_of(begin, part));
        wanted += count_sound(slice_of(begin, part));
        left_alone += is_left_alone(slice_of(begin, part));
    }
    adopt(wanted, left_alone);
    remove_what_is_left();
    free(bytes);
    return 0;
}
