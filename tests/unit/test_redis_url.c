/* redis_url: where a Redis is and who we are there, or a refusal that gives nothing away. */
#include "tests/support/redis_urls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void a_host_alone_has_the_default_port_and_db(void **state)
{
    struct redis_url url = redis_urls_parsed("redis://db.example.com");

    (void)state;
    assert_string_equal(url.node.host, "db.example.com");
    assert_string_equal(url.node.port, "6379");
    assert_string_equal(url.path, "");
    assert_string_equal(url.user, "");
    assert_string_equal(url.password, "");
    assert_int_equal(url.db, 0);
    assert_false(url.tls);
}

static void every_part_is_read(void **state)
{
    struct redis_url url = redis_urls_parsed("rediss://me:secret@10.0.0.1:6380/15");

    (void)state;
    assert_true(url.tls);
    assert_string_equal(url.user, "me");
    assert_string_equal(url.password, "secret");
    assert_string_equal(url.node.host, "10.0.0.1");
    assert_string_equal(url.node.port, "6380");
    assert_int_equal(url.db, 15);
}

static void a_password_needs_no_user(void **state)
{
    struct redis_url url = redis_urls_parsed("redis://:secret@host/");

    (void)state;
    assert_string_equal(url.user, "");
    assert_string_equal(url.password, "secret");
    assert_int_equal(url.db, 0);
}

static void user_and_password_may_hold_anything_when_encoded(void **state)
{
    struct redis_url url = redis_urls_parsed("redis://u%40%3a:%2F%3f%23%25%5b%c3%a9@host");

    (void)state;
    assert_string_equal(url.user, "u@:");
    assert_string_equal(url.password, "/?#%[\xc3\xa9");
}

static void an_ipv6_address_stands_in_brackets(void **state)
{
    struct redis_url url = redis_urls_parsed("redis://[::1]:7000/1");

    (void)state;
    assert_string_equal(url.node.host, "::1");
    assert_string_equal(url.node.port, "7000");
    assert_string_equal(redis_urls_parsed("redis://[fe80::1%25eth0]").node.host, "fe80::1%eth0");
    assert_string_equal(redis_urls_parsed("redis://:p@[2001:db8::2]").node.port, "6379");
}

static void a_unix_socket_is_a_path(void **state)
{
    struct redis_url url = redis_urls_parsed("unix:///run/my%20redis.sock?db=3");

    (void)state;
    assert_string_equal(url.node.host, "");
    assert_string_equal(url.path, "/run/my redis.sock");
    assert_int_equal(url.db, 3);
    assert_string_equal(redis_urls_parsed("unix:///s").path, "/s");

    url = redis_urls_parsed("unix://me:secret@/s");
    assert_string_equal(url.user, "me");
    assert_string_equal(url.password, "secret");
    assert_string_equal(url.path, "/s");
}

static void other_schemes_are_refused_and_ours_named(void **state)
{
    const char *texts[] = {"",          "host",          "http://host",   "redis:host",   "REDIS://host",
                           "unix:/run", "redis+tls://h", "rediss:/host/", "sentinel://h", "redis-sentinel://h/m"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        redis_urls_assert_refused(texts[i], "redis://, rediss://, unix://, redis+sentinel://, rediss+sentinel://, ");
    redis_urls_assert_refused(NULL, "redis://, rediss://, unix://, redis+sentinel://, rediss+sentinel://, ");
}

static void ports_are_numbers_from_1_to_65535(void **state)
{
    const char *texts[] = {"redis://h:0",    "redis://h:65536",      "redis://h:",   "redis://h:a",
                           "redis://h:1a",   "redis://h:+1",         "redis://h:-1", "redis://fe80::1",
                           "redis://[::1]7", "redis://h:99999999999"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        redis_urls_assert_refused(texts[i], "1 to 65535");
    assert_string_equal(redis_urls_parsed("redis://h:65535").node.port, "65535");
    assert_string_equal(redis_urls_parsed("redis://h:00080").node.port, "80");
}

static void dbs_are_numbers(void **state)
{
    const char *texts[] = {"redis://h/a",   "redis://h/1/2",  "redis://h/-1",         "redis://h/1000001",
                           "unix:///s?db=", "unix:///s?db=x", "redis://h/99999999999"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        redis_urls_assert_refused(texts[i], "db");
    assert_int_equal(redis_urls_parsed("redis://h/1000000").db, 1000000);
}

static void hosts_are_names_or_addresses(void **state)
{
    (void)state;
    redis_urls_assert_refused("redis://", "a host is missing");
    redis_urls_assert_refused("redis://:a/b@h", "%2F and %40");
    redis_urls_assert_refused("redis://u:a@c/b@h/1", "%2F and %40");
    redis_urls_assert_refused("redis:///1", "a host is missing");
    redis_urls_assert_refused("redis://::1", "a host is missing");
    redis_urls_assert_refused("redis://:p@:1", "a host is missing");
    redis_urls_assert_refused("redis://a b", "letters, digits");
    redis_urls_assert_refused("redis://a%0ab", "letters, digits");
    redis_urls_assert_refused("redis://h\xc3\xa9", "letters, digits");
    redis_urls_assert_refused("redis://[::1", "never closed");
    redis_urls_assert_refused("redis://[host]", "IPv6 address is expected");
    redis_urls_assert_refused("redis://[::1%25a b]", "IPv6 address is expected");
    redis_urls_assert_refused("redis://[::1%25a%0a]", "IPv6 address is expected");
    redis_urls_assert_refused("redis://[]", "IPv6 address is expected");
}

static void a_user_without_a_password_is_refused(void **state)
{
    (void)state;
    redis_urls_assert_refused("redis://me@host", "a password is expected");
    redis_urls_assert_refused("redis://me:@host", "a password is expected");
    redis_urls_assert_refused("redis://@host", "a password is expected");
}

static void what_should_have_been_encoded_is_refused(void **state)
{
    (void)state;
    redis_urls_assert_refused("redis://me:a@b@host", "%40");
    redis_urls_assert_refused("redis://me:a:b@host", "%3A");
    redis_urls_assert_refused("redis://me:a?b@host", "percent-encoded");
    redis_urls_assert_refused("redis://host#x", "percent-encoded");
    redis_urls_assert_refused("unix:///a#b", "%23");
}

static void bad_escapes_are_refused(void **state)
{
    const char *texts[] = {"redis://:%@h", "redis://:%4@h", "redis://:%4g@h", "redis://:%zz@h", "unix:///%"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        redis_urls_assert_refused(texts[i], "two hexadecimal digits");
    redis_urls_assert_refused("redis://:a%00b@h", "NUL");
    redis_urls_assert_refused("unix:///a%00", "NUL");
}

static void parameters_we_do_not_know_are_refused(void **state)
{
    (void)state;
    redis_urls_assert_refused("redis://host?db=1", "nothing is expected behind the db");
    redis_urls_assert_refused("redis://host/1?ssl_cert_reqs=none", "nothing is expected behind the db");
    redis_urls_assert_refused("unix:///s?timeout=1", "?db=number");
    redis_urls_assert_refused("unix:///s?", "?db=number");
}

static void unix_paths_are_absolute_and_fit_a_socket(void **state)
{
    char text[300];

    (void)state;
    redis_urls_assert_refused("unix://", "absolute path");
    redis_urls_assert_refused("unix:///", "absolute path");
    redis_urls_assert_refused("unix://run/redis.sock", "absolute path");
    redis_urls_assert_refused("unix:///a%0Ab", "control characters");

    snprintf(text, sizeof text, "unix:///%0106d", 0);
    assert_int_equal(strlen(redis_urls_parsed(text).path), REDIS_URL_PATH_MAX - 1);
    snprintf(text, sizeof text, "unix:///%0107d", 0);
    redis_urls_assert_refused(text, "too long");
    snprintf(text, sizeof text, "redis://%0256d", 0);
    redis_urls_assert_refused(text, "too long");
}

/* Whatever is wrong with it, the password is nobody's business. */
static void no_refusal_repeats_the_password(void **state)
{
    const char *texts[] = {
        "redis://me:hunter2",        "redis://me:hunter2@",       "redis://me:hunter2@host:x",
        "redis://me:hunter2@host/x", "redis://me:hunter2@h?x",    "redis://me:hunter2@[x]",
        "hunter2://me:hunter2@host", "redis://hunter2@host",      "redis://me:hunter2%@host",
        "unix://me:hunter2@",        "unix://me:hunter2@/s?x",    "redis://me:hunter2@a@host",
        "redis://me:hunter2@h/1#x",  "redis://me:hunter2@host:0", "redis://me:hunter2/x@host",
        "unix://me:hunter2@/s?db=x", "redis://me:a:hunter2@host", "redis://me:hunter2@a b",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct redis_url url;
        struct error error;

        assert_false(redis_url_parse(texts[i], &url, &error));
        assert_null(strstr(error.text, "hunter2"));
    }
}

static void assert_described(const char *text, const char *expected)
{
    struct redis_url url = redis_urls_parsed(text);
    char place[REDIS_URL_PLACE_MAX];

    redis_url_describe(&url, place);
    assert_string_equal(place, expected);
}

static void assert_target(const char *text, const char *expected)
{
    struct redis_url url = redis_urls_parsed(text);
    char target[REDIS_URL_PLACE_MAX];

    redis_url_target(&url, target);
    assert_string_equal(target, expected);
}

static void a_target_is_the_same_however_one_gets_there(void **state)
{
    (void)state;
    assert_target("redis://me:secret@Host", "host:6379/0");
    assert_target("rediss://:secret@host:6380/2", "host:6380/2");
    assert_target("redis://[::1]:7000", "[::1]:7000/0");
    assert_target("unix://:secret@/run/Redis.sock?db=4", "unix:/run/Redis.sock/4");
    assert_target("redis+sentinel://s2,s1:1,S1/mymaster/1", "s1:1/mymaster/1");
    assert_target("rediss+sentinel://:x@s1,s1:1,s2/mymaster/1?sentinel_password=y", "s1:1/mymaster/1");
}

static void a_description_is_the_place_without_secrets(void **state)
{
    (void)state;
    assert_described("redis://me:secret@host", "redis://host:6379");
    assert_described("rediss://:secret@host:6380/2", "rediss://host:6380/2");
    assert_described("redis://[::1]:7000", "redis://[::1]:7000");
    assert_described("unix://:secret@/run/redis.sock", "unix:///run/redis.sock");
    assert_described("unix:///run/redis.sock?db=4", "unix:///run/redis.sock?db=4");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_alone_has_the_default_port_and_db),
        cmocka_unit_test(every_part_is_read),
        cmocka_unit_test(a_password_needs_no_user),
        cmocka_unit_test(user_and_password_may_hold_anything_when_encoded),
        cmocka_unit_test(an_ipv6_address_stands_in_brackets),
        cmocka_unit_test(a_unix_socket_is_a_path),
        cmocka_unit_test(other_schemes_are_refused_and_ours_named),
        cmocka_unit_test(ports_are_numbers_from_1_to_65535),
        cmocka_unit_test(dbs_are_numbers),
        cmocka_unit_test(hosts_are_names_or_addresses),
        cmocka_unit_test(a_user_without_a_password_is_refused),
        cmocka_unit_test(what_should_have_been_encoded_is_refused),
        cmocka_unit_test(bad_escapes_are_refused),
        cmocka_unit_test(parameters_we_do_not_know_are_refused),
        cmocka_unit_test(unix_paths_are_absolute_and_fit_a_socket),
        cmocka_unit_test(no_refusal_repeats_the_password),
        cmocka_unit_test(a_target_is_the_same_however_one_gets_there),
        cmocka_unit_test(a_description_is_the_place_without_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
