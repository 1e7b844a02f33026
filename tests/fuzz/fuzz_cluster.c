/* Whatever a server says about a cluster: who serves which slot, and where it sends us. The first byte tells which. */
#include "proto/cluster_key.h"
#include "proto/cluster_map.h"
#include "proto/cluster_redirect.h"
#include "tests/support/answer_bytes.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WORDS_MAX = 32 };

static const struct redis_url_node asked = {.host = "asked", .port = "6379"};

static bool is_terminated(const char *text, size_t size)
{
    return memchr(text, '\0', size) != NULL;
}

static void check_node(const struct redis_url_node *node)
{
    assert(is_terminated(node->host, sizeof node->host) && is_terminated(node->port, sizeof node->port));
    assert(node->host[0] != '\0' && atoi(node->port) >= 1 && atoi(node->port) <= 65535);
}

static void check_map(const struct cluster_map *map)
{
    assert(map->count <= CLUSTER_NODES_MAX);
    for (size_t i = 0; i < map->count; i++)
        check_node(&map->nodes[i]);
    for (unsigned slot = 0; slot < CLUSTER_SLOTS; slot++) {
        const struct redis_url_node *owner = cluster_map_owner(map, slot);

        assert(owner == NULL || (owner >= map->nodes && owner < map->nodes + map->count));
    }
}

static void read_map(struct slice bytes)
{
    static struct cluster_map map;
    struct arena arena;
    struct reply reply;
    struct error error = {.kind = ERROR_NONE};

    memset(&map, 0, sizeof map);
    arena_init(&arena, 0);
    if (answer_bytes_read(bytes, &arena, &reply) && !cluster_map_read(&map, &reply, &asked, &error))
        assert(map.count == 0 && error.kind != ERROR_NONE);
    check_map(&map);
    arena_close(&arena);
}

static void read_redirect(struct slice bytes)
{
    struct cluster_redirect redirect;

    if (!cluster_redirect_read(bytes, &asked, &redirect))
        return;
    assert(redirect.kind == CLUSTER_MOVED || redirect.kind == CLUSTER_ASK);
    assert(redirect.slot < CLUSTER_SLOTS);
    check_node(&redirect.node);
}

/* Words between spaces: a key is one of them. */
static void find_key(struct slice bytes)
{
    struct slice words[WORDS_MAX];
    struct slice key;
    size_t count = 0;

    for (size_t from = 0, i = 0; i <= bytes.size && count < WORDS_MAX; i++)
        if (i == bytes.size || bytes.data[i] == ' ') {
            words[count++] = slice_of(bytes.data + from, i - from);
            from = i + 1;
        }
    if (!cluster_key(words, count, &key))
        return;
    assert(key.data >= bytes.data && key.data + key.size <= bytes.data + bytes.size);
    assert(cluster_slot(key) < CLUSTER_SLOTS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const reads[])(struct slice bytes) = {read_map, read_redirect, find_key};

    if (size >= 2)
        reads[data[0] % 3](slice_of(data + 1, size - 1));
    return 0;
}
