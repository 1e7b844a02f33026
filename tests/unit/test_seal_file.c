/* seal_file: what was written is read again, and nothing else is taken for a seal. */
#include "replay/seal/seal_file.h"

#include "replay/seal/seal_writer.h"
#include "tests/support/scratch.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { TEXT_BYTES_MAX = 4096, PATH_BYTES = 256 };

#define SEALED_AT_US INT64_C(1793664000123456)

static const struct seal_segment segments[] = {
    {.producer_id = {{1}}, .first = 1, .last = 10, .digest = {{0xaa}}, .sum = {{0xbb}}},
    {.producer_id = {{1}}, .first = 12, .last = 12, .digest = {{0xcc}}, .sum = {{0xdd}}},
    {.producer_id = {{2}}, .first = INT64_MAX, .last = INT64_MAX, .digest = {{0xee}}, .sum = {{0xff}}},
};

enum { SEGMENTS = sizeof segments / sizeof *segments };

struct place {
    char folder[PATH_BYTES];
    char path[PATH_BYTES + 8];
    char text[TEXT_BYTES_MAX]; /* of the seal that was written */
    size_t size;
};

static void write_seal(const char *path, size_t count)
{
    struct seal_writer writer;
    struct error error;

    assert_true(seal_writer_open(&writer, path, &error));
    assert_true(seal_writer_begin(&writer, SEALED_AT_US, "741:745:742,743", &error));
    for (size_t i = 0; i < count; i++)
        assert_true(seal_writer_put(&writer, &segments[i], &error));
    assert_true(seal_writer_finish(&writer, NULL, &error));
    seal_writer_close(&writer);
}

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof *place);

    assert_non_null(place);
    scratch_make(place->folder, sizeof place->folder);
    snprintf(place->path, sizeof place->path, "%s/seal", place->folder);
    write_seal(place->path, SEGMENTS);
    FILE *file = fopen(place->path, "re");
    assert_non_null(file);
    place->size = fread(place->text, 1, sizeof place->text - 1, file);
    fclose(file);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;

    scratch_remove(place->folder);
    free(place);
    return 0;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static bool use(struct seal_file *file, const char *text, size_t size, struct error *error)
{
    FILE *stream = fmemopen((void *)(uintptr_t)text, size == 0 ? 1 : size, "re");

    assert_non_null(stream);
    setvbuf(stream, NULL, _IONBF, 0);
    return seal_file_use(file, stream, "seal", error);
}

static void assert_segments(struct seal_file *file)
{
    struct seal_segment segment;
    struct error error;
    bool ended;

    for (size_t i = 0; i < SEGMENTS; i++) {
        assert_true(seal_file_next(file, &segment, &ended, &error));
        assert_false(ended);
        assert_memory_equal(&segment.producer_id, &segments[i].producer_id, UUID_BYTES);
        assert_int_equal(segment.first, segments[i].first);
        assert_int_equal(segment.last, segments[i].last);
        assert_memory_equal(&segment.digest, &segments[i].digest, DIGEST_BYTES);
        assert_memory_equal(&segment.sum, &segments[i].sum, DIGEST_BYTES);
    }
    assert_true(seal_file_next(file, &segment, &ended, &error));
    assert_true(ended);
}

static void what_was_written_is_read_again(void **state)
{
    const struct place *place = *state;
    struct seal_file file;
    struct error error;

    assert_true(seal_file_open(&file, place->path, &error));
    assert_int_equal(file.sealed_at_us, SEALED_AT_US);
    assert_string_equal(file.snapshot, "741:745:742,743");
    assert_int_equal(file.totals.producers, 2);
    assert_int_equal(file.totals.segments, 3);
    assert_int_equal(file.totals.events, 12);
    assert_false(file.is_signed);
    assert_segments(&file);
    seal_file_close(&file);
}

static void every_byte_that_is_changed_is_noticed(void **state)
{
    struct place *place = *state;
    struct seal_file file;
    struct error error;

    for (size_t i = 0; i < place->size; i++) {
        char was = place->text[i];

        place->text[i] = (char)(was == '0' ? '1' : '0');
        assert_false(use(&file, place->text, place->size, &error));
        assert_string_equal(error.reason, "seal");
        place->text[i] = '\0';
        assert_false(use(&file, place->text, place->size, &error));
        place->text[i] = was;
    }
    assert_true(use(&file, place->text, place->size, &error));
    seal_file_close(&file);
}

static void every_end_that_is_cut_off_is_noticed(void **state)
{
    struct place *place = *state;
    struct seal_file file;
    struct error error;

    for (size_t size = 1; size < place->size; size++)
        assert_false(use(&file, place->text, size, &error));
}

static void what_stands_behind_the_end_is_noticed(void **state)
{
    struct place *place = *state;
    struct seal_file file;
    struct error error;

    place->text[place->size] = '\n';
    assert_false(use(&file, place->text, place->size + 1, &error));
}

/* ---- what no seal says, although its digest is right ------------------------------------------------------------- */

static void finish(char *text, const char *body, const char *totals)
{
    struct digester *digester = digester_new();
    char hex[DIGEST_HEX_BYTES];

    struct digest digest = digester_hash(digester, slice_from_text(body));
    digest_format(&digest, hex);
    snprintf(text, TEXT_BYTES_MAX, "%send taskledger-seal 1\n%sbody-sha256 %s\n", body, totals, hex);
    digester_free(digester);
}

#define HEAD                        "taskledger-seal 1\nsealed 2026-11-22T05:12:28.123456Z\nsnapshot 7:7:\n"
#define HEX                         "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define FIRST                       "01000000-0000-0000-0000-000000000000"
#define SECOND                      "02000000-0000-0000-0000-000000000000"
#define LINE(producer, first, last) producer " " first " " last " " HEX " " HEX "\n"
#define MOST                        "9223372036854775807"

static void what_no_ledger_can_hold_is_no_seal(void **state)
{
    static const struct {
        const char *body;
        const char *totals;
        bool good;
    } rows[] = {
        {HEAD LINE(FIRST, "1", "2"), "producers 1\nsegments 1\nevents 2\n", true},
        {HEAD LINE(FIRST, "1", MOST), "producers 1\nsegments 1\nevents " MOST "\n", true},
        {HEAD LINE(FIRST, "1", "2") LINE(SECOND, "1", "1"), "producers 2\nsegments 2\nevents 3\n", true},
        {HEAD LINE(FIRST, "1", "2") LINE(FIRST, "3", "3"), "producers 1\nsegments 2\nevents 3\n", true},
        /* numbers */
        {HEAD LINE(FIRST, "0", "2"), "producers 1\nsegments 1\nevents 3\n", false},
        {HEAD LINE(FIRST, "2", "1"), "producers 1\nsegments 1\nevents 0\n", false},
        {HEAD LINE(FIRST, "1", "9223372036854775808"), "producers 1\nsegments 1\nevents 9223372036854775808\n", false},
        {HEAD LINE(FIRST, "01", "2"), "producers 1\nsegments 1\nevents 2\n", false},
        {HEAD LINE(FIRST, "+1", "2"), "producers 1\nsegments 1\nevents 2\n", false},
        {HEAD LINE(FIRST, "", "2"), "producers 1\nsegments 1\nevents 2\n", false},
        /* order */
        {HEAD LINE(SECOND, "1", "1") LINE(FIRST, "1", "2"), "producers 2\nsegments 2\nevents 3\n", false},
        {HEAD LINE(FIRST, "3", "3") LINE(FIRST, "1", "2"), "producers 1\nsegments 2\nevents 3\n", false},
        {HEAD LINE(FIRST, "1", "2") LINE(FIRST, "2", "3"), "producers 1\nsegments 2\nevents 4\n", false},
        {HEAD LINE(FIRST, "1", "2") LINE(FIRST, "1", "2"), "producers 1\nsegments 2\nevents 4\n", false},
        /* totals */
        {HEAD LINE(FIRST, "1", "2"), "producers 2\nsegments 1\nevents 2\n", false},
        {HEAD LINE(FIRST, "1", "2"), "producers 1\nsegments 1\nevents 02\n", false},
        {HEAD LINE(FIRST, "1", "2"), "segments 1\nproducers 1\nevents 2\n", false},
        {HEAD LINE(FIRST, "1", MOST) LINE(SECOND, "1", MOST) LINE("03000000-0000-0000-0000-000000000000", "1", "3"),
         "producers 3\nsegments 3\nevents 1\n", false},
        {HEAD, "producers 0\nsegments 0\nevents 0\n", false},
        /* spelling */
        {HEAD LINE("01000000-0000-0000-0000-00000000000A", "1", "2"), "producers 1\nsegments 1\nevents 2\n", false},
        {HEAD LINE("01000000000000000000000000000000", "1", "2"), "producers 1\nsegments 1\nevents 2\n", false},
        {HEAD FIRST " 1 2 " HEX "\n", "producers 1\nsegments 1\nevents 2\n", false},
        {HEAD FIRST " 1 2 " HEX " " HEX " \n", "producers 1\nsegments 1\nevents 2\n", false},
        {HEAD FIRST "  1 2 " HEX " " HEX "\n", "producers 1\nsegments 1\nevents 2\n", false},
        {HEAD "\n" LINE(FIRST, "1", "2"), "producers 1\nsegments 1\nevents 2\n", false},
        {"taskledger-seal 2\nsealed 2026-11-22T05:12:28.123456Z\nsnapshot 7:7:\n" LINE(FIRST, "1", "2"),
         "producers 1\nsegments 1\nevents 2\n", false},
        {"taskledger-seal 1\nsealed 2026-11-22t05:12:28.123456Z\nsnapshot 7:7:\n" LINE(FIRST, "1", "2"),
         "producers 1\nsegments 1\nevents 2\n", false},
        {"taskledger-seal 1\nsealed yesterday\nsnapshot 7:7:\n" LINE(FIRST, "1", "2"),
         "producers 1\nsegments 1\nevents 2\n", false},
        {"taskledger-seal 1\nsealed 2026-11-22T05:12:28.123456Z\nsnapshot \x1b[2J\n" LINE(FIRST, "1", "2"),
         "producers 1\nsegments 1\nevents 2\n", false},
    };
    char text[TEXT_BYTES_MAX];
    struct seal_file file;
    struct error error;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        finish(text, rows[i].body, rows[i].totals);
        bool good = use(&file, text, strlen(text), &error);
        if (good != rows[i].good)
            fail_msg("row %zu: %s\n%s", i, good ? "taken" : error.text, text);
        if (good)
            seal_file_close(&file);
    }
}

static void a_file_that_changes_while_it_is_read_is_noticed(void **state)
{
    struct place *place = *state;
    struct seal_segment segment;
    struct seal_file file;
    struct error error;
    bool ended = false, good = true;

    assert_true(use(&file, place->text, place->size, &error));
    char *digest = strstr(place->text, " cc0000");
    assert_non_null(digest);
    digest[1] = 'd';
    while (good && !ended)
        good = seal_file_next(&file, &segment, &ended, &error);
    assert_false(good);
    seal_file_close(&file);
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static size_t files_in(const char *folder)
{
    DIR *entries = opendir(folder);
    size_t count = 0;

    assert_non_null(entries);
    while (readdir(entries) != NULL)
        count++;
    closedir(entries);
    return count - 2; /* itself and the one above */
}

static void what_is_not_finished_leaves_nothing(void **state)
{
    struct place *place = *state;
    char path[PATH_BYTES + 8];
    struct seal_writer writer;
    struct error error;

    snprintf(path, sizeof path, "%s/other", place->folder);
    assert_true(seal_writer_open(&writer, path, &error));
    assert_true(seal_writer_begin(&writer, SEALED_AT_US, "7:7:", &error));
    seal_writer_close(&writer);
    assert_int_equal(files_in(place->folder), 1);
}

static void who_came_first_stays(void **state)
{
    struct place *place = *state;
    char path[PATH_BYTES + 8];
    struct seal_writer writer;
    struct error error;

    assert_false(seal_writer_open(&writer, place->path, &error));
    assert_string_equal(error.reason, "config");

    snprintf(path, sizeof path, "%s/other", place->folder);
    assert_true(seal_writer_open(&writer, path, &error));
    write_seal(path, 1);
    assert_true(seal_writer_begin(&writer, SEALED_AT_US, "7:7:", &error));
    assert_true(seal_writer_put(&writer, &segments[0], &error));
    assert_false(seal_writer_finish(&writer, NULL, &error));
    assert_string_equal(error.reason, "config");
    seal_writer_close(&writer);
    assert_int_equal(files_in(place->folder), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_written_is_read_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_byte_that_is_changed_is_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_end_that_is_cut_off_is_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_stands_behind_the_end_is_noticed, set_up, tear_down),
        cmocka_unit_test(what_no_ledger_can_hold_is_no_seal),
        cmocka_unit_test_setup_teardown(a_file_that_changes_while_it_is_read_is_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_finished_leaves_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_came_first_stays, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
