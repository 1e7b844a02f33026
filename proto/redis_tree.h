/* redis_tree: a visitor that builds a small answer as a tree in an arena. */
#ifndef TASKLEDGER_PROTO_REDIS_TREE_H
#define TASKLEDGER_PROTO_REDIS_TREE_H

#include "proto/arena.h"
#include "proto/redis.h"

#include <stddef.h>

enum { REDIS_TREE_BYTES_MAX = 16 * 1024 * 1024 }; /* larger answers are read in parts */

/* Zeroed but for the arena. Borrows it. */
struct redis_tree {
    struct arena *arena;
    struct reply root;
    struct reply *elements[REDIS_DEPTH_MAX]; /* of the array being filled, by depth */
    size_t bytes;                            /* taken from the arena */
};

/* Valid as long as the tree is. After a complete answer `root` is it. EMSGSIZE beyond REDIS_TREE_BYTES_MAX. */
struct redis_visitor redis_tree_visitor(struct redis_tree *tree);

#endif
