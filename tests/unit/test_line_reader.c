#include "producer/emit/line_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* A reader over a file in memory with these bytes. */
static struct line_reader reader_of(const void *bytes, size_t size)
{
    struct line_reader reader;
    struct error error;
    int fd = memfd_create("lines", MFD_CLOEXEC);

    assert_true(fd >= 0 && write(fd, bytes, size) == (ssize_t)size && lseek(fd, 0, SEEK_SET) == 0);
    assert_true(line_reader_init(&reader, fd, -1, &error));
    return reader;
}

static void close_reader(struct line_reader *reader)
{
    close(reader->fd);
    line_reader_close(reader);
}

static void assert_line(struct line_reader *reader, const char *wanted, uint64_t number)
{
    char *line;
    size_t size;
    struct error error;

    assert_int_equal(line_reader_next(reader, &line, &size, &error), LINE_READER_LINE);
    assert_int_equal(size, strlen(wanted));
    assert_string_equal(line, wanted);
    assert_int_equal(reader->number, number);
}

static void assert_next(struct line_reader *reader, enum line_reader_result wanted)
{
    char *line;
    size_t size;
    struct error error;

    assert_int_equal(line_reader_next(reader, &line, &size, &error), wanted);
}

static void lines_come_in_order_with_their_numbers(void **state)
{
    struct line_reader reader = reader_of("one\n\nthree\n", 11);

    (void)state;
    assert_line(&reader, "one", 1);
    assert_line(&reader, "", 2);
    assert_line(&reader, "three", 3);
    assert_next(&reader, LINE_READER_END);
    assert_next(&reader, LINE_READER_END);
    close_reader(&reader);
}

static void a_last_line_without_a_line_feed_is_a_line(void **state)
{
    struct line_reader reader = reader_of("one\ntwo", 7);

    (void)state;
    assert_line(&reader, "one", 1);
    assert_line(&reader, "two", 2);
    assert_next(&reader, LINE_READER_END);
    close_reader(&reader);
}

static void an_empty_file_has_no_line(void **state)
{
    struct line_reader reader = reader_of("", 0);

    (void)state;
    assert_next(&reader, LINE_READER_END);
    close_reader(&reader);
}

static void a_nul_is_a_byte_of_its_line(void **state)
{
    struct line_reader reader = reader_of("a\0b\n", 4);
    char *line;
    size_t size;
    struct error error;

    (void)state;
    assert_int_equal(line_reader_next(&reader, &line, &size, &error), LINE_READER_LINE);
    assert_int_equal(size, 3);
    assert_memory_equal(line, "a\0b", 4);
    close_reader(&reader);
}

/* `size` letters and, if wanted, a line feed; then the line "behind". */
static struct line_reader reader_of_long_line(size_t size, const char *behind)
{
    char *bytes = malloc(size + strlen(behind));

    memset(bytes, 'x', size);
    memcpy(bytes + size, behind, strlen(behind));
    struct line_reader reader = reader_of(bytes, size + strlen(behind));
    free(bytes);
    return reader;
}

static void the_longest_line_is_handed_out(void **state)
{
    struct line_reader reader = reader_of_long_line(LINE_READER_BYTES_MAX, "\nbehind\n");
    char *line;
    size_t size;
    struct error error;

    (void)state;
    assert_int_equal(line_reader_next(&reader, &line, &size, &error), LINE_READER_LINE);
    assert_int_equal(size, LINE_READER_BYTES_MAX);
    assert_int_equal(line[size], '\0');
    assert_line(&reader, "behind", 2);
    close_reader(&reader);
}

/* Sizes around those of the line, the buffer, and several buffers. */
static void a_longer_line_is_told_of_once_and_passed_over(void **state)
{
    static const size_t sizes[] = {
        LINE_READER_BYTES_MAX + 1,         LINE_READER_BUFFER_BYTES - 1, LINE_READER_BUFFER_BYTES,
        LINE_READER_BUFFER_BYTES + 1,      2 * LINE_READER_BUFFER_BYTES, 5 * LINE_READER_BUFFER_BYTES - 1,
        10 * LINE_READER_BUFFER_BYTES + 7,
    };

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct line_reader reader = reader_of_long_line(sizes[i], "\nbehind\n");

        assert_next(&reader, LINE_READER_TOO_LONG);
        assert_int_equal(reader.number, 1);
        assert_line(&reader, "behind", 2);
        assert_next(&reader, LINE_READER_END);
        close_reader(&reader);
    }
}

static void a_longer_line_may_be_the_last_and_lack_its_line_feed(void **state)
{
    struct line_reader reader = reader_of_long_line(3 * LINE_READER_BUFFER_BYTES, "");

    (void)state;
    assert_next(&reader, LINE_READER_TOO_LONG);
    assert_next(&reader, LINE_READER_END);
    assert_int_equal(reader.number, 1);
    close_reader(&reader);
}

static void lines_are_whole_however_they_lie_in_the_buffer(void **state)
{
    enum { LINES = 1000, LINE_BYTES = 997 };
    char *bytes = malloc(LINES * LINE_BYTES);

    (void)state;
    for (size_t i = 0; i < LINES; i++) {
        memset(bytes + i * LINE_BYTES, 'a' + (int)(i % 26), LINE_BYTES - 1);
        bytes[(i + 1) * LINE_BYTES - 1] = '\n';
    }
    struct line_reader reader = reader_of(bytes, LINES * LINE_BYTES);
    for (size_t i = 0; i < LINES; i++) {
        bytes[(i + 1) * LINE_BYTES - 1] = '\0';
        assert_line(&reader, bytes + i * LINE_BYTES, i + 1);
    }
    assert_next(&reader, LINE_READER_END);
    close_reader(&reader);
    free(bytes);
}

static void a_line_may_come_byte_by_byte(void **state)
{
    struct line_reader reader;
    struct error error;
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    if (fork() == 0) {
        for (const char *at = "slow\nly"; *at != '\0'; at++)
            if (write(ends[1], at, 1) != 1)
                _exit(1);
        _exit(0);
    }
    close(ends[1]);
    assert_true(line_reader_init(&reader, ends[0], -1, &error));
    assert_line(&reader, "slow", 1);
    assert_line(&reader, "ly", 2);
    assert_next(&reader, LINE_READER_END);
    assert_true(wait(NULL) > 0);
    close_reader(&reader);
}

static void waiting_ends_when_it_should_stop(void **state)
{
    struct line_reader reader;
    struct error error;
    int input[2];
    int stop[2];

    (void)state;
    assert_int_equal(pipe(input), 0);
    assert_int_equal(pipe(stop), 0);
    assert_int_equal(write(stop[1], "x", 1), 1);
    assert_true(line_reader_init(&reader, input[0], stop[0], &error));
    assert_next(&reader, LINE_READER_STOPPED);
    close(input[1]);
    close(stop[0]);
    close(stop[1]);
    close_reader(&reader);
}

static void input_that_cannot_be_read_is_a_failure(void **state)
{
    struct line_reader reader;
    struct error error = {.kind = ERROR_NONE};
    char *line;
    size_t size;
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    assert_true(line_reader_init(&reader, ends[1], -1, &error));
    assert_int_equal(write(ends[1], "", 0), 0);
    assert_int_equal(line_reader_next(&reader, &line, &size, &error), LINE_READER_FAILED);
    assert_int_equal(error.kind, ERROR_FATAL);
    assert_string_equal(error.text, "could not read input: Bad file descriptor");
    close_reader(&reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_come_in_order_with_their_numbers),
        cmocka_unit_test(a_last_line_without_a_line_feed_is_a_line),
        cmocka_unit_test(an_empty_file_has_no_line),
        cmocka_unit_test(a_nul_is_a_byte_of_its_line),
        cmocka_unit_test(the_longest_line_is_handed_out),
        cmocka_unit_test(a_longer_line_is_told_of_once_and_passed_over),
        cmocka_unit_test(a_longer_line_may_be_the_last_and_lack_its_line_feed),
        cmocka_unit_test(lines_are_whole_however_they_lie_in_the_buffer),
        cmocka_unit_test(a_line_may_come_byte_by_byte),
        cmocka_unit_test(waiting_ends_when_it_should_stop),
        cmocka_unit_test(input_that_cannot_be_read_is_a_failure),
    };

    return cmocka_run_group_tests_name("line_reader", tests, NULL, NULL);
}
