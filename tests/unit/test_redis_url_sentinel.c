/* redis_url: where the sentinels are and whose master they know, or a refusal that gives nothing away. */
#include "tests/support/redis_urls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void sentinels_are_a_list_and_the_master_a_name(void **state)
{
    struct redis_url url = redis_urls_parsed("redis+sentinel://me:secret@s1,10.0.0.2:26380,[::1]:7/mymaster/2");

    (void)state;
    assert_false(url.tls);
    assert_int_equal(url.sentinel_count, 3);
    assert_string_equal(url.sentinels[0].host, "s1");
    assert_string_equal(url.sentinels[0].port, "26379");
    assert_string_equal(url.sentinels[1].host, "10.0.0.2");
    assert_string_equal(url.sentinels[1].port, "26380");
    assert_string_equal(url.sentinels[2].host, "::1");
    assert_string_equal(url.sentinels[2].port, "7");
    assert_string_equal(url.service, "mymaster");
    assert_int_equal(url.db, 2);
    assert_string_equal(url.user, "me");
    assert_string_equal(url.password, "secret");
    assert_string_equal(url.node.host, "");
    assert_string_equal(url.path, "");
    assert_string_equal(url.sentinel_password, "");

    url = redis_urls_parsed("rediss+sentinel://s1/my-master.1_a");
    assert_true(url.tls);
    assert_string_equal(url.service, "my-master.1_a");
    assert_int_equal(url.db, 0);
    assert_string_equal(redis_urls_parsed("redis+sentinel://s1/m/").service, "m");
    assert_int_equal(redis_urls_parsed("redis+sentinel://1,2,3,4,5,6,7,8/m").sentinel_count, REDIS_URL_SENTINELS_MAX);
}

static void sentinels_have_a_login_of_their_own(void **state)
{
    struct redis_url url =
        redis_urls_parsed("redis+sentinel://:mine@s/m?sentinel_username=a%26b&sentinel_password=c%3Dd%40");

    (void)state;
    assert_string_equal(url.password, "mine");
    assert_string_equal(url.sentinel_user, "a&b");
    assert_string_equal(url.sentinel_password, "c=d@");
    assert_string_equal(redis_urls_parsed("redis+sentinel://s/m/1?sentinel_password=x").sentinel_user, "");
    assert_string_equal(redis_urls_parsed("redis+sentinel://s/m?").sentinel_password, "");
}

static void what_is_wrong_with_sentinels_is_said(void **state)
{
    (void)state;
    redis_urls_assert_refused("redis+sentinel://", "a host is missing");
    redis_urls_assert_refused("redis+sentinel:///m", "a host is missing");
    redis_urls_assert_refused("redis+sentinel://s1,/m", "a host is missing");
    redis_urls_assert_refused("redis+sentinel://,s1/m", "a host is missing");
    redis_urls_assert_refused("redis+sentinel://s1,,s2/m", "a host is missing");
    redis_urls_assert_refused("redis+sentinel://s1", "the name of the master is expected");
    redis_urls_assert_refused("redis+sentinel://s1/", "the name of the master is expected");
    redis_urls_assert_refused("redis+sentinel://s1//0", "the name of the master is expected");
    redis_urls_assert_refused("redis+sentinel://s1/a%20b", "the name of the master is expected");
    redis_urls_assert_refused("redis+sentinel://s1:0/m", "1 to 65535");
    redis_urls_assert_refused("redis+sentinel://s1/m/x", "db");
    redis_urls_assert_refused("redis+sentinel://s1/m/1/2", "db");
    redis_urls_assert_refused("redis+sentinel://1,2,3,4,5,6,7,8,9/m", "more than 8");
    redis_urls_assert_refused("redis+sentinel://a:b/c@s1/m", "%2F and %40");
    redis_urls_assert_refused("redis+sentinel://:b/c@s1/m", "%2F and %40");
    redis_urls_assert_refused("redis+sentinel://:b@s1,:c@s2/m", "%40");
    redis_urls_assert_refused("redis+sentinel://s1/m#", "# must be percent-encoded");
    redis_urls_assert_refused("redis+sentinel://s1/m?db=1", "sentinel_username and sentinel_password");
    redis_urls_assert_refused("redis+sentinel://s1/m?sentinel_password=a&b", "sentinel_username and sentinel_password");
    redis_urls_assert_refused("redis+sentinel://s1/m?sentinel_username=a", "goes with sentinel_password");
    redis_urls_assert_refused("redis+sentinel://s1/m?sentinel_password=%zz", "two hexadecimal digits");
}

static bool is_node(const char *host, size_t host_bytes, const char *port)
{
    struct redis_url_node node;
    struct error error;

    return redis_url_read_node(slice_of(host, host_bytes), slice_from_text(port), &node, &error);
}

static void a_node_is_a_name_or_an_address_and_a_port(void **state)
{
    char host[REDIS_URL_HOST_MAX + 1];

    (void)state;
    memset(host, 'a', sizeof host);
    assert_true(is_node("10.0.0.1", 8, "6379"));
    assert_true(is_node("::1", 3, "1"));
    assert_true(is_node("fe80::1%eth0", 12, "1"));
    assert_true(is_node(host, REDIS_URL_HOST_MAX - 1, "65535"));
    assert_false(is_node(host, REDIS_URL_HOST_MAX, "1"));
    assert_false(is_node("", 0, "1"));
    assert_false(is_node("a\0b", 3, "1"));
    assert_false(is_node("a b", 3, "1"));
    assert_false(is_node("a:b", 3, "1"));
    assert_false(is_node("a", 1, "0"));
    assert_false(is_node("a", 1, ""));
    assert_false(is_node("a", 1, "65536"));
}

/* Whatever is wrong with it, the password is nobody's business. */
static void no_refusal_repeats_the_password(void **state)
{
    const char *texts[] = {
        "redis+sentinel://s/m?sentinel_password=hunter2&x=1",
        "redis+sentinel://s/m?sentinel_password=hunter2%",
        "redis+sentinel://:hunter2@s",
        "redis+sentinel://s/m?sentinel_pass=hunter2",
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

static void a_description_is_the_place_without_secrets(void **state)
{
    (void)state;
    assert_described("redis+sentinel://me:secret@s1,[::1]:7/m?sentinel_password=x",
                     "redis+sentinel://s1:26379,[::1]:7/m");
    assert_described("rediss+sentinel://s1/m/4", "rediss+sentinel://s1:26379/m/4");
}

static void sentinels_without_room_are_counted(void **state)
{
    const char *name = "a-very-long-name-of-a-sentinel-that-runs-in-a-cluster-of-some-kind.svc.cluster.local";
    char text[600];
    char expected[600];

    (void)state;
    snprintf(text, sizeof text, "redis+sentinel://%s,%s,%s,%s/m/1", name, name, name, name);
    snprintf(expected, sizeof expected, "redis+sentinel://%s:26379,%s:26379,+2 more/m/1", name, name);
    assert_described(text, expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sentinels_are_a_list_and_the_master_a_name),
        cmocka_unit_test(sentinels_have_a_login_of_their_own),
        cmocka_unit_test(what_is_wrong_with_sentinels_is_said),
        cmocka_unit_test(a_node_is_a_name_or_an_address_and_a_port),
        cmocka_unit_test(no_refusal_repeats_the_password),
        cmocka_unit_test(a_description_is_the_place_without_secrets),
        cmocka_unit_test(sentinels_without_room_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
