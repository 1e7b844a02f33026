/* old_list: a list that others push to, and from which nothing may get lost.
 *
 * Three lists stand beside it, for a list LIST and an instance NAME:
 *
 *   LIST:taskledger-bridge:NAME      taken and not yet settled, the oldest last. An item comes there from LIST in one
 *                                    step, and goes when its event is safe; whoever dies in between finds it there again
 *   LIST:taskledger-bridge:rejected  what could not be understood; nobody takes it from there but people
 *   the one to forward to, if any    gets every item in the same step, for a reader that LIST had before; it has the
 *                                    ends that LIST has
 *
 * Scripts of Redis do it: a step is done whole or not at all, also where a right is missing or a key is no list. As long
 * as little is in hand it is done without memory too: else nobody could empty the list that fills it. Items are removed
 * by their content, so two of the same name do no more harm than to emit an item twice. All keys must be in one slot
 * where Redis is a cluster.
 *
 * Errors are those of proto/redis.h. */
#ifndef TASKLEDGER_PRODUCER_EMIT_BRIDGE_OLD_LIST_H
#define TASKLEDGER_PRODUCER_EMIT_BRIDGE_OLD_LIST_H

#include "proto/arena.h"
#include "proto/error.h"
#include "proto/redis.h"
#include "proto/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    OLD_LIST_ITEM_BYTES_MAX = 1024 * 1024, /* what is longer is rejected, and not even read */
    OLD_LIST_TAKE_MAX = 256,
    OLD_LIST_TAKE_BYTES = 4 * 1024 * 1024, /* of items at once, but for the last one */
    OLD_LIST_WAIT_MS = 1000,
};

struct old_list_options {
    struct redis_options redis;
    const char *list;
    const char *instance;
    const char *forward; /* NULL: nobody else reads */
    bool takes_left;     /* the reader pops from the left: workers RPUSH */
};

struct old_list {
    struct redis *redis; /* owned, like the texts */
    char *list;
    char *taken;
    char *rejected;
    char *forward;
    bool takes_left;
};

struct old_list_items {
    struct slice items[OLD_LIST_TAKE_MAX]; /* the oldest first; in the arena */
    size_t count;
    uint64_t moved;     /* items that were taken over just now */
    uint64_t rejected;  /* of all that were looked at, those that were too long */
    uint64_t unsettled; /* items that are in the list of our own, the ones above included */
    uint64_t left;      /* items that are still in LIST */
};

/* FATAL, "usage" when two of the lists are one, "config"; TRANSIENT, "memory". Copies what it needs. */
bool old_list_open(struct old_list *list, const struct old_list_options *options, struct error *error);
void old_list_close(struct old_list *list);

/* Take over what there is, and hand out at most `count` of the oldest unsettled items, 0 to OLD_LIST_TAKE_MAX. Without a
 * list to forward to no more is taken over than can be handed out. Connects. */
bool old_list_take(struct old_list *list, size_t count, struct arena *arena, struct old_list_items *items,
                   struct error *error);

/* The items are done with; those that `is_rejected` says are set aside. When it fails some may be settled. */
bool old_list_settle(struct old_list *list, const struct old_list_items *items, const bool *is_rejected, size_t count,
                     struct error *error);

/* Only hand on what there is to the list to forward to, and keep nothing; `*moved` are how many, 0: there are none. */
bool old_list_pass(struct old_list *list, uint64_t *moved, struct error *error);

/* Until LIST has an item, for OLD_LIST_WAIT_MS at most; TRANSIENT, "canceled" when the descriptor became readable that
 * wakes (redis.wake_descriptor). */
bool old_list_wait(struct old_list *list, struct error *error);

#endif
