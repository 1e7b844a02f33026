/* cluster_map: who serves which slot, from what a server answers to CLUSTER SLOTS and from what it learns later. */
#include "proto/cluster_map.h"
#include "tests/support/answer_bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct redis_url_node asked = {.host = "10.0.0.7", .port = "6379"};

static struct cluster_map map;

static bool read_answer(const char *bytes, struct error *error)
{
    struct arena arena;
    struct reply reply;

    arena_init(&arena, 0);
    assert_true(answer_bytes_read(slice_from_text(bytes), &arena, &reply));
    bool good = cluster_map_read(&map, &reply, &asked, error);
    arena_close(&arena);
    return good;
}

static void take(const char *bytes)
{
    struct error error;

    if (!read_answer(bytes, &error))
        fail_msg("%s", error.text);
}

static void assert_owner(unsigned slot, const char *expected)
{
    const struct redis_url_node *owner = cluster_map_owner(&map, slot);
    char place[REDIS_URL_PLACE_MAX] = "nobody";

    if (owner != NULL)
        redis_url_describe_node(owner, place, sizeof place);
    assert_string_equal(place, expected);
}

static int forget(void **state)
{
    (void)state;
    memset(&map, 0, sizeof map);
    return 0;
}

/* ---- what servers answer ----------------------------------------------------------------------------------------- */

/* A Redis 7.0 with three masters, of which the first has a replica. */
#define ID         "$40\r\n0123456789012345678901234567890123456789\r\n"
#define NODE(port) "*4\r\n$9\r\n127.0.0.1\r\n:" port "\r\n" ID "*0\r\n"
#define THREE_NODES                      \
    "*3\r\n"                             \
    "*4\r\n:0\r\n:5460\r\n" NODE("7001") \
        NODE("7004") "*3\r\n:5461\r\n:10922\r\n" NODE("7002") "*3\r\n:10923\r\n:16383\r\n" NODE("7003")

static void every_slot_has_its_master(void **state)
{
    (void)state;
    take(THREE_NODES);
    assert_int_equal(map.count, 3);
    assert_owner(0, "127.0.0.1:7001");
    assert_owner(5460, "127.0.0.1:7001");
    assert_owner(5461, "127.0.0.1:7002");
    assert_owner(10922, "127.0.0.1:7002");
    assert_owner(10923, "127.0.0.1:7003");
    assert_owner(16383, "127.0.0.1:7003");
}

static void before_it_is_read_nobody_is_known(void **state)
{
    (void)state;
    assert_owner(0, "nobody");
    assert_owner(16383, "nobody");
}

static void a_master_of_several_ranges_is_one_node(void **state)
{
    (void)state;
    take("*3\r\n*3\r\n:0\r\n:9\r\n" NODE("1") "*3\r\n:10\r\n:10\r\n" NODE("2") "*3\r\n:11\r\n:20\r\n" NODE("1"));
    assert_int_equal(map.count, 2);
    assert_owner(9, "127.0.0.1:1");
    assert_owner(10, "127.0.0.1:2");
    assert_owner(11, "127.0.0.1:1");
    assert_owner(21, "nobody");
}

static void names_addresses_and_what_goes_without_saying_are_hosts(void **state)
{
    (void)state;
    take("*4\r\n"
         "*3\r\n:0\r\n:0\r\n*3\r\n$9\r\nredis-0.x\r\n:6379\r\n" ID "*3\r\n:1\r\n:1\r\n*3\r\n$3\r\n::1\r\n:6380\r\n" ID
         "*3\r\n:2\r\n:2\r\n*3\r\n$0\r\n\r\n:6381\r\n" ID "*3\r\n:3\r\n:3\r\n*2\r\n$-1\r\n:6382\r\n");
    assert_owner(0, "redis-0.x:6379");
    assert_owner(1, "[::1]:6380");
    assert_owner(2, "10.0.0.7:6381");
    assert_owner(3, "10.0.0.7:6382");
}

static void a_master_that_cannot_be_understood_is_left_out(void **state)
{
    (void)state;
    take("*5\r\n"
         "*3\r\n:0\r\n:0\r\n*2\r\n$1\r\n?\r\n:6379\r\n"
         "*3\r\n:1\r\n:1\r\n*2\r\n$1\r\na\r\n:0\r\n"
         "*3\r\n:2\r\n:2\r\n*2\r\n$1\r\na\r\n:65536\r\n"
         "*3\r\n:3\r\n:3\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n"
         "*3\r\n:4\r\n:4\r\n" NODE("5"));
    assert_int_equal(map.count, 1);
    for (unsigned slot = 0; slot < 4; slot++)
        assert_owner(slot, "nobody");
    assert_owner(4, "127.0.0.1:5");
}

static void what_is_read_replaces_what_was_known(void **state)
{
    (void)state;
    take(THREE_NODES);
    take("*1\r\n*3\r\n:5\r\n:6\r\n" NODE("9"));
    assert_int_equal(map.count, 1);
    assert_owner(4, "nobody");
    assert_owner(5, "127.0.0.1:9");
    take("*0\r\n");
    assert_int_equal(map.count, 0);
    assert_owner(5, "nobody");
}

/* ---- what is none ------------------------------------------------------------------------------------------------ */

static void an_answer_of_another_shape_changes_nothing(void **state)
{
    static const char *const answers[] = {
        "+OK\r\n",
        ":1\r\n",
        "$-1\r\n",
        "*1\r\n:1\r\n",
        "*1\r\n*0\r\n",
        "*1\r\n*2\r\n:0\r\n:1\r\n",
        "*1\r\n*3\r\n:0\r\n:1\r\n:2\r\n",
        "*1\r\n*3\r\n:0\r\n:1\r\n*1\r\n$1\r\na\r\n",
        "*1\r\n*3\r\n:0\r\n:16384\r\n" NODE("1"),
        "*1\r\n*3\r\n:-1\r\n:1\r\n" NODE("1"),
        "*1\r\n*3\r\n:2\r\n:1\r\n" NODE("1"),
        "*1\r\n*3\r\n$1\r\n0\r\n:1\r\n" NODE("1"),
        "*2\r\n*3\r\n:0\r\n:1\r\n" NODE("1") "*0\r\n",
    };

    (void)state;
    take(THREE_NODES);
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct error error = {.kind = ERROR_NONE};

        if (read_answer(answers[i], &error))
            fail_msg("understood: %s", answers[i]);
        assert_int_equal(error.kind, ERROR_TRANSIENT);
        assert_string_equal(error.reason, "protocol");
        assert_owner(0, "127.0.0.1:7001");
    }
}

/* An answer with so many masters of one slot each. */
static bool read_masters(unsigned masters, struct error *error)
{
    static char bytes[(CLUSTER_NODES_MAX + 2) * 64];
    size_t used = (size_t)snprintf(bytes, sizeof bytes, "*%u\r\n", masters);

    for (unsigned i = 0; i < masters; i++)
        used += (size_t)snprintf(bytes + used, sizeof bytes - used, "*3\r\n:%u\r\n:%u\r\n*2\r\n$1\r\na\r\n:%u\r\n", i,
                                 i, i + 1);
    assert_true(used < sizeof bytes);
    return read_answer(bytes, error);
}

static void more_masters_than_there_is_room_for_are_refused(void **state)
{
    struct error error = {.kind = ERROR_NONE};

    (void)state;
    assert_true(read_masters(CLUSTER_NODES_MAX, &error));
    assert_owner(CLUSTER_NODES_MAX - 1, "a:128");
    assert_false(read_masters(CLUSTER_NODES_MAX + 1, &error));
    assert_int_equal(error.kind, ERROR_FATAL);
    assert_string_equal(error.reason, "config");
    assert_owner(0, "nobody");
}

/* ---- what it learns later ---------------------------------------------------------------------------------------- */

static void a_slot_that_moved_has_another_owner(void **state)
{
    const struct redis_url_node known = {.host = "127.0.0.1", .port = "7002"};
    const struct redis_url_node unknown = {.host = "n9", .port = "1"};

    (void)state;
    take(THREE_NODES);
    assert_true(cluster_map_move(&map, 7, &known));
    assert_int_equal(map.count, 3);
    assert_true(cluster_map_move(&map, 8, &unknown));
    assert_int_equal(map.count, 4);
    assert_owner(6, "127.0.0.1:7001");
    assert_owner(7, "127.0.0.1:7002");
    assert_owner(8, "n9:1");
    assert_owner(9, "127.0.0.1:7001");
}

static void nothing_moves_to_a_node_without_room(void **state)
{
    const struct redis_url_node unknown = {.host = "n9", .port = "1"};
    const struct redis_url_node known = {.host = "a", .port = "2"};
    struct error error;

    (void)state;
    assert_true(read_masters(CLUSTER_NODES_MAX, &error));
    assert_false(cluster_map_move(&map, 0, &unknown));
    assert_owner(0, "a:1");
    assert_true(cluster_map_move(&map, 0, &known));
    assert_owner(0, "a:2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_slot_has_its_master, forget),
        cmocka_unit_test_setup(before_it_is_read_nobody_is_known, forget),
        cmocka_unit_test_setup(a_master_of_several_ranges_is_one_node, forget),
        cmocka_unit_test_setup(names_addresses_and_what_goes_without_saying_are_hosts, forget),
        cmocka_unit_test_setup(a_master_that_cannot_be_understood_is_left_out, forget),
        cmocka_unit_test_setup(what_is_read_replaces_what_was_known, forget),
        cmocka_unit_test_setup(an_answer_of_another_shape_changes_nothing, forget),
        cmocka_unit_test_setup(more_masters_than_there_is_room_for_are_refused, forget),
        cmocka_unit_test_setup(a_slot_that_moved_has_another_owner, forget),
        cmocka_unit_test_setup(nothing_moves_to_a_node_without_room, forget),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
