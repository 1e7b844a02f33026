/* redis: the same story, with the peer cut off at every byte, and every call of ours failing in turn; also by a
 * sentinel, and in a cluster that sends away. */
#include "proto/redis.h"

#include "proto/entry.h"
#include "tests/support/line_faults.h"
#include "tests/support/redis_peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { PATIENCE_MS = 20000, ANSWERS = 6, RUNS_MAX = 2000, PLACE_MAX = 64 };

/* ---- the story: log in, add two events, read them back ---- */

static const struct redis_peer_answer script[ANSWERS] = {
    {.bytes = "+OK\r\n"},                      /* SELECT */
    {.bytes = "+OK\r\n"},                      /* CLIENT SETNAME */
    {.bytes = "$3\r\n1-1\r\n"},                /* XADD */
    {.bytes = "-OOM command not allowed\r\n"}, /* XADD */
    {.bytes = "*1\r\n*2\r\n$1\r\ns\r\n*2\r\n"  /* XREADGROUP */
              "*2\r\n$3\r\n1-1\r\n*2\r\n$5\r\nevent\r\n$5\r\nhello\r\n"
              "*2\r\n$3\r\n1-2\r\n*2\r\n$5\r\nevent\r\n$30\r\n012345678901234567890123456789\r\n"},
    {.bytes = ":2\r\n"}, /* XACK */
};

static bool add_events(struct redis *redis, struct arena *arena, struct error *error)
{
    struct reply reply;
    struct error refusal = {.kind = ERROR_NONE};

    if (!entry_append(redis, "s", slice_from_text("hello"), error) ||
        !entry_append(redis, "s", slice_from_text("012345678901234567890123456789"), error) ||
        !redis_send(redis, error) || !redis_receive(redis, arena, 0, &reply, error))
        return false;
    if (redis_receive(redis, arena, 0, &reply, &refusal))
        fail_msg("an error was taken for an answer");
    if (!redis_is_connected(redis)) {
        *error = refusal;
        return false;
    }
    assert_string_equal(refusal.reason, "oom");
    return true;
}

static bool read_events(struct redis *redis, struct arena *arena, struct error *error)
{
    static const char *const keys[] = {"s"};
    const struct slice read[] = {slice_from_text("XREADGROUP"), slice_from_text("s")};
    const struct slice settle[] = {slice_from_text("XACK"), slice_from_text("s")};
    struct entry entries[2];
    struct entry_reader reader = {
        .shape = ENTRY_SHAPE_GROUP, .arena = arena, .entries = entries, .capacity = 2, .keys = keys, .shards = 1};
    struct redis_visitor visitor = entry_visitor(&reader);
    struct reply reply;
    bool complete = false;

    if (!redis_append(redis, read, 2, error) || !redis_append(redis, settle, 2, error) || !redis_send(redis, error))
        return false;
    while (!complete)
        if (!redis_receive_part(redis, &visitor, 16, 0, &complete, error))
            return false;
    assert_int_equal(reader.count, 2);
    assert_memory_equal(entries[0].payload.data, "hello", 5);
    assert_int_equal(entries[1].payload_bytes, 30);
    return redis_receive(redis, arena, 0, &reply, error);
}

static bool tell_story(struct redis *redis, struct error *error)
{
    struct arena arena;

    arena_init(&arena, 0);
    bool good = redis_connect(redis, error) && add_events(redis, &arena, error) && read_events(redis, &arena, error);
    arena_close(&arena);
    return good;
}

/* `db` is how this kind of URL says it. */
static struct redis *make_line(const char *place, const char *db, struct error *error)
{
    char url[128];
    const struct redis_options options = {
        .url = url,
        .client_name = "tortured",
        .request_timeout_ms = PATIENCE_MS,
        .connect_timeout_ms = PATIENCE_MS,
        .reply_string_max =
            strstr(place, "cluster") != NULL ? PLACE_MAX : 20, /* of errors, too, with a place in them */
    };

    snprintf(url, sizeof url, "%s%s", place, db);
    return redis_new(&options, error);
}

/* ---- who is on the stage ---- */

/* The peer of the story, and perhaps a sentinel that knows it, or another node of its cluster. */
struct stage {
    struct redis_peer *peer;
    struct redis_peer *sentinel;
    struct redis_peer *node;
    struct redis_peer_answer peer_answers[ANSWERS + 1];
    struct redis_peer_answer sentinel_answers[2];
    struct redis_peer_answer node_answers[4];
    char place[PLACE_MAX];
    char moved[PLACE_MAX];
    char asked[PLACE_MAX];
};

static void set_stage(struct stage *stage)
{
    *stage = (struct stage){.peer = redis_peer_start(script, ANSWERS)};
}

/* Behind the login the peer is asked for its role, too. */
static void set_stage_with_sentinel(struct stage *stage)
{
    char port[8];

    *stage = (struct stage){.peer_answers = {script[0], script[1], {.bytes = "*2\r\n$6\r\nmaster\r\n:0\r\n"}}};
    memcpy(stage->peer_answers + 3, script + 2, (ANSWERS - 2) * sizeof *script);
    stage->peer = redis_peer_start_on_port(stage->peer_answers, ANSWERS + 1);

    snprintf(port, sizeof port, "%u", redis_peer_port(stage->peer));
    snprintf(stage->place, sizeof stage->place, "*2\r\n$9\r\n127.0.0.1\r\n$%zu\r\n%s\r\n", strlen(port), port);
    stage->sentinel_answers[0].bytes = "+OK\r\n";
    stage->sentinel_answers[1].bytes = stage->place;
    stage->sentinel = redis_peer_start_on_port(stage->sentinel_answers, 2);
}

/* The first event goes to the other node for good, the acknowledgement only this once. */
static void set_stage_with_cluster(struct stage *stage)
{
    *stage = (struct stage){.node_answers = {script[0], script[2], {.bytes = "+OK\r\n"}, script[5]}};
    stage->node = redis_peer_start_on_port(stage->node_answers, 4);
    snprintf(stage->moved, sizeof stage->moved, "-MOVED 0 127.0.0.1:%u\r\n", redis_peer_port(stage->node));
    snprintf(stage->asked, sizeof stage->asked, "-ASK 0 127.0.0.1:%u\r\n", redis_peer_port(stage->node));

    stage->peer_answers[0] = script[0];
    stage->peer_answers[1].bytes = stage->place;
    stage->peer_answers[2].bytes = stage->moved;
    stage->peer_answers[3] = script[3];
    stage->peer_answers[4] = script[4];
    stage->peer_answers[5].bytes = stage->asked;
    stage->peer = redis_peer_start_on_port(stage->peer_answers, ANSWERS);
    snprintf(stage->place, sizeof stage->place, "*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:%u\r\n",
             redis_peer_port(stage->peer));
}

static void clear_stage(struct stage *stage)
{
    redis_peer_stop(stage->peer);
    if (stage->node != NULL)
        redis_peer_stop(stage->node);
    if (stage->sentinel != NULL)
        redis_peer_stop(stage->sentinel);
}

static struct redis *make_line_on(const struct stage *stage, struct error *error)
{
    char place[PLACE_MAX];

    snprintf(place, sizeof place, "redis+cluster://127.0.0.1:%u", redis_peer_port(stage->peer));
    if (stage->node != NULL)
        return make_line(place, "", error);
    if (stage->sentinel == NULL)
        return make_line(redis_peer_url(stage->peer), "?db=1", error);
    snprintf(place, sizeof place, "redis+sentinel://127.0.0.1:%u/m", redis_peer_port(stage->sentinel));
    return make_line(place, "/1", error);
}

/* ---- cut off ---- */

static size_t script_bytes(void)
{
    size_t bytes = 0;

    for (size_t i = 0; i < ANSWERS; i++)
        bytes += strlen(script[i].bytes);
    return bytes;
}

/* The script, cut after so many bytes, and then the whole of it. Returns the number of answers. */
static size_t cut_script(size_t bytes, struct redis_peer_answer answers[2 * ANSWERS])
{
    size_t count = 0;

    for (size_t i = 0; i < ANSWERS; i++) {
        size_t size = strlen(script[i].bytes);

        answers[count] = script[i];
        if (size > bytes) {
            answers[count] = (struct redis_peer_answer){.hangs_up = true};
            if (bytes > 0)
                answers[count] = (struct redis_peer_answer){.bytes = script[i].bytes, .size = bytes, .hangs_up = true};
            count++;
            break;
        }
        bytes -= size;
        count++;
    }
    memcpy(answers + count, script, sizeof script);
    return count + ANSWERS;
}

static void a_peer_may_be_cut_off_at_any_byte(void **state)
{
    (void)state;
    for (size_t bytes = 0; bytes < script_bytes(); bytes++) {
        struct redis_peer_answer answers[2 * ANSWERS];
        struct redis_peer *peer = redis_peer_start(answers, cut_script(bytes, answers));
        struct error error = {.kind = ERROR_NONE};
        struct redis *redis = make_line(redis_peer_url(peer), "?db=1", &error);

        assert_false(tell_story(redis, &error));
        assert_int_equal(error.kind, ERROR_TRANSIENT);
        assert_string_equal(error.reason, "connection");
        assert_false(redis_is_connected(redis));

        if (!tell_story(redis, &error))
            fail_msg("cut after %zu bytes, then: %s", bytes, error.text);
        redis_free(redis);
        redis_peer_stop(peer);
    }
}

/* ---- every call in turn ---- */

typedef void set_any_stage(struct stage *stage);

/* The story with a fault at the n-th call. True when it went well; else the fault was told as what it was. */
static bool survive(set_any_stage *set, enum line_fault kind, int n, const char *expected_reason)
{
    struct error error = {.kind = ERROR_NONE};
    struct stage stage;

    set(&stage);

    line_faults_begin(kind, n);
    struct redis *redis = make_line_on(&stage, &error);
    bool good = redis != NULL && tell_story(redis, &error);
    line_faults_end();

    if (!good) {
        assert_int_equal(error.kind, ERROR_TRANSIENT);
        if (strcmp(error.reason, expected_reason) != 0)
            fail_msg("call %d: %s: %s", n, error.reason, error.text);
    }
    redis_free(redis);
    clear_stage(&stage);
    return good;
}

static void assert_every_fault_is_survived(set_any_stage *set, enum line_fault kind, const char *expected_reason,
                                           int runs_min)
{
    int runs = 0;

    while (!survive(set, kind, runs, expected_reason))
        assert_true(++runs < RUNS_MAX);
    assert_true(runs >= runs_min);
}

static void memory_may_run_out_at_any_allocation(void **state)
{
    (void)state;
    assert_every_fault_is_survived(set_stage, LINE_FAULT_MEMORY, "memory", 5);
    assert_every_fault_is_survived(set_stage_with_sentinel, LINE_FAULT_MEMORY, "memory", 8);
    assert_every_fault_is_survived(set_stage_with_cluster, LINE_FAULT_MEMORY, "memory", 10);
}

static void any_call_of_the_kernels_may_fail(void **state)
{
    (void)state;
    assert_every_fault_is_survived(set_stage, LINE_FAULT_CALL, "connection", 6);
    assert_every_fault_is_survived(set_stage_with_sentinel, LINE_FAULT_CALL, "connection", 12);
    assert_every_fault_is_survived(set_stage_with_cluster, LINE_FAULT_CALL, "connection", 14);
}

static void any_call_of_the_kernels_may_be_interrupted(void **state)
{
    (void)state;
    for (int n = 0; n < 40; n++)
        assert_true(survive(set_stage, LINE_FAULT_SIGNAL, n, "none") &&
                    survive(set_stage_with_sentinel, LINE_FAULT_SIGNAL, n, "none") &&
                    survive(set_stage_with_cluster, LINE_FAULT_SIGNAL, n, "none"));
}

static void bytes_may_come_and_go_one_at_a_time(void **state)
{
    (void)state;
    assert_true(survive(set_stage, LINE_FAULT_TRICKLE, 0, "none"));
    assert_true(survive(set_stage_with_sentinel, LINE_FAULT_TRICKLE, 0, "none"));
    assert_true(survive(set_stage_with_cluster, LINE_FAULT_TRICKLE, 0, "none"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_may_be_cut_off_at_any_byte),
        cmocka_unit_test(memory_may_run_out_at_any_allocation),
        cmocka_unit_test(any_call_of_the_kernels_may_fail),
        cmocka_unit_test(any_call_of_the_kernels_may_be_interrupted),
        cmocka_unit_test(bytes_may_come_and_go_one_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
