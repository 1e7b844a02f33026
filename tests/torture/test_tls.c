/* tls: a line inside TLS, cut off while shaking hands, and every call of ours and every allocation of the library
 * failing in turn; also when a sentinel names the server, and is inside TLS itself. Nothing of that is for an operator
 * to mend. */
#include "proto/redis.h"

#include "tests/support/line_faults.h"
#include "tests/support/redis_peer.h"
#include "tests/support/tls_front.h"

#include <openssl/crypto.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PATIENCE_MS = 20000, ANSWERS = 4, RUNS_MAX = 20000, CUT_STEP = 7 };

static struct tls_front_identity *identity;

static const struct redis_peer_answer script[ANSWERS] = {
    {.bytes = "+OK\r\n"},                      /* SELECT */
    {.bytes = "+OK\r\n"},                      /* CLIENT SETNAME */
    {.bytes = "*2\r\n$6\r\nmaster\r\n:0\r\n"}, /* ROLE, behind a sentinel only */
    {.bytes = "+PONG\r\n"},
};

/* ---- who is on the stage ---- */

/* A server inside TLS, and perhaps a sentinel that knows it. */
struct stage {
    struct redis_peer *peer;
    struct tls_front *front;
    struct redis_peer *sentinel;
    struct tls_front *sentinel_front;
    struct redis_peer_answer answers[2 * ANSWERS];
    struct redis_peer_answer sentinel_answers[2];
    char place[64];
    char url[80];
};

typedef void set_any_stage(struct stage *stage, int cut_bytes);

static void set_stage(struct stage *stage, int cut_bytes)
{
    *stage = (struct stage){.answers = {script[0], script[1], script[3], script[3]}};
    stage->peer = redis_peer_start_on_port(stage->answers, ANSWERS);
    stage->front = tls_front_start(identity, redis_peer_port(stage->peer), cut_bytes);
    snprintf(stage->url, sizeof stage->url, "rediss://127.0.0.1:%u/1", tls_front_port(stage->front));
}

static void set_stage_with_sentinel(struct stage *stage, int cut_bytes)
{
    char port[8];

    *stage = (struct stage){.sentinel_answers = {{.bytes = "+OK\r\n"}}};
    memcpy(stage->answers, script, sizeof script);
    stage->peer = redis_peer_start_on_port(stage->answers, ANSWERS);
    stage->front = tls_front_start(identity, redis_peer_port(stage->peer), cut_bytes);

    snprintf(port, sizeof port, "%u", tls_front_port(stage->front));
    snprintf(stage->place, sizeof stage->place, "*2\r\n$9\r\n127.0.0.1\r\n$%zu\r\n%s\r\n", strlen(port), port);
    stage->sentinel_answers[1].bytes = stage->place;
    stage->sentinel = redis_peer_start_on_port(stage->sentinel_answers, 2);
    stage->sentinel_front = tls_front_start(identity, redis_peer_port(stage->sentinel), TLS_FRONT_UNCUT);
    snprintf(stage->url, sizeof stage->url, "rediss+sentinel://127.0.0.1:%u/m/1",
             tls_front_port(stage->sentinel_front));
}

static void clear_stage(struct stage *stage)
{
    tls_front_stop(stage->front);
    redis_peer_stop(stage->peer);
    if (stage->sentinel == NULL)
        return;
    tls_front_stop(stage->sentinel_front);
    redis_peer_stop(stage->sentinel);
}

/* ---- the story ---- */

static bool tell_story(const char *url, struct error *error)
{
    const struct redis_options options = {
        .url = url,
        .ca_file = tls_front_ca_file(identity),
        .client_name = "tortured",
        .request_timeout_ms = PATIENCE_MS,
        .connect_timeout_ms = PATIENCE_MS,
    };
    const struct slice ping = slice_from_text("PING");
    struct arena arena;
    struct reply reply;

    arena_init(&arena, 0);
    struct redis *redis = redis_new(&options, error);
    bool good = redis != NULL && redis_connect(redis, error) && redis_call(redis, &ping, 1, &arena, &reply, error);
    redis_free(redis);
    arena_close(&arena);
    return good;
}

/* True when it went well; else the fault was told as one of those expected, which may pass. */
static bool survive(set_any_stage *set, enum line_fault kind, int n, const char *expected)
{
    struct error error = {.kind = ERROR_NONE};
    struct stage stage;

    set(&stage, TLS_FRONT_UNCUT);
    line_faults_begin(kind, n);
    bool good = tell_story(stage.url, &error);
    line_faults_end();
    clear_stage(&stage);
    if (!good && (error.kind != ERROR_TRANSIENT || strstr(expected, error.reason) == NULL))
        fail_msg("call %d: kind %d, %s: %s", n, (int)error.kind, error.reason, error.text);
    return good;
}

/* The library goes on without some of what it asks for: then all is well, and others follow. */
static void assert_every_fault_is_survived(set_any_stage *set, enum line_fault kind, const char *expected, int in_a_row)
{
    int good = 0;

    for (int n = 0; good < in_a_row; n++) {
        good = survive(set, kind, n, expected) ? good + 1 : 0;
        assert_true(n < RUNS_MAX);
    }
}

static void memory_of_ours_may_run_out_at_any_allocation(void **state)
{
    (void)state;
    assert_every_fault_is_survived(set_stage, LINE_FAULT_MEMORY, "memory", 1);
    assert_every_fault_is_survived(set_stage_with_sentinel, LINE_FAULT_MEMORY, "memory", 1);
}

static void memory_of_the_library_may_run_out_at_any_allocation(void **state)
{
    (void)state;
    assert_every_fault_is_survived(set_stage, LINE_FAULT_TLS_MEMORY, "memory", 200);
    assert_every_fault_is_survived(set_stage_with_sentinel, LINE_FAULT_TLS_MEMORY, "memory", 200);
}

static void any_call_of_the_kernels_may_fail(void **state)
{
    (void)state;
    assert_every_fault_is_survived(set_stage, LINE_FAULT_CALL, "connection", 1);
    assert_every_fault_is_survived(set_stage_with_sentinel, LINE_FAULT_CALL, "connection", 1);
}

static void any_call_of_the_kernels_may_be_interrupted(void **state)
{
    (void)state;
    for (int n = 0; n < 40; n++)
        assert_true(survive(set_stage, LINE_FAULT_SIGNAL, n, "none") &&
                    survive(set_stage_with_sentinel, LINE_FAULT_SIGNAL, n, "none"));
}

static void bytes_may_come_and_go_one_at_a_time(void **state)
{
    (void)state;
    assert_true(survive(set_stage, LINE_FAULT_TRICKLE, 0, "none"));
    assert_true(survive(set_stage_with_sentinel, LINE_FAULT_TRICKLE, 0, "none"));
}

/* True when the whole story fitted. */
static bool survive_cut(set_any_stage *set, int bytes)
{
    struct error error = {.kind = ERROR_NONE};
    struct stage stage;

    set(&stage, bytes);
    bool good = tell_story(stage.url, &error);
    clear_stage(&stage);
    if (!good && (error.kind != ERROR_TRANSIENT || strcmp(error.reason, "connection") != 0))
        fail_msg("cut after %d bytes: %s: %s", bytes, error.reason, error.text);
    return good;
}

static void the_server_may_be_cut_off_anywhere(void **state)
{
    (void)state;
    for (int bytes = 0; !survive_cut(set_stage, bytes); bytes += CUT_STEP)
        assert_true(bytes < RUNS_MAX);
    for (int bytes = 0; !survive_cut(set_stage_with_sentinel, bytes); bytes += 10 * CUT_STEP)
        assert_true(bytes < RUNS_MAX);
}

/* What the library does once only it has done then. */
static int set_up(void **state)
{
    (void)state;
    identity = tls_front_identity_new();
    return survive(set_stage, LINE_FAULT_NONE, 0, "none") ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    tls_front_identity_free(identity);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_of_ours_may_run_out_at_any_allocation),
        cmocka_unit_test(memory_of_the_library_may_run_out_at_any_allocation),
        cmocka_unit_test(any_call_of_the_kernels_may_fail),
        cmocka_unit_test(any_call_of_the_kernels_may_be_interrupted),
        cmocka_unit_test(bytes_may_come_and_go_one_at_a_time),
        cmocka_unit_test(the_server_may_be_cut_off_anywhere),
    };

    if (CRYPTO_set_mem_functions(line_faults_tls_malloc, line_faults_tls_realloc, line_faults_tls_free) != 1)
        return 1;
    return cmocka_run_group_tests_name("tls", tests, set_up, tear_down);
}
