#include "consumer/postgres/postgres_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int forget_environment(void **state)
{
    const char *names[] = {"PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGSERVICE"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unsetenv(names[i]);
    return 0;
}

static void the_hosts_of_a_url_come_one_by_one_with_their_ports(void **state)
{
    struct error error = {.kind = ERROR_NONE};
    struct postgres_url url;

    (void)state;
    assert_true(postgres_url_init(&url, "postgresql://u:p@one:5433,two,[::1]:5434/ledger", &error));

    assert_int_equal(url.count, 3);
    assert_string_equal(url.database, "ledger");
    assert_string_equal(postgres_url_host(&url, 0).name, "one");
    assert_string_equal(postgres_url_host(&url, 0).port, "5433");
    assert_string_equal(postgres_url_host(&url, 1).name, "two");
    assert_string_equal(postgres_url_host(&url, 1).port, "");
    assert_string_equal(postgres_url_host(&url, 2).name, "::1");
    assert_string_equal(postgres_url_host(&url, 2).port, "5434");
    postgres_url_close(&url);
}

static void one_port_is_the_port_of_all_hosts(void **state)
{
    struct error error = {.kind = ERROR_NONE};
    struct postgres_url url;

    (void)state;
    assert_true(postgres_url_init(&url, "host=one,two port=5433 dbname=ledger", &error));
    assert_int_equal(url.count, 2);
    assert_string_equal(postgres_url_host(&url, 1).port, "5433");
    postgres_url_close(&url);
}

static void the_environment_fills_in_what_the_string_leaves_out(void **state)
{
    struct error error = {.kind = ERROR_NONE};
    struct postgres_url url;

    (void)state;
    setenv("PGHOST", "one,two", 1);
    assert_true(postgres_url_init(&url, NULL, &error));
    assert_int_equal(url.count, 2);
    assert_string_equal(url.hosts, "one,two");
    postgres_url_close(&url);
    unsetenv("PGHOST");
}

static void a_string_that_cannot_be_read_is_refused_and_never_quoted(void **state)
{
    const char *bad[] = {
        "password=secret nonsense",       "postgresql://u:secret%zz@host/db",     "bogus=secret",
        "postgresql://u:se@cret@host/db", "postgresql://u:x@secret:word@host/db", "postgresql://u:secret/y@host/db"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct error error = {.kind = ERROR_NONE};
        struct postgres_url url = {.count = 77};

        assert_false(postgres_url_init(&url, bad[i], &error));
        assert_int_equal(error.kind, ERROR_FATAL);
        assert_string_equal(error.reason, "config");
        assert_null(strstr(error.text, "secret"));
        assert_null(strstr(error.text, "cret@"));
        assert_int_equal(url.count, 77);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hosts_of_a_url_come_one_by_one_with_their_ports),
        cmocka_unit_test(one_port_is_the_port_of_all_hosts),
        cmocka_unit_test(the_environment_fills_in_what_the_string_leaves_out),
        cmocka_unit_test(a_string_that_cannot_be_read_is_refused_and_never_quoted),
    };

    return cmocka_run_group_tests(tests, forget_environment, NULL);
}
