/* groups_view: the groups of all shards, looked at once, and printed. */
#ifndef TASKLEDGER_CONSUMER_STREAM_GROUPS_VIEW_H
#define TASKLEDGER_CONSUMER_STREAM_GROUPS_VIEW_H

#include "consumer/stream/keys.h"
#include "consumer/upkeep/groups.h"
#include "proto/arena.h"
#include "proto/error.h"

#include <stdbool.h>
#include <stdio.h>

struct groups_view {
    struct keys keys;
    struct groups *shards; /* one for each; owned */
    struct arena arena;    /* what they hold */
};

/* FATAL, "memory". */
bool groups_view_init(struct groups_view *view, const char *stream, unsigned shards, struct error *error);
void groups_view_close(struct groups_view *view);

/* Look at all shards over `line`, which is connected. */
bool groups_view_look(struct groups_view *view, struct redis *line, const char *own, struct error *error);

/* Aligned, for people. */
void groups_view_print_table(struct groups_view *view, FILE *out);

/* {"groups":[...]}; TRANSIENT, "memory". */
bool groups_view_print_json(const struct groups_view *view, FILE *out, struct error *error);

#endif
