/* part: the first of seven parts of a ledger, so that seven nights look at all of it.
 *
 * Producers and tasks are dealt out by what never changes: a producer by the last four bytes of its identity, which are
 * random; a task by PostgreSQL's own hash of its name, the one by which it would deal rows out to partitions. So each
 * part has the same ones in every run, and each producer and task is in exactly one. */
#ifndef TASKLEDGER_REPLAY_VERIFY_PART_H
#define TASKLEDGER_REPLAY_VERIFY_PART_H

#include "consumer/postgres/postgres.h"
#include "proto/error.h"
#include "proto/uuid.h"

#include <stdbool.h>
#include <stdint.h>

enum { PART_COUNT_MAX = 10000, PART_PARAMETERS = 2, PART_TEXT_BYTES = 16 };

/* What rows are dealt out by: a row is in the part when this, modulo the count, is the number less one. To be asked in
 * a CASE, which the planner takes for half of the rows: of a bare comparison it expects so few that it would rather
 * sort all rows for every page of them. */
#define PART_OF_PRODUCER "('x' || right(producer_id::text, 8))::bit(32)::int8"
#define PART_OF_TASK     "(hashtextextended(task_id, 0) & 9223372036854775807)"

/* WITH part: the producers of the part ($1 of $2) that have events, in order; found by leaping through the index from
 * each to the next, so that nothing else is read. */
#define PART_WITH_PRODUCERS                                                                                \
    "WITH RECURSIVE leap AS ((SELECT producer_id FROM taskledger.task_event ORDER BY producer_id LIMIT 1)" \
    " UNION ALL SELECT (SELECT e.producer_id FROM taskledger.task_event AS e"                              \
    "  WHERE e.producer_id > leap.producer_id ORDER BY e.producer_id LIMIT 1)"                             \
    " FROM leap WHERE leap.producer_id IS NOT NULL),"                                                      \
    " part AS (SELECT producer_id FROM leap"                                                               \
    "  WHERE producer_id IS NOT NULL AND CASE " PART_OF_PRODUCER " % $2::int8 WHEN $1::int8 - 1 THEN true END)"

/* Not to be copied: its parameters lead into it. */
struct part {
    uint64_t number; /* from 1 */
    uint64_t count;  /* 1: it is all */
    struct postgres_parameter parameters[PART_PARAMETERS];

    /* Its own. */
    uint8_t numbers[PART_PARAMETERS][sizeof(int64_t)];
};

/* 1 <= number <= count <= PART_COUNT_MAX. */
void part_set(struct part *part, uint64_t number, uint64_t count);

/* "3/7". NULL: all. FATAL, "usage". */
bool part_parse(const char *text, struct part *part, struct error *error);

bool part_is_all(const struct part *part);

/* The same as the server would say by PART_OF_PRODUCER. */
bool part_has(const struct part *part, const struct uuid *producer_id);

#endif
