/* Reading a segment: what was written comes out, and nothing else is believed. */
#include "producer/spool/segment_reader.h"

#include "producer/spool/segment.h"
#include "proto/event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

enum { RECORDS = 3, MANY = 1000 };

static const char *const texts[RECORDS] = {"first", "the second", "x"};

static int setup(void **state)
{
    static struct segment_reader reader;

    *state = &reader;
    return segment_reader_init(&reader) ? 0 : -1;
}

static int teardown(void **state)
{
    segment_reader_close(*state);
    return 0;
}

/* ---- files ------------------------------------------------------------------------------------------------------ */

static int make_file(void)
{
    int file = memfd_create("segment", MFD_CLOEXEC);

    assert_true(file >= 0);
    return file;
}

static uint64_t write_texts(int file)
{
    struct spool_record records[RECORDS];

    for (size_t i = 0; i < RECORDS; i++)
        records[i] = (struct spool_record){.ordinal = i + 1, .payload = slice_from_text(texts[i])};
    assert_true(segment_write(file, 0, records, RECORDS));
    return segment_bytes(records, RECORDS);
}

/* A file with these bytes. */
static int file_of(struct slice bytes)
{
    int file = make_file();

    assert_int_equal(pwrite(file, bytes.data, bytes.size, 0), (ssize_t)bytes.size);
    return file;
}

static void assert_next(struct segment_reader *reader, const char *text)
{
    struct slice payload;

    assert_int_equal(segment_reader_next(reader, &payload), SEGMENT_RECORD);
    assert_true(slice_equal(payload, slice_from_text(text)));
}

static void assert_found(struct segment_reader *reader, enum segment_found found)
{
    struct slice payload;

    for (int again = 0; again < 2; again++)
        assert_int_equal(segment_reader_next(reader, &payload), found);
}

/* ---- records ---------------------------------------------------------------------------------------------------- */

static void what_is_written_is_read(void **state)
{
    int file = make_file();
    uint64_t bytes = write_texts(file);

    assert_int_equal(bytes, RECORDS * SEGMENT_HEAD_BYTES + 5 + 10 + 1);
    segment_reader_open(*state, file, bytes);
    for (size_t i = 0; i < RECORDS; i++)
        assert_next(*state, texts[i]);
    assert_found(*state, SEGMENT_END);
}

static void many_and_large_records_come_whole(void **state)
{
    static uint8_t payload[EVENT_BYTES_MAX];
    static struct spool_record records[MANY];
    struct segment_reader *reader = *state;
    struct slice found;
    int file = make_file();

    for (size_t i = 0; i < sizeof payload; i++)
        payload[i] = (uint8_t)(i * 31);
    for (size_t i = 0; i < MANY; i++)
        records[i] = (struct spool_record){
            .ordinal = i + 1, .payload = slice_of(payload, i % 7 == 0 ? EVENT_BYTES_MAX : 1 + i * 13 % 4000)};
    assert_true(segment_write(file, 0, records, MANY));

    segment_reader_open(reader, file, segment_bytes(records, MANY));
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(segment_reader_next(reader, &found), SEGMENT_RECORD);
        assert_true(slice_equal(found, records[i].payload));
    }
    assert_found(reader, SEGMENT_END);
}

static void nothing_is_read_behind_the_end_until_it_is_moved_on(void **state)
{
    struct segment_reader *reader = *state;
    int file = make_file();
    uint64_t bytes = write_texts(file);

    segment_reader_open(reader, file, SEGMENT_HEAD_BYTES + 5);
    assert_next(reader, texts[0]);
    assert_found(reader, SEGMENT_END);
    reader->end = bytes;
    assert_next(reader, texts[1]);
    assert_next(reader, texts[2]);
    assert_found(reader, SEGMENT_END);
}

/* ---- what is no record ------------------------------------------------------------------------------------------ */

static void a_file_that_ends_within_a_record_is_torn(void **state)
{
    struct segment_reader *reader = *state;
    uint64_t second = SEGMENT_HEAD_BYTES + 5;
    int file = make_file();

    write_texts(file);
    for (uint64_t end = second + 1; end < second + SEGMENT_HEAD_BYTES + 10; end++) {
        segment_reader_open(reader, dup(file), end);
        assert_next(reader, texts[0]);
        assert_found(reader, SEGMENT_TORN);
        assert_int_equal(reader->next, second);
    }
    close(file);
}

static void a_file_that_is_shorter_than_it_should_be_is_torn(void **state)
{
    int file = make_file();
    uint64_t bytes = write_texts(file);

    assert_int_equal(ftruncate(file, (off_t)bytes - 4), 0);
    segment_reader_open(*state, file, bytes);
    assert_next(*state, texts[0]);
    assert_next(*state, texts[1]);
    assert_found(*state, SEGMENT_TORN);
}

static void every_flipped_bit_of_a_record_shows(void **state)
{
    struct segment_reader *reader = *state;
    uint64_t first = SEGMENT_HEAD_BYTES + 5;
    uint8_t bytes[100];
    struct slice payload;
    int whole = make_file();
    uint64_t size = write_texts(whole);

    assert_int_equal(pread(whole, bytes, sizeof bytes, 0), size);
    for (size_t bit = 8 * first; bit < 8 * (first + SEGMENT_HEAD_BYTES + 10); bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        segment_reader_open(reader, file_of(slice_of(bytes, size)), size);
        assert_next(reader, texts[0]);
        assert_int_not_equal(segment_reader_next(reader, &payload), SEGMENT_RECORD);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    close(whole);
}

static void lengths_that_cannot_be_are_damage(void **state)
{
    static const uint32_t sizes[] = {0, EVENT_BYTES_MAX + 1, INT32_MAX, UINT32_MAX};
    static uint8_t bytes[2 * EVENT_BYTES_MAX];

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (int byte = 0; byte < 4; byte++)
            bytes[byte] = (uint8_t)(sizes[i] >> 8 * byte);
        segment_reader_open(*state, file_of(slice_of(bytes, sizeof bytes)), sizeof bytes);
        assert_found(*state, SEGMENT_DAMAGED);
    }
}

static void what_cannot_be_read_is_not_known_to_be_damaged(void **state)
{
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    segment_reader_open(*state, ends[0], 100);
    assert_found(*state, SEGMENT_NOT_NOW);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(many_and_large_records_come_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_is_read_behind_the_end_until_it_is_moved_on, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_that_ends_within_a_record_is_torn, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_that_is_shorter_than_it_should_be_is_torn, setup, teardown),
        cmocka_unit_test_setup_teardown(every_flipped_bit_of_a_record_shows, setup, teardown),
        cmocka_unit_test_setup_teardown(lengths_that_cannot_be_are_damage, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_read_is_not_known_to_be_damaged, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
