/* sentinel: the line asks who the master is, and has that server confirm it, whatever those say that are asked. */
#include "proto/sentinel.h"

#include "tests/support/sentinel_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

enum { SHORT_MS = 400 };

#define ASK "SENTINEL GET-MASTER-ADDR-BY-NAME mymaster\n"

/* ---- finding it -------------------------------------------------------------------------------------------------- */

static void the_server_that_a_sentinel_names_is_spoken_to_once_it_says_it_is_the_master(void **state)
{
    struct sentinel_fixture fixture;

    (void)state;
    sentinel_fixture_open(&fixture);
    sentinel_fixture_add_server(&fixture, (sentinel_fixture_answers){PONG, MASTER, OK});
    sentinel_fixture_add_sentinel(&fixture, (sentinel_fixture_answers){PONG, FIRST});
    sentinel_fixture_make_plain_line(&fixture);
    sentinel_fixture_assert_connects(&fixture);
    assert_true(sentinel_fixture_call(&fixture, "DBSIZE"));
    assert_string_equal(redis_peer_heard(fixture.sentinels[0]), "PING\n" ASK);
    assert_string_equal(redis_peer_heard(fixture.servers[0]), "PING\nROLE\nDBSIZE\n");
    sentinel_fixture_close(&fixture);
}

static void sentinels_and_master_each_hear_their_own_password_only(void **state)
{
    struct sentinel_fixture fixture;

    (void)state;
    sentinel_fixture_open(&fixture);
    sentinel_fixture_add_server(&fixture, (sentinel_fixture_answers){OK, OK, OK, MASTER});
    sentinel_fixture_add_sentinel(&fixture, (sentinel_fixture_answers){OK, OK, FIRST});
    sentinel_fixture_make_line(&fixture, "me:hunter2@", "/7?sentinel_username=guard&sentinel_password=sesame%26",
                               (struct redis_options){.client_name = "worker"});
    sentinel_fixture_assert_connects(&fixture);
    assert_string_equal(redis_peer_heard(fixture.sentinels[0]), "AUTH guard sesame&\nCLIENT SETNAME worker\n" ASK);
    assert_string_equal(redis_peer_heard(fixture.servers[0]),
                        "AUTH me hunter2\nSELECT 7\nCLIENT SETNAME worker\nROLE\n");
    sentinel_fixture_close(&fixture);
}

static void a_password_is_for_the_master_and_not_for_its_sentinels(void **state)
{
    struct sentinel_fixture fixture;

    (void)state;
    sentinel_fixture_open(&fixture);
    sentinel_fixture_add_server(&fixture, (sentinel_fixture_answers){OK, PONG, MASTER});
    sentinel_fixture_add_sentinel(&fixture, (sentinel_fixture_answers){PONG, FIRST});
    sentinel_fixture_make_line(&fixture, ":hunter2@", "", (struct redis_options){.url = NULL});
    sentinel_fixture_assert_connects(&fixture);
    assert_null(strstr(redis_peer_heard(fixture.sentinels[0]), "hunter2"));
    sentinel_fixture_close(&fixture);
}

static void a_master_that_forbids_role_is_taken_for_one(void **state)
{
    struct sentinel_fixture fixture;

    (void)state;
    sentinel_fixture_open(&fixture);
    sentinel_fixture_add_server(&fixture,
                                (sentinel_fixture_answers){PONG, "-NOPERM no permissions to run 'role'\r\n", OK});
    sentinel_fixture_add_sentinel(&fixture, (sentinel_fixture_answers){PONG, FIRST});
    sentinel_fixture_make_plain_line(&fixture);
    sentinel_fixture_assert_connects(&fixture);
    assert_true(sentinel_fixture_call(&fixture, "DBSIZE"));
    sentinel_fixture_close(&fixture);
}

/* ---- sentinels that do not help ---------------------------------------------------------------------------------- */

static void a_silent_sentinel_is_passed_over_and_the_one_that_answered_goes_first_next_time(void **state)
{
    struct sentinel_fixture fixture;

    (void)state;
    sentinel_fixture_open(&fixture);
    sentinel_fixture_add_server(&fixture, (sentinel_fixture_answers){PONG, MASTER, PONG, MASTER});
    sentinel_fixture_add_sentinel(&fixture, (sentinel_fixture_answers){NULL});
    sentinel_fixture_add_sentinel(&fixture, (sentinel_fixture_answers){PONG, UNKNOWN});
    sentinel_fixture_add_sentinel(&fixture, (sentinel_fixture_answers){PONG, FIRST, PONG, FIRST});
    sentinel_fixture_make_line(&fixture, "", "", (struct redis_options){.connect_timeout_ms = SHORT_MS});
    sentinel_fixture_assert_connects(&fixture);
    redis_disconnect(fixture.redis);
    sentinel_fixture_assert_connects(&fixture);
    assert_int_equal(redis_peer_connections(fixture.sentinels[0]), 1);
    assert_int_equal(redis_peer_connections(fixture.sentinels[1]), 1);
    assert_int_equal(redis_peer_connections(fixture.sentinels[2]), 2);
    sentinel_fixture_close(&fixture);
}

static void after_a_vain_round_another_sentinel_goes_first(void **state)
{
    struct sentinel_fixture fixture;

    (void)state;
    sentinel_fixture_open(&fixture);
    sentinel_fixture_add_server(&fixture, (sentinel_fixture_answers){PONG, MASTER});
    sentinel_fixture_add_sentinel(&fixture, (sentinel_fixture_answers){"-LOADING\r\n"});
    sentinel_fixture_add_sentinel(&fixture, (sentinel_fixture_answers){"-LOADING\r\n", PONG, FIRST});
    sentinel_fixture_make_plain_line(&fixture);
    sentinel_fixture_assert_refused(&fixture, ERROR_TRANSIENT, "loading");
    sentinel_fixture_assert_connects(&fixture);
    assert_int_equal(redis_peer_connections(fixture.sentinels[0]), 1);
    sentinel_fixture_close(&fixture);
}

static void sentinels_that_are_all_silent_are_given_up_in_time(void **state)
{
    const struct clock *clock = clock_system();
    int64_t deadline_us = clock_deadline_us(clock, 10 * SHORT_MS);
    struct sentinel_fixture fixture;

    (void)state;
    sentinel_fixture_open(&fixture);
    for (size_t i = 0; i < SENTINEL_FIXTURE_SENTINELS_MAX; i++)
        sentinel_fixture_add_sentinel(&fixture, (sentinel_fixture_answers){NULL});
    sentinel_fixture_make_line(&fixture, "", "", (struct redis_options){.connect_timeout_ms = SHORT_MS});
    sentinel_fixture_assert_refused(&fixture, ERROR_TRANSIENT, "timeout");
    assert_true(clock_left_ms(clock, deadline_us) > 0);
    for (size_t i = 0; i < SENTINEL_FIXTURE_SENTINELS_MAX; i++)
        assert_int_equal(redis_peer_connections(fixture.sentinels[i]), 1);
    sentinel_fixture_close(&fixture);
}

static void when_none_is_there_the_error_names_them(void **state)
{
    const struct redis_options options = {.url = "redis+sentinel://:hunter2@127.0.0.1:1,127.0.0.1:2/mymaster/3"};
    struct sentinel_fixture fixture;

    (void)state;
    sentinel_fixture_open(&fixture);
    fixture.redis = redis_new(&options, &fixture.error);
    assert_string_equal(redis_address(fixture.redis), "redis+sentinel://127.0.0.1:1,127.0.0.1:2/mymaster/3");
    sentinel_fixture_assert_refused(&fixture, ERROR_TRANSIENT, "connection");
    assert_string_equal(fixture.error.text,
                        "redis+sentinel://127.0.0.1:1,127.0.0.1:2/mymaster/3: could not find the master: "
                        "127.0.0.1:1: could not connect: Connection refused; "
                        "127.0.0.1:2: could not connect: Connection refused");
    sentinel_fixture_close(&fixture);
}

static void a_service_that_no_sentinel_knows_is_for_an_operator(void **state)
{
    struct sentinel_fixture fixture;

    (void)state;
    sentinel_fixture_open(&fixture);
    sentinel_fixture_add_sentinel(&fixture, (sentinel_fixture_answers){PONG, UNKNOWN});
    sentinel_fixture_add_sentinel(&fixture, (sentinel_fixture_answers){PONG, UNKNOWN});
    sentinel_fixture_make_plain_line(&fixture);
    sentinel_fixture_assert_refused(&fixture, ERROR_FATAL, "service");
    assert_non_null(strstr(fixture.error.text, "cannot find the master: 127.0.0.1:"));
    assert_non_null(strstr(fixture.error.text, "it knows no master by the name of \"mymaster\""));
    sentinel_fixture_close(&fixture);
}

static void a_service_that_only_some_do_not_know_may_be_known_to_the_others_later(void **state)
{
    struct sentinel_fixture fixture;

    (void)state;
    sentinel_fixture_open(&fixture);
    sentinel_fixture_add_sentinel(&fixture, (sentinel_fixture_answers){PONG, UNKNOWN});
    sentinel_fixture_add_sentinel(&fixture, (sentinel_fixture_answers){"-LOADING\r\n"});
    sentinel_fixture_make_plain_line(&fixture);
    sentinel_fixture_assert_refused(&fixture, ERROR_TRANSIENT, "loading");
    sentinel_fixture_close(&fixture);
}

static void a_sentinel_that_does_not_let_us_in_says_so_without_the_password(void **state)
{
    struct sentinel_fixture fixture;

    (void)state;
    sentinel_fixture_open(&fixture);
    sentinel_fixture_add_sentinel(&fixture, (sentinel_fixture_answers){"-WRONGPASS sesame is wrong\r\n", PONG});
    sentinel_fixture_make_line(&fixture, "", "?sentinel_password=sesame", (struct redis_options){.url = NULL});
    sentinel_fixture_assert_refused(&fixture, ERROR_FATAL, "wrongpass");
    assert_null(strstr(fixture.error.text, "sesame"));
    sentinel_fixture_close(&fixture);
}

static void what_is_no_sentinel_is_for_an_operator(void **state)
{
    struct sentinel_fixture fixture;

    (void)state;
    sentinel_fixture_open(&fixture);
    sentinel_fixture_add_sentinel(
        &fixture,
        (sentinel_fixture_answers){PONG, "-ERR unknown command 'SENTINEL', with args beginning with: 'x'\r\n"});
    sentinel_fixture_make_plain_line(&fixture);
    sentinel_fixture_assert_refused(&fixture, ERROR_FATAL, "unknown");
    assert_non_null(strstr(fixture.error.text, "unknown command 'SENTINEL'"));
    sentinel_fixture_close(&fixture);
}

static void hostile_answers_name_no_master(void **state)
{
    const char *answers[] = {
        "*0\r\n",
        "*1\r\n$9\r\n127.0.0.1\r\n",
        "*3\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\n1\r\n",
        "*2\r\n$0\r\n\r\n$1\r\n1\r\n",
        "*2\r\n$1\r\na\r\n$0\r\n\r\n",
        "*2\r\n$1\r\na\r\n$1\r\n0\r\n",
        "*2\r\n$1\r\na\r\n$5\r\n65536\r\n",
        "*2\r\n$1\r\na\r\n$2\r\n-1\r\n",
        "*2\r\n$1\r\na\r\n:1\r\n",
        "*2\r\n$3\r\na b\r\n$1\r\n1\r\n",
        "*2\r\n$5\r\n/etc/\r\n$1\r\n1\r\n",
        "*2\r\n*-1\r\n*-1\r\n",
        "+somewhere\r\n",
        ":6379\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct sentinel_fixture fixture;

        sentinel_fixture_open(&fixture);
        sentinel_fixture_add_sentinel(&fixture, (sentinel_fixture_answers){PONG, answers[i]});
        sentinel_fixture_make_line(&fixture, "", "", (struct redis_options){.connect_timeout_ms = SHORT_MS});
        sentinel_fixture_assert_refused(&fixture, ERROR_TRANSIENT, "protocol");
        sentinel_fixture_close(&fixture);
    }
}

static void asking_ends_when_it_is_canceled(void **state)
{
    int cancel = eventfd(1, EFD_CLOEXEC);
    struct sentinel_fixture fixture;

    (void)state;
    sentinel_fixture_open(&fixture);
    sentinel_fixture_add_sentinel(&fixture, (sentinel_fixture_answers){NULL});
    sentinel_fixture_add_sentinel(&fixture, (sentinel_fixture_answers){NULL});
    sentinel_fixture_make_line(&fixture, "", "", (struct redis_options){.cancel_descriptor = cancel});
    sentinel_fixture_assert_refused(&fixture, ERROR_TRANSIENT, "canceled");
    assert_int_equal(redis_peer_connections(fixture.sentinels[1]), 0);
    sentinel_fixture_close(&fixture);
    close(cancel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_server_that_a_sentinel_names_is_spoken_to_once_it_says_it_is_the_master),
        cmocka_unit_test(sentinels_and_master_each_hear_their_own_password_only),
        cmocka_unit_test(a_password_is_for_the_master_and_not_for_its_sentinels),
        cmocka_unit_test(a_master_that_forbids_role_is_taken_for_one),
        cmocka_unit_test(a_silent_sentinel_is_passed_over_and_the_one_that_answered_goes_first_next_time),
        cmocka_unit_test(after_a_vain_round_another_sentinel_goes_first),
        cmocka_unit_test(sentinels_that_are_all_silent_are_given_up_in_time),
        cmocka_unit_test(when_none_is_there_the_error_names_them),
        cmocka_unit_test(a_service_that_no_sentinel_knows_is_for_an_operator),
        cmocka_unit_test(a_service_that_only_some_do_not_know_may_be_known_to_the_others_later),
        cmocka_unit_test(a_sentinel_that_does_not_let_us_in_says_so_without_the_password),
        cmocka_unit_test(what_is_no_sentinel_is_for_an_operator),
        cmocka_unit_test(hostile_answers_name_no_master),
        cmocka_unit_test(asking_ends_when_it_is_canceled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
