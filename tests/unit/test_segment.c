/* The format of a segment, and a disk that does not take all of it. */
#include "producer/spool/segment.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- writes that are short -------------------------------------------------------------------------------------- */

static size_t write_at_most; /* 0: as much as is asked for */
static int write_fails_with;
static unsigned interrupted;

ssize_t __real_pwritev64(int file, const struct iovec *parts, int count, off_t offset);
ssize_t __wrap_pwritev64(int file, const struct iovec *parts, int count, off_t offset);

ssize_t __wrap_pwritev64(int file, const struct iovec *parts, int count, off_t offset)
{
    if (interrupted > 0) {
        interrupted--;
        errno = EINTR;
        return -1;
    }
    if (write_fails_with != 0) {
        errno = write_fails_with;
        return -1;
    }
    if (write_at_most == 0)
        return __real_pwritev64(file, parts, count, offset);

    struct iovec first = parts[0];
    first.iov_len = first.iov_len < write_at_most ? first.iov_len : write_at_most;
    return __real_pwritev64(file, &first, 1, offset);
}

/* ---- files ------------------------------------------------------------------------------------------------------ */

static int make_file(void)
{
    int file = memfd_create("segment", MFD_CLOEXEC);

    assert_true(file >= 0);
    return file;
}

/* ---- records ---------------------------------------------------------------------------------------------------- */

static void a_record_is_length_checksum_and_payload_little_endian(void **state)
{
    static const uint8_t wanted[] = {9, 0, 0, 0, 0x83, 0x92, 0x06, 0xe3, '1', '2', '3', '4', '5', '6', '7', '8', '9'};
    struct spool_record record = {.ordinal = 1, .payload = slice_from_text("123456789")};
    uint8_t written[sizeof wanted];
    int file = make_file();

    (void)state;
    assert_true(segment_write(file, 0, &record, 1));
    assert_int_equal(pread(file, written, sizeof written, 0), sizeof written);
    assert_memory_equal(written, wanted, sizeof wanted);
    close(file);
}

static int reset(void **state)
{
    (void)state;
    write_at_most = 0;
    write_fails_with = 0;
    interrupted = 0;
    return 0;
}

static void short_writes_are_gone_on_with(void **state)
{
    static const uint8_t wanted[] = {1, 0, 0, 0, 0x93, 0x5f, 0x3c, 0xa9, 'x', 1, 0, 0, 0, 0x93, 0x5f, 0x3c, 0xa9, 'x'};
    struct spool_record records[] = {{1, slice_from_text("x")}, {2, slice_from_text("x")}};
    uint8_t written[sizeof wanted];
    int file = make_file();

    (void)state;
    write_at_most = 3;
    interrupted = 2;
    assert_true(segment_write(file, 0, records, 2));
    assert_int_equal(segment_bytes(records, 2), sizeof wanted);
    assert_int_equal(pread(file, written, sizeof written, 0), sizeof written);
    assert_memory_equal(written, wanted, sizeof wanted);
    close(file);
}

/* ---- a disk that refuses ---------------------------------------------------------------------------------------- */

static void errno_tells_why_a_write_failed(void **state)
{
    struct spool_record record = {.ordinal = 1, .payload = slice_from_text("x")};
    int file = make_file();

    (void)state;
    write_fails_with = EDQUOT;
    assert_false(segment_write(file, 0, &record, 1));
    assert_int_equal(errno, EDQUOT);
    close(file);
}

/* Its signal would end the process. */
static void the_limit_of_file_sizes_is_never_run_into(void **state)
{
    struct rlimit before, limit;
    struct spool_record record = {.ordinal = 1, .payload = slice_from_text("0123456789")};
    int file = make_file();

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 2 * (SEGMENT_HEAD_BYTES + 10);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_true(segment_write(file, SEGMENT_HEAD_BYTES + 10, &record, 1));
    assert_false(segment_write(file, SEGMENT_HEAD_BYTES + 11, &record, 1));
    assert_int_equal(errno, EFBIG);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    close(file);
}

/* ---- names and headers ------------------------------------------------------------------------------------------ */

static void names_are_numbers_of_one_width(void **state)
{
    char name[SEGMENT_NAME_BYTES];

    (void)state;
    segment_name(4711, name);
    assert_string_equal(name, "00000000000000004711.segment");
    assert_true(segment_is_name(name) && !segment_is_damaged_name(name));
    assert_int_equal(segment_number(name), 4711);

    segment_damaged_name(UINT64_MAX, name);
    assert_string_equal(name, "18446744073709551615.damaged");
    assert_true(segment_is_damaged_name(name) && !segment_is_name(name));
}

static void other_names_are_none(void **state)
{
    static const char *const names[] = {
        "",
        "lock",
        "1.segment",
        "00000000000000000000.segment",
        "00000000000000004711.segment.bak",
        "00000000000000004711.segmen",
        "0000000000000000 471.segment",
        "-0000000000000004711.segment",
        "+0000000000000004711.segment",
        "000000000000000x4711.segment",
        "18446744073709551616.segment",
        "99999999999999999999.segment",
        "000000000000000004711.segment",
    };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_false(segment_is_name(names[i]));
}

static void a_header_says_whose_and_what_for(void **state)
{
    const struct segment_home home = {"taskledger:events", "shop:6379/0"};
    const struct segment_home other_target = {"taskledger:events", "shop:6379/1"};
    const struct segment_home other_stream = {"taskledger:event", "shop:6379/0"};
    char text[SEGMENT_HEADER_BYTES_MAX];

    (void)state;
    size_t bytes = segment_header(&home, false, text);
    assert_int_equal(bytes, strlen(text));
    assert_string_equal(text, "taskledger spool 1\nstream taskledger:events\nkeeps 0\ntarget shop:6379/0\n");
    assert_int_equal(segment_kind(slice_from_text(text), &home), SEGMENT_OURS);
    assert_int_equal(segment_kind(slice_from_text(text), &other_target), SEGMENT_OTHER_TARGET);
    assert_int_equal(segment_kind(slice_from_text(text), &other_stream), SEGMENT_OTHER_STREAM);
    assert_true(slice_equal(segment_target(slice_from_text(text)), slice_from_text("shop:6379/0")));

    segment_header(&home, true, text);
    assert_int_equal(segment_kind(slice_from_text(text), &home), SEGMENT_OURS_KEPT);
    assert_int_equal(segment_kind(slice_from_text(text), &other_target), SEGMENT_OTHER_TARGET);
    assert_int_equal(segment_kind(slice_from_text("taskledger spool 2\n"), &home), SEGMENT_OTHER_VERSION);
    assert_int_equal(segment_kind(slice_from_text("taskledger spoo"), &home), SEGMENT_NO_HEADER);
    assert_int_equal(segment_kind(slice_from_text(""), &home), SEGMENT_NO_HEADER);
    assert_int_equal(segment_target(slice_from_text("")).size, 0);
}

static void the_longest_stream_has_a_header(void **state)
{
    char stream[STREAM_NAME_BYTES_MAX + 1], target[SPOOL_TARGET_BYTES_MAX + 1], text[SEGMENT_HEADER_BYTES_MAX];
    const struct segment_home home = {stream, target};

    (void)state;
    memset(stream, 's', STREAM_NAME_BYTES_MAX);
    stream[STREAM_NAME_BYTES_MAX] = '\0';
    memset(target, 't', SPOOL_TARGET_BYTES_MAX);
    target[SPOOL_TARGET_BYTES_MAX] = '\0';
    size_t bytes = segment_header(&home, true, text);
    assert_int_equal(bytes, strlen(text));
    assert_int_equal(segment_kind(slice_from_text(text), &home), SEGMENT_OURS_KEPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_record_is_length_checksum_and_payload_little_endian, reset, NULL),
        cmocka_unit_test_setup_teardown(short_writes_are_gone_on_with, reset, NULL),
        cmocka_unit_test_setup_teardown(errno_tells_why_a_write_failed, reset, NULL),
        cmocka_unit_test_setup_teardown(the_limit_of_file_sizes_is_never_run_into, reset, NULL),
        cmocka_unit_test(names_are_numbers_of_one_width),
        cmocka_unit_test(other_names_are_none),
        cmocka_unit_test(a_header_says_whose_and_what_for),
        cmocka_unit_test(the_longest_stream_has_a_header),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
