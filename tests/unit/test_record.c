/* record: what is written comes back, in both encodings; what is no record is refused. */
#include "replay/transfer/record.h"

#include "proto/uuid.h"
#include "replay/transfer/record_json.h"
#include "replay/transfer/record_wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct arena arena;

static int reset(void **state)
{
    (void)state;
    arena_close(&arena);
    return 0;
}

/* Something of every type, in every field. */
static void fill(struct record *record, enum record_kind kind)
{
    static const uint8_t bytes[32] = {1, 0, 255, '"', '\\'};
    static const uint8_t truth = 1;
    const struct record_form *form = &record_forms[kind];
    const double real = 0.1;
    int64_t bits;

    memcpy(&bits, &real, sizeof bits);
    *record = (struct record){.kind = kind};
    for (size_t i = 0; i < form->count; i++) {
        switch (form->fields[i].type) {
        case RECORD_UUID:
            record->values[i] = slice_of(bytes, UUID_BYTES);
            break;
        case RECORD_DIGEST:
        case RECORD_BYTES:
            record->values[i] = slice_of(bytes, sizeof bytes);
            break;
        case RECORD_TEXT:
            record->values[i] = slice_from_text("t\xc3\xa9xt \"\\\n\x01");
            break;
        case RECORD_JSON:
            record->values[i] = slice_from_text("\001{\"a\": [1.50, \"}\\\"\"], \"kind\": {}}");
            break;
        case RECORD_BOOLEAN:
            record->values[i] = slice_of(&truth, 1);
            break;
        case RECORD_DOUBLE:
            assert_true(record_put_integer(record, i, bits, &arena));
            break;
        case RECORD_TIME:
            assert_true(record_put_time(record, i, -1234567890123456, &arena));
            break;
        case RECORD_INT4:
        case RECORD_INT8:
            assert_true(record_put_integer(record, i, i % 2 == 0 ? -7 : INT32_MAX, &arena));
            break;
        }
    }
}

static void assert_same(const struct record *one, const struct record *other)
{
    const struct record_form *form = &record_forms[one->kind];

    assert_int_equal(one->kind, other->kind);
    for (size_t i = 0; i < form->count; i++) {
        if (form->fields[i].number == 0)
            assert_null(other->values[i].data);
        else
            assert_true(slice_equal(one->values[i], other->values[i]));
        assert_true(form->fields[i].number == 0 || (one->values[i].data == NULL) == (other->values[i].data == NULL));
    }
}

static void json_there_and_back(const struct record *record)
{
    struct json_writer json = {.failed = false};
    struct record again;
    struct error error;

    assert_true(record_json_write(record, &json, &arena, &error));
    struct slice line = json_writer_slice(&json);
    assert_int_equal(line.data[line.size - 1], '\n');
    assert_null(memchr(line.data, '\n', line.size - 1));
    assert_true(record_json_read(slice_of(line.data, line.size - 1), &arena, &again, &error));
    assert_same(record, &again);
    json_writer_close(&json);
}

static void wire_there_and_back(const struct record *record)
{
    struct binary bytes = {.size = 0};
    struct record again;
    struct error error;
    uint64_t size = 0;

    binary_append(&bytes, "before", 6);
    assert_true(record_wire_write(record, &bytes, &error));
    struct slice written = slice_of(bytes.data + 6, bytes.size - 6);
    size_t head = record_wire_size(written, &size);
    assert_int_equal(head + size, written.size);
    assert_true(record_wire_read(slice_of(written.data + head, size), &arena, &again, &error));
    assert_same(record, &again);
    binary_close(&bytes);
}

static void every_field_of_every_kind_comes_back(void **state)
{
    (void)state;
    for (enum record_kind kind = RECORD_BEGIN; kind < RECORD_KINDS; kind++) {
        struct record record;

        fill(&record, kind);
        json_there_and_back(&record);
        wire_there_and_back(&record);
    }
}

static void what_is_not_given_is_not_given_and_what_is_empty_is_empty(void **state)
{
    struct record record = {.kind = RECORD_REJECTED};

    (void)state;
    json_there_and_back(&record);
    wire_there_and_back(&record);
    record.values[0] = slice_of("", 0);
    record.values[5] = slice_of("", 0);
    json_there_and_back(&record);
    wire_there_and_back(&record);
}

static void fields_and_kinds_of_a_newer_version_are_passed_over(void **state)
{
    static const char line[] =
        "{\"kind\":\"event\", \"new\":[{\"sequence\":9}], \"sequence\" : 7 ,\"step\":1,\"status\":null}";
    static const uint8_t message[] = {0x42, 8, 0xf8, 0x07, 1, 0x10, 7, 0xfa, 0x07, 0};
    static const uint8_t newer[] = {0xfa, 0x07, 1, 'x'};
    struct record record;
    struct error error;

    (void)state;
    assert_true(record_json_read(slice_from_text(line), &arena, &record, &error));
    assert_int_equal(record_integer(&record, ROW_SEQUENCE), 7);
    assert_null(record.values[ROW_STATUS].data);
    assert_true(record_json_read(slice_from_text("{\"kind\":\"newer\",\"x\":1}"), &arena, &record, &error));
    assert_int_equal(record.kind, 0);
    assert_true(record_wire_read(slice_of(message, sizeof message), &arena, &record, &error));
    assert_int_equal(record_integer(&record, ROW_SEQUENCE), 7);
    assert_true(record_wire_read(slice_of(newer, sizeof newer), &arena, &record, &error));
    assert_int_equal(record.kind, 0);
}

static void what_is_no_record_is_refused(void **state)
{
    static const char *const lines[] = {"",
                                        "{}",
                                        "[]",
                                        "{\"kind\":7}",
                                        "{\"sequence\":7,\"kind\":\"event\"}",
                                        "{\"kind\":\"event\",\"sequence\":1.5}",
                                        "{\"kind\":\"event\",\"sequence\":9223372036854775808}",
                                        "{\"kind\":\"event\",\"sequence\":\"7\"}",
                                        "{\"kind\":\"event\",\"attempt\":2147483648}",
                                        "{\"kind\":\"event\",\"producer_id\":\"x\"}",
                                        "{\"kind\":\"event\",\"payload\":\"=\"}",
                                        "{\"kind\":\"event\",\"payload\":7}",
                                        "{\"kind\":\"event\",\"recorded_at\":\"yesterday\"}",
                                        "{\"kind\":\"event\",\"redacted_digest\":\"00\"}",
                                        "{\"kind\":\"producer\",\"confirms\":\"yes\"}",
                                        "{\"kind\":\"base\",\"progress\":1e999}",
                                        "{\"kind\":\"base\",\"data\":[]}",
                                        "{\"kind\":\"event\",\"sequence\":7} "
                                        "{}"};
    static const struct {
        uint8_t bytes[16];
        size_t size;
    } messages[] = {{{0x42}, 1},
                    {{0x42, 5, 0}, 3},
                    {{0x42, 1, 0x10}, 3},
                    {{0x42, 2, 0x12, 0}, 4},
                    {{0x42, 3, 0x0a, 1, 7}, 5},
                    {{0x42, 0, 0x42, 0}, 4},
                    {{0x42, 4, 0x2a, 2, 0xff, 0xfe}, 6}};
    struct record record;
    struct error error;

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        assert_false(record_json_read(slice_from_text(lines[i]), &arena, &record, &error));
        assert_int_equal(error.kind, ERROR_REJECTED);
    }
    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
        assert_false(record_wire_read(slice_of(messages[i].bytes, messages[i].size), &arena, &record, &error));
        assert_int_equal(error.kind, ERROR_REJECTED);
    }
}

static void a_size_is_at_most_ten_bytes(void **state)
{
    static const uint8_t endless[12] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80};
    uint64_t size;

    (void)state;
    assert_int_equal(record_wire_size(slice_of(endless, 3), &size), 0);
    assert_int_equal(record_wire_size(slice_of(endless, sizeof endless), &size), 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(every_field_of_every_kind_comes_back, reset),
        cmocka_unit_test_teardown(what_is_not_given_is_not_given_and_what_is_empty_is_empty, reset),
        cmocka_unit_test_teardown(fields_and_kinds_of_a_newer_version_are_passed_over, reset),
        cmocka_unit_test_teardown(what_is_no_record_is_refused, reset),
        cmocka_unit_test_teardown(a_size_is_at_most_ten_bytes, reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
