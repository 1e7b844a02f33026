/* redis_url: where some nodes of a cluster are, or a refusal that gives nothing away. */
#include "tests/support/redis_urls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void the_seeds_of_a_cluster_are_a_list(void **state)
{
    struct redis_url url = redis_urls_parsed("redis+cluster://me:secret@n1,10.0.0.2:6380,[::1]:7");

    (void)state;
    assert_false(url.tls);
    assert_int_equal(url.seed_count, 3);
    assert_string_equal(url.seeds[0].host, "n1");
    assert_string_equal(url.seeds[0].port, "6379");
    assert_string_equal(url.seeds[1].host, "10.0.0.2");
    assert_string_equal(url.seeds[1].port, "6380");
    assert_string_equal(url.seeds[2].host, "::1");
    assert_string_equal(url.seeds[2].port, "7");
    assert_string_equal(url.user, "me");
    assert_string_equal(url.password, "secret");
    assert_int_equal(url.db, 0);
    assert_int_equal(url.sentinel_count, 0);
    assert_string_equal(url.node.host, "");

    assert_true(redis_urls_parsed("rediss+cluster://n1").tls);
    assert_int_equal(redis_urls_parsed("redis+cluster://1,2,3,4,5,6,7,8").seed_count, REDIS_URL_SEEDS_MAX);
    assert_int_equal(redis_urls_parsed("redis+sentinel://s/m").seed_count, 0);
}

static void what_is_wrong_with_a_cluster_is_said(void **state)
{
    (void)state;
    redis_urls_assert_refused("redis+cluster://", "a host is missing");
    redis_urls_assert_refused("redis+cluster://n1,", "a host is missing");
    redis_urls_assert_refused("redis+cluster://n1,,n2", "a host is missing");
    redis_urls_assert_refused("redis+cluster://n1:0", "1 to 65535");
    redis_urls_assert_refused("redis+cluster://n1/0", "only the db 0");
    redis_urls_assert_refused("redis+cluster://n1/", "nothing is expected behind the nodes");
    redis_urls_assert_refused("redis+cluster://n1?x=1", "nothing is expected behind the nodes");
    redis_urls_assert_refused("redis+cluster://n1#", "nothing is expected behind the nodes");
    redis_urls_assert_refused("redis+cluster://:b/c@n1", "must be percent-encoded");
    redis_urls_assert_refused("redis+cluster://:b@n1,:c@n2", "%40");
    redis_urls_assert_refused("redis+cluster://1,2,3,4,5,6,7,8,9", "more than 8 nodes");
}

static void no_refusal_repeats_the_password(void **state)
{
    const char *texts[] = {
        "redis+cluster://:hunter2@n1/1",
        "redis+cluster://:hunter2@n1:x",
        "redis+cluster://:hunter2%@n1",
        "redis+cluster://n1?password=hunter2",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct redis_url url;
        struct error error;

        assert_false(redis_url_parse(texts[i], &url, &error));
        assert_null(strstr(error.text, "hunter2"));
    }
}

static void a_cluster_is_described_without_secrets_and_told_apart(void **state)
{
    struct redis_url url = redis_urls_parsed("rediss+cluster://me:secret@n2,[::1]:7,N1");
    char place[REDIS_URL_PLACE_MAX];

    (void)state;
    redis_url_describe(&url, place);
    assert_string_equal(place, "rediss+cluster://n2:6379,[::1]:7,N1:6379");
    redis_url_target(&url, place);
    assert_string_equal(place, "[::1]:7/cluster");
    url = redis_urls_parsed("redis+cluster://n2,N1:5,n1:4");
    redis_url_target(&url, place);
    assert_string_equal(place, "n1:4/cluster");
}

static void a_node_of_a_cluster_is_talked_to_as_the_url_says(void **state)
{
    const struct redis_url url = redis_urls_parsed("rediss+cluster://me:secret@n1");
    const struct redis_url_node node = {.host = "n7", .port = "1"};
    struct redis_url_server server = redis_url_server(&url, &node);

    (void)state;
    assert_ptr_equal(server.node, &node);
    assert_true(server.tls);
    assert_string_equal(server.user, "me");
    assert_string_equal(server.password, "secret");
    assert_string_equal(server.path, "");
    assert_int_equal(server.db, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_seeds_of_a_cluster_are_a_list),
        cmocka_unit_test(what_is_wrong_with_a_cluster_is_said),
        cmocka_unit_test(no_refusal_repeats_the_password),
        cmocka_unit_test(a_cluster_is_described_without_secrets_and_told_apart),
        cmocka_unit_test(a_node_of_a_cluster_is_talked_to_as_the_url_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
