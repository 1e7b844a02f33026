/* cluster_kept: what is on its way comes out in its order, as it was said, and takes no more memory than it must. */
#include "proto/cluster_kept.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { PAYLOAD_BYTES = 1000, MANY = 1000 };

static void add(struct cluster_kept *kept, const char *word, unsigned link)
{
    const struct slice words[] = {slice_from_text("ECHO"), slice_from_text(word)};
    struct error error;

    assert_true(cluster_kept_add(kept, words, 2, link, &error));
}

static void assert_said(const struct cluster_kept *kept, const struct cluster_kept_command *command, const char *word,
                        unsigned link)
{
    char expected[PAYLOAD_BYTES + 64];

    assert_non_null(command);
    snprintf(expected, sizeof expected, "*2\r\n$4\r\nECHO\r\n$%zu\r\n%s\r\n", strlen(word), word);
    assert_true(slice_equal(cluster_kept_bytes(kept, command), slice_from_text(expected)));
    assert_int_equal(command->link, link);
}

static void commands_come_out_in_their_order_as_they_were_said(void **state)
{
    struct cluster_kept kept = {.first = 0};

    (void)state;
    assert_null(cluster_kept_front(&kept));
    add(&kept, "one", 1);
    add(&kept, "", 2);
    assert_said(&kept, cluster_kept_last(&kept), "", 2);
    add(&kept, "three", 1);
    assert_int_equal(cluster_kept_count(&kept), 3);
    assert_said(&kept, cluster_kept_front(&kept), "one", 1);
    cluster_kept_answered(&kept);
    assert_said(&kept, cluster_kept_front(&kept), "", 2);
    cluster_kept_answered(&kept);
    assert_said(&kept, cluster_kept_front(&kept), "three", 1);
    assert_said(&kept, cluster_kept_last(&kept), "three", 1);
    cluster_kept_answered(&kept);
    assert_null(cluster_kept_front(&kept));
    assert_int_equal(kept.bytes.size, 0);
    cluster_kept_close(&kept);
}

static void what_is_forgotten_leaves_nothing(void **state)
{
    struct cluster_kept kept = {.first = 0};

    (void)state;
    add(&kept, "one", 1);
    add(&kept, "two", 1);
    cluster_kept_forget(&kept);
    assert_null(cluster_kept_front(&kept));
    add(&kept, "three", 3);
    assert_said(&kept, cluster_kept_front(&kept), "three", 3);
    cluster_kept_close(&kept);
    cluster_kept_close(&kept);
}

/* Each is told apart by how it begins. */
static const char *payload(unsigned number)
{
    static char text[PAYLOAD_BYTES + 1];

    memset(text, 'x', PAYLOAD_BYTES);
    text[snprintf(text, PAYLOAD_BYTES, "%u", number)] = '.';
    return text;
}

static void a_line_on_which_something_always_is_does_not_grow(void **state)
{
    struct cluster_kept kept = {.first = 0};

    (void)state;
    add(&kept, payload(0), 0);
    add(&kept, payload(1), 1);
    for (unsigned i = 2; i < MANY; i++) {
        add(&kept, payload(i), i);
        assert_said(&kept, cluster_kept_front(&kept), payload(i - 2), i - 2);
        cluster_kept_answered(&kept);
        assert_said(&kept, cluster_kept_last(&kept), payload(i), i);
    }
    assert_int_equal(cluster_kept_count(&kept), 2);
    assert_true(kept.bytes.capacity <= 4 * CLUSTER_KEPT_SLACK_BYTES);
    assert_true(kept.capacity <= MANY / 4);
    cluster_kept_close(&kept);
}

static void many_at_once_all_come_out(void **state)
{
    struct cluster_kept kept = {.first = 0};

    (void)state;
    for (unsigned i = 0; i < MANY; i++)
        add(&kept, payload(i), i);
    for (unsigned i = 0; i < MANY; i++) {
        assert_said(&kept, cluster_kept_front(&kept), payload(i), i);
        cluster_kept_answered(&kept);
    }
    assert_null(cluster_kept_front(&kept));
    cluster_kept_close(&kept);
}

static void what_is_too_much_is_refused_and_changes_nothing(void **state)
{
    struct cluster_kept kept = {.first = 0};
    struct slice words[] = {slice_of("", REDIS_OUTPUT_BYTES_MAX)};
    struct error error;

    (void)state;
    add(&kept, "one", 1);
    assert_false(cluster_kept_add(&kept, words, 1, 2, &error));
    assert_int_equal(error.kind, ERROR_TRANSIENT);
    assert_string_equal(error.reason, "memory");
    assert_int_equal(cluster_kept_count(&kept), 1);
    assert_said(&kept, cluster_kept_last(&kept), "one", 1);
    cluster_kept_close(&kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_come_out_in_their_order_as_they_were_said),
        cmocka_unit_test(what_is_forgotten_leaves_nothing),
        cmocka_unit_test(a_line_on_which_something_always_is_does_not_grow),
        cmocka_unit_test(many_at_once_all_come_out),
        cmocka_unit_test(what_is_too_much_is_refused_and_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
