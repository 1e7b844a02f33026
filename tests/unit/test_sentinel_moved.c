/* sentinel: masters that are none, or none any more: the sentinels are asked again. */
#include "proto/redis_error.h"
#include "proto/sentinel.h"
#include "tests/support/sentinel_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void a_replica_is_not_taken_for_the_master_and_another_sentinel_is_asked_first_next_time(void **state)
{
    char expected[128];
    struct sentinel_fixture fixture;

    (void)state;
    sentinel_fixture_open(&fixture);
    sentinel_fixture_add_server(&fixture, (sentinel_fixture_answers){PONG, REPLICA});
    sentinel_fixture_add_server(&fixture, (sentinel_fixture_answers){PONG, MASTER});
    sentinel_fixture_add_sentinel(&fixture, (sentinel_fixture_answers){PONG, FIRST});
    sentinel_fixture_add_sentinel(&fixture, (sentinel_fixture_answers){PONG, SECOND});
    sentinel_fixture_make_plain_line(&fixture);
    sentinel_fixture_assert_refused(&fixture, ERROR_TRANSIENT, "notmaster");
    snprintf(expected, sizeof expected, "/mymaster: 127.0.0.1:%u: could not use it as the master",
             redis_peer_port(fixture.servers[0]));
    assert_non_null(strstr(fixture.error.text, expected));
    sentinel_fixture_assert_connects(&fixture);
    assert_int_equal(redis_peer_connections(fixture.sentinels[0]), 1);
    sentinel_fixture_close(&fixture);
}

static void a_master_that_is_gone_sends_us_to_another_sentinel(void **state)
{
    struct sentinel_fixture fixture;

    (void)state;
    sentinel_fixture_open(&fixture);
    sentinel_fixture_add_server(&fixture, (sentinel_fixture_answers){PONG, MASTER});
    sentinel_fixture_add_sentinel(&fixture, (sentinel_fixture_answers){PONG, "*2\r\n$9\r\n127.0.0.1\r\n$1\r\n1\r\n"});
    sentinel_fixture_add_sentinel(&fixture, (sentinel_fixture_answers){PONG, FIRST});
    sentinel_fixture_make_plain_line(&fixture);
    sentinel_fixture_assert_refused(&fixture, ERROR_TRANSIENT, "connection");
    assert_non_null(strstr(fixture.error.text, "/mymaster: 127.0.0.1:1: could not connect"));
    sentinel_fixture_assert_connects(&fixture);
    sentinel_fixture_close(&fixture);
}

static void an_answer_that_it_is_no_master_any_more_has_the_sentinels_asked_again(void **state)
{
    const char *demoted[] = {
        "-READONLY You can't write against a read only replica.\r\n",
        "-UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)\r\n",
        "-MASTERDOWN Link with MASTER is down\r\n",
        "-NOREPLICAS Not enough good replicas to write.\r\n",
        "-LOADING Redis is loading the dataset in memory\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof demoted / sizeof *demoted; i++) {
        struct sentinel_fixture fixture;

        sentinel_fixture_open(&fixture);
        sentinel_fixture_add_server(&fixture, (sentinel_fixture_answers){PONG, MASTER, demoted[i]});
        sentinel_fixture_add_server(&fixture, (sentinel_fixture_answers){PONG, MASTER, OK});
        sentinel_fixture_add_sentinel(&fixture, (sentinel_fixture_answers){PONG, FIRST, PONG, SECOND});
        sentinel_fixture_make_plain_line(&fixture);
        sentinel_fixture_assert_connects(&fixture);
        assert_false(sentinel_fixture_call(&fixture, "XADD"));
        assert_true(redis_error_says_moved(&fixture.error));
        assert_false(redis_is_connected(fixture.redis));
        sentinel_fixture_assert_connects(&fixture);
        assert_true(sentinel_fixture_call(&fixture, "XADD"));
        sentinel_fixture_close(&fixture);
    }
}

static void other_errors_leave_the_line_to_the_master_open(void **state)
{
    char expected[64];
    struct sentinel_fixture fixture;

    (void)state;
    sentinel_fixture_open(&fixture);
    sentinel_fixture_add_server(&fixture, (sentinel_fixture_answers){PONG, MASTER, "-OOM command not allowed\r\n", OK});
    sentinel_fixture_add_sentinel(&fixture, (sentinel_fixture_answers){PONG, FIRST});
    sentinel_fixture_make_plain_line(&fixture);
    sentinel_fixture_assert_connects(&fixture);
    assert_false(sentinel_fixture_call(&fixture, "XADD"));
    snprintf(expected, sizeof expected, "/mymaster: 127.0.0.1:%u: OOM", redis_peer_port(fixture.servers[0]));
    assert_non_null(strstr(fixture.error.text, expected));
    assert_true(redis_is_connected(fixture.redis));
    assert_true(sentinel_fixture_call(&fixture, "XADD"));
    sentinel_fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_replica_is_not_taken_for_the_master_and_another_sentinel_is_asked_first_next_time),
        cmocka_unit_test(a_master_that_is_gone_sends_us_to_another_sentinel),
        cmocka_unit_test(an_answer_that_it_is_no_master_any_more_has_the_sentinels_asked_again),
        cmocka_unit_test(other_errors_leave_the_line_to_the_master_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
