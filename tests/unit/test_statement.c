#include "producer/statement.h"

#include "proto/digester.h"
#include "proto/json.h"
#include "proto/stream.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct world {
    struct taskledger_event said;
    struct speaker speaker;
    struct digester *digester;
    struct arena arena;
    struct draft draft;
    struct error error;
    char *text; /* for large ones */
};

static int setup(void **state)
{
    static struct world world;

    world = (struct world){.said = TASKLEDGER_EVENT_INIT, .digester = digester_new()};
    world.said.task_id = "task";
    world.said.status = TASKLEDGER_RUNNING;
    world.speaker = (struct speaker){.worker = "host:1", .shards = 1};
    *state = &world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;

    digester_free(world->digester);
    arena_close(&world->arena);
    free(world->text);
    return 0;
}

static bool make(struct world *world)
{
    return statement_make(&world->said, &world->speaker, &world->arena, &world->draft, &world->error);
}

/* As a consumer would read it: behind a head. */
static struct task_status read_back(struct world *world)
{
    static uint8_t payload[EVENT_BYTES_MAX];
    uint8_t memory[EVENT_HEAD_BYTES_MAX];
    struct event event = {.sequence = EVENT_SEQUENCE_MAX, .occurred_at_us = EVENT_TIME_MAX_US};
    struct digest digest = {{0}};
    bool has_identity;

    event.previous_digest = digest_slice(&digest);
    struct slice head = event_encode_head(&event, memory);
    assert_in_range(head.size + world->draft.body.size, 1, EVENT_BYTES_MAX);
    memcpy(payload, head.data, head.size);
    memcpy(payload + head.size, world->draft.body.data, world->draft.body.size);
    if (!event_decode(slice_of(payload, head.size + world->draft.body.size), &event, &has_identity, &world->error))
        fail_msg("%s", world->error.text);
    return event.task_status;
}

static void assert_text(struct slice found, const char *expected)
{
    assert_true(slice_equal(found, slice_from_text(expected)));
}

static void assert_refused(struct world *world, const char *reason, const char *text)
{
    assert_false(make(world));
    assert_int_equal(world->error.kind, ERROR_REJECTED);
    assert_string_equal(world->error.reason, reason);
    if (strstr(world->error.text, text) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", world->error.text, text);
}

/* `count` letters between two texts. */
static const char *long_text(struct world *world, const char *before, size_t count, const char *after)
{
    size_t size = strlen(before) + count + strlen(after) + 1;

    free(world->text);
    world->text = malloc(size);
    assert_non_null(world->text);
    strcpy(world->text, before);
    memset(world->text + strlen(before), 'x', count);
    strcpy(world->text + strlen(before) + count, after);
    return world->text;
}

static void every_field_arrives(void **state)
{
    struct world *world = *state;

    world->said = (struct taskledger_event){
        .struct_size = sizeof world->said,
        .task_id = "task",
        .status = TASKLEDGER_FAILURE,
        .attempt = 3,
        .task_name = "name",
        .worker = "worker",
        .step = "step",
        .progress = 0.5,
        .message = "message",
        .error_type = "type",
        .error_message = "error",
        .error_traceback = "traceback",
        .data_json = "{\"a\":1}",
        .traceparent = "traceparent",
        .parent_task_id = "parent",
        .queue = "queue",
        .occurred_at_us = 77,
    };
    assert_true(make(world));
    struct task_status task = read_back(world);
    assert_text(task.task_id, "task");
    assert_int_equal(task.status, STATUS_FAILURE);
    assert_int_equal(task.attempt, 3);
    assert_text(task.task_name, "name");
    assert_text(task.worker, "worker");
    assert_text(task.step, "step");
    assert_true(task.has_progress && task.progress == 0.5);
    assert_text(task.message, "message");
    assert_text(task.error_type, "type");
    assert_text(task.error_message, "error");
    assert_text(task.error_traceback, "traceback");
    assert_text(task.data_json, "{\"a\":1}");
    assert_text(task.traceparent, "traceparent");
    assert_text(task.parent_task_id, "parent");
    assert_text(task.queue, "queue");
    assert_int_equal(world->draft.occurred_at_us, 77);
    assert_false(world->draft.cut);
}

static void what_was_not_given_stays_out_but_for_the_producers_worker(void **state)
{
    struct world *world = *state;

    assert_true(make(world));
    struct task_status task = read_back(world);
    assert_text(task.worker, "host:1");
    assert_int_equal(task.step.size + task.message.size + task.data_json.size, 0);
    assert_false(task.has_progress);
    assert_int_equal(world->draft.occurred_at_us, 0);
}

static void the_shard_is_the_tasks(void **state)
{
    struct world *world = *state;

    world->speaker.shards = 64;
    assert_true(make(world));
    assert_int_equal(world->draft.shard, stream_shard(slice_from_text("task"), 64));
}

static void a_shorter_struct_of_an_older_caller_is_understood(void **state)
{
    struct world *world = *state;

    world->said.struct_size = offsetof(struct taskledger_event, task_name);
    world->said.task_name = (const char *)1;
    world->said.message = (const char *)1;
    assert_true(make(world));
    assert_int_equal(read_back(world).message.size, 0);
    assert_false(read_back(world).has_progress);
}

static void a_longer_struct_of_a_newer_caller_is_understood(void **state)
{
    struct {
        struct taskledger_event event;
        char *newer;
    } said = {.event = TASKLEDGER_EVENT_INIT, .newer = NULL};
    struct world *world = *state;

    said.event.struct_size = sizeof said;
    said.event.task_id = "task";
    said.event.status = TASKLEDGER_QUEUED;
    assert_true(statement_make(&said.event, &world->speaker, &world->arena, &world->draft, &world->error));
    assert_int_equal(read_back(world).status, STATUS_QUEUED);
}

static void an_event_without_its_size_is_refused(void **state)
{
    struct world *world = *state;

    world->said.struct_size = 0;
    assert_refused(world, "invalid", "TASKLEDGER_EVENT_INIT");
}

static void what_breaks_a_limit_is_refused_by_name(void **state)
{
    struct world *world = *state;
    const struct taskledger_event good = world->said;

    world->said.task_id = NULL;
    assert_refused(world, "invalid", "task_id");
    world->said.task_id = long_text(world, "", 256, "");
    assert_refused(world, "invalid", "task_id: 256 bytes");
    world->said = good;
    world->said.status = (enum taskledger_status)0;
    assert_refused(world, "invalid", "status");
    world->said.status = (enum taskledger_status)9;
    assert_refused(world, "unknown_status", "status");
    world->said = good;
    world->said.progress = 1.5;
    assert_refused(world, "invalid", "progress");
    world->said.progress = (double)NAN;
    assert_refused(world, "invalid", "progress");
    world->said = good;
    world->said.message = "\xff";
    assert_refused(world, "invalid", "message");
    world->said = good;
    world->said.data_json = "[1]";
    assert_refused(world, "invalid", "data_json");
    world->said = good;
    world->said.occurred_at_us = -1;
    assert_refused(world, "invalid", "occurred_at_us");
    world->said.occurred_at_us = INT64_MAX;
    assert_refused(world, "invalid", "occurred_at_us");
}

static void an_event_is_too_large_only_for_what_is_not_data(void **state)
{
    struct world *world = *state;

    world->said.message = long_text(world, "", STATEMENT_BYTES_MAX - 100, "");
    assert_true(make(world));
    assert_false(world->draft.cut);
    world->said.message = long_text(world, "", STATEMENT_BYTES_MAX, "");
    assert_refused(world, "oversized", "at most 65456");
    world->said.message = long_text(world, "", 10 * STATEMENT_BYTES_MAX, "");
    assert_refused(world, "oversized", "at most 65456");
}

static void data_without_room_even_for_a_mark_is_too_large(void **state)
{
    struct world *world = *state;
    static const char data[] =
        "{\"a\":\"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\"}";

    world->said.data_json = data;
    world->said.message = long_text(world, "", STATEMENT_BYTES_MAX - 100, "");
    assert_refused(world, "oversized", "at most");
}

static void large_data_is_cut_with_its_size_and_hash_and_as_much_of_it_as_fits(void **state)
{
    struct world *world = *state;
    char sha256[DIGEST_HEX_BYTES];
    char expected[200];

    world->said.data_json = long_text(world, "{\"\u00e4\":\"", 200000, "\"}");
    assert_true(make(world));
    assert_true(world->draft.cut);
    assert_in_range(world->draft.body.size, STATEMENT_BYTES_MAX - 32, STATEMENT_BYTES_MAX);

    struct digest digest = digester_hash(world->digester, slice_from_text(world->text));
    digest_format(&digest, sha256);
    snprintf(expected, sizeof expected,
             "{\"taskledger_cut\":{\"bytes\":%zu,\"sha256\":\"%s\",\"head\":\"{\\\"\u00e4\\\":\\\"xxx",
             strlen(world->text), sha256);
    struct slice mark = read_back(world).data_json;
    assert_memory_equal(mark.data, expected, strlen(expected));
}

/* Whatever stands at the border (a quote that needs two bytes, a character of four), the mark is valid JSON. */
static void a_cut_falls_between_characters(void **state)
{
    static const char *const units[] = {"\\\"", "\\\\", "\xf0\x9f\x98\x80", "\xe2\x82\xac", "\\n", "\t"};
    struct world *world = *state;

    for (size_t u = 0; u < sizeof units / sizeof units[0]; u++) {
        for (size_t shift = 0; shift < 5; shift++) {
            bool is_space = units[u][0] == '\t';
            size_t length = 0;

            free(world->text);
            world->text = malloc(100100);
            length += (size_t)sprintf(world->text, is_space ? "{" : "{\"%.*s", (int)shift, "abcde");
            while (length < 100000)
                length += (size_t)sprintf(world->text + length, "%s", units[u]);
            strcpy(world->text + length, is_space ? "}" : "\":1}");
            world->said.data_json = world->text;
            if (!make(world))
                fail_msg("%s", world->error.text);
            assert_true(world->draft.cut);
            read_back(world);
            arena_reset(&world->arena, 0);
        }
    }
}

static void data_just_at_the_limit_is_not_cut(void **state)
{
    struct world *world = *state;
    bool cut = false;

    for (size_t size = STATEMENT_BYTES_MAX - 60; size < STATEMENT_BYTES_MAX; size++) {
        world->said.data_json = long_text(world, "{\"a\":\"", size - 8, "\"}");
        assert_true(make(world));
        assert_true(!cut || world->draft.cut);
        cut = world->draft.cut;
        assert_int_equal(cut, read_back(world).data_json.size != size);
        arena_reset(&world->arena, 0);
    }
    assert_true(cut);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_field_arrives),
        TEST(what_was_not_given_stays_out_but_for_the_producers_worker),
        TEST(the_shard_is_the_tasks),
        TEST(a_shorter_struct_of_an_older_caller_is_understood),
        TEST(a_longer_struct_of_a_newer_caller_is_understood),
        TEST(an_event_without_its_size_is_refused),
        TEST(what_breaks_a_limit_is_refused_by_name),
        TEST(an_event_is_too_large_only_for_what_is_not_data),
        TEST(data_without_room_even_for_a_mark_is_too_large),
        TEST(large_data_is_cut_with_its_size_and_hash_and_as_much_of_it_as_fits),
        TEST(a_cut_falls_between_characters),
        TEST(data_just_at_the_limit_is_not_cut),
    };

    return cmocka_run_group_tests_name("statement", tests, NULL, NULL);
}
