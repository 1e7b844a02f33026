/* Addresses as an operator writes them. */
#include "consumer/http/listen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void assert_parses(const char *text, const char *host, const char *port)
{
    struct listen listen;
    struct error error;

    if (!listen_parse(text, &listen, &error))
        fail_msg("%s", error.text);
    assert_string_equal(listen.host, host);
    assert_string_equal(listen.port, port);
}

static void hosts_and_ports_are_told_apart(void **state)
{
    (void)state;
    assert_parses("127.0.0.1:9464", "127.0.0.1", "9464");
    assert_parses("localhost:0", "localhost", "0");
    assert_parses("[::1]:80", "::1", "80");
    assert_parses(":9464", "", "9464");
}

static void anything_else_is_refused_and_quoted(void **state)
{
    const char *const texts[] = {"", "localhost", "9464", "a:", "a:x", "a:65536", "a:123456", "::1:80", "a:-1", "a: 1"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct listen listen;
        struct error error;

        assert_false(listen_parse(texts[i], &listen, &error));
        assert_int_equal(error.kind, ERROR_FATAL);
        assert_string_equal(error.reason, "config");
        assert_non_null(strstr(error.text, texts[i]));
    }
}

static void a_free_port_is_told_and_can_be_connected_to(void **state)
{
    struct listen listen;
    struct error error;
    char address[300];
    int server;
    int client;

    (void)state;
    assert_true(listen_parse("127.0.0.1:0", &listen, &error));
    assert_true(listen_open(&listen, &server, &error));
    listen_describe(server, address, sizeof address);
    assert_true(listen_parse(address, &listen, &error));
    assert_true(listen_connect(&listen, 1000, &client, &error));
    close(client);

    assert_false(listen_open(&listen, &client, &error));
    assert_string_equal(error.reason, "listen");
    close(server);
    assert_false(listen_connect(&listen, 1000, &client, &error));
    assert_int_equal(error.kind, ERROR_TRANSIENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_and_ports_are_told_apart),
        cmocka_unit_test(anything_else_is_refused_and_quoted),
        cmocka_unit_test(a_free_port_is_told_and_can_be_connected_to),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
