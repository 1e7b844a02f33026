/* group_fixture: a source over the Redis in memory, with a slot that gives what the test says. */
#ifndef TASKLEDGER_TESTS_SUPPORT_GROUP_FIXTURE_H
#define TASKLEDGER_TESTS_SUPPORT_GROUP_FIXTURE_H

#include "consumer/stream/group.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct group_fixture {
    struct group *group;
    struct source source;
    struct group_name name; /* that the slot gives */
    bool away;              /* the slot gives none */
    int64_t now_us;         /* of a clock of its own, that goes on a little whenever it is looked at */
    struct batch batch;     /* the last one read */
    struct error error;
};

/* For cmocka; `*state` becomes a struct group_fixture over an empty server. */
int group_fixture_set_up(void **state);
int group_fixture_set_up_three_shards(void **state);
int group_fixture_set_up_small_batches(void **state); /* of 9 entries; three shards */
int group_fixture_set_up_lanes(void **state);         /* three shards, each with a line of its own */
int group_fixture_set_up_lanes_in_false_time(void **state);
int group_fixture_tear_down(void **state);

/* Read into `batch`. */
bool group_fixture_read(struct group_fixture *fixture);

/* Read, or fail the test; the number of entries. */
size_t group_fixture_must_read(struct group_fixture *fixture);

/* Read ahead as long as there is something, as it is done while PostgreSQL is awaited. */
void group_fixture_read_ahead(struct group_fixture *fixture);

/* Settle what was read last. */
void group_fixture_must_settle(struct group_fixture *fixture);

bool group_fixture_ended(struct group_fixture *fixture);

#endif
