#include "proto/cluster_map.h"

#include "proto/decimal.h"

#include <assert.h>
#include <string.h>

static_assert(CLUSTER_NODES_MAX <= UINT8_MAX, "a place in the map is one byte");

/* ---- nodes ------------------------------------------------------------------------------------------------------- */

/* Its place, from 1 on; 0: there is no room for it. */
static uint8_t place_of(struct cluster_map *map, const struct redis_url_node *node)
{
    for (size_t i = 0; i < map->count; i++)
        if (redis_url_same_node(&map->nodes[i], node))
            return (uint8_t)(i + 1);
    if (map->count == CLUSTER_NODES_MAX)
        return 0;
    map->nodes[map->count++] = *node;
    return (uint8_t)map->count;
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

enum { ROW_FIRST, ROW_LAST, ROW_MASTER, ROW_ELEMENTS_MIN };
enum { NODE_HOST, NODE_PORT, NODE_ELEMENTS_MIN };

static bool is_slot(const struct reply *reply)
{
    return reply->type == REPLY_INTEGER && reply->integer >= 0 && reply->integer < CLUSTER_SLOTS;
}

static bool is_row(const struct reply *row)
{
    const struct reply *elements = row->elements;

    return row->type == REPLY_ARRAY && row->count >= ROW_ELEMENTS_MIN && is_slot(&elements[ROW_FIRST]) &&
           is_slot(&elements[ROW_LAST]) && elements[ROW_FIRST].integer <= elements[ROW_LAST].integer &&
           elements[ROW_MASTER].type == REPLY_ARRAY && elements[ROW_MASTER].count >= NODE_ELEMENTS_MIN;
}

static bool are_rows(const struct reply *reply)
{
    if (reply->type != REPLY_ARRAY)
        return false;
    for (size_t i = 0; i < reply->count; i++)
        if (!is_row(&reply->elements[i]))
            return false;
    return true;
}

/* The host that a node is told by; empty where it goes without saying. */
static bool read_host(const struct reply *told, struct slice *host)
{
    *host = told->type == REPLY_STRING ? told->text : (struct slice){0};
    return told->type == REPLY_STRING || told->type == REPLY_NIL;
}

static bool read_node(const struct reply *told, const struct redis_url_node *asked, struct redis_url_node *node)
{
    const struct reply *port = &told->elements[NODE_PORT];
    char digits[DECIMAL_BYTES_MAX];
    struct slice host;
    struct error ignored;

    if (!read_host(&told->elements[NODE_HOST], &host) || port->type != REPLY_INTEGER || port->integer < 0)
        return false;
    if (host.size == 0)
        host = slice_from_text(asked->host);
    struct slice port_text = slice_of(digits, decimal_write((uint64_t)port->integer, digits));
    return redis_url_read_node(host, port_text, node, &ignored);
}

static bool take_row(struct cluster_map *map, const struct reply *row, const struct redis_url_node *asked)
{
    size_t first = (size_t)row->elements[ROW_FIRST].integer;
    size_t last = (size_t)row->elements[ROW_LAST].integer;
    struct redis_url_node node;

    if (!read_node(&row->elements[ROW_MASTER], asked, &node))
        return true;
    uint8_t place = place_of(map, &node);
    memset(map->owners + first, place, last - first + 1);
    return place > 0;
}

/* ---- the map ----------------------------------------------------------------------------------------------------- */

static void forget(struct cluster_map *map)
{
    map->count = 0;
    memset(map->owners, 0, sizeof map->owners);
}

bool cluster_map_read(struct cluster_map *map, const struct reply *reply, const struct redis_url_node *asked,
                      struct error *error)
{
    if (!are_rows(reply))
        return error_set(error, ERROR_TRANSIENT, "protocol", "could not understand who serves which slot");
    forget(map);
    for (size_t i = 0; i < reply->count; i++)
        if (!take_row(map, &reply->elements[i], asked)) {
            forget(map);
            return error_set(error, ERROR_FATAL, "config", "cannot use a cluster of more than %d masters",
                             CLUSTER_NODES_MAX);
        }
    return true;
}

size_t cluster_map_slots(const struct cluster_map *map)
{
    size_t owned = 0;

    for (size_t slot = 0; slot < CLUSTER_SLOTS; slot++)
        owned += map->owners[slot] != 0;
    return owned;
}

bool cluster_map_renew(struct cluster_map *map, const struct cluster_map *told)
{
    uint8_t places[CLUSTER_NODES_MAX + 1] = {0};

    for (size_t i = 0; i < told->count; i++) {
        places[i + 1] = place_of(map, &told->nodes[i]);
        if (places[i + 1] == 0)
            return false;
    }
    for (size_t slot = 0; slot < CLUSTER_SLOTS; slot++)
        map->owners[slot] = places[told->owners[slot]];
    return true;
}

const struct redis_url_node *cluster_map_owner(const struct cluster_map *map, unsigned slot)
{
    assert(slot < CLUSTER_SLOTS);
    return map->owners[slot] == 0 ? NULL : &map->nodes[map->owners[slot] - 1];
}

bool cluster_map_move(struct cluster_map *map, unsigned slot, const struct redis_url_node *node)
{
    assert(slot < CLUSTER_SLOTS);
    uint8_t place = place_of(map, node);

    if (place > 0)
        map->owners[slot] = place;
    return place > 0;
}
