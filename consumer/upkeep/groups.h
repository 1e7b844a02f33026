/* groups: who reads a stream, how far each has come, and what it keeps from being trimmed.
 *
 * A look at one key costs Redis three questions and three more for each group; the entries themselves are not read, but
 * for one that a group has not been given yet. */
#ifndef TASKLEDGER_CONSUMER_UPKEEP_GROUPS_H
#define TASKLEDGER_CONSUMER_UPKEEP_GROUPS_H

#include "proto/arena.h"
#include "proto/redis.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GROUPS_MAX = 64 /* that are looked at; Redis has no limit */ };

struct groups_row {
    struct slice name; /* as it is: any bytes */
    bool is_ours;
    int64_t consumers;
    int64_t pending;
    int64_t lag;        /* entries not given to it yet; an estimate unless 0 */
    int64_t oldest_ms;  /* the age of the oldest entry that it has not settled; -1: it has settled all */
    int64_t idle_ms;    /* since any consumer of it asked for something; -1: it has none */
    int64_t holds_back; /* entries that it has not settled and another group has, or that came behind such a one; an
                           estimate */
    int64_t settled;    /* entries of the stream, ever, before the first that it has not settled; an estimate */
};

struct groups {
    struct groups_row *rows; /* in the arena, as all that they hold */
    size_t count;
    size_t unseen; /* groups beyond GROUPS_MAX */
    int64_t length;
};

/* Look at `key` over `line`, which is connected and has nothing outstanding. A key that is not there has no groups. */
bool groups_look(struct groups *groups, struct redis *line, struct arena *arena, const char *key, const char *own,
                 struct error *error);

/* Entries that could be trimmed, as far as groups are concerned, if the group of this row were not there: an estimate.
 * 0 when no other is left, since nothing is trimmed then. */
int64_t groups_freed_without(const struct groups *groups, size_t row);

#endif
