/* task_filter: which tasks are asked for.
 *
 * Each condition names a column of `task` and a value: values of one column are alternatives, conditions on several
 * columns must all hold, as journalctl has it. An empty value stands for a column that is not given. All of it reaches
 * the server as parameters of one statement; a column without a condition is NULL there. */
#ifndef TASKLEDGER_REPLAY_HISTORY_TASK_FILTER_H
#define TASKLEDGER_REPLAY_HISTORY_TASK_FILTER_H

#include "consumer/ledger/columns.h"
#include "consumer/postgres/postgres.h"
#include "proto/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TASK_FILTER_FIELDS = 12, TASK_FILTER_PARAMETERS = TASK_FILTER_FIELDS + 2 };

/* The condition, of parameters $1 ... $14, on the columns of taskledger.task. */
#define TASK_FILTER_CONDITION                                                  \
    "($1::text[] IS NULL OR task_id = ANY ($1))"                               \
    " AND ($2::text[] IS NULL OR status = ANY ($2::taskledger.task_status[]))" \
    " AND ($3::text[] IS NULL OR attempt = ANY ($3::int[]))"                   \
    " AND ($4::text[] IS NULL OR coalesce(step, '') = ANY ($4))"               \
    " AND ($5::text[] IS NULL OR coalesce(worker, '') = ANY ($5))"             \
    " AND ($6::text[] IS NULL OR coalesce(queue, '') = ANY ($6))"              \
    " AND ($7::text[] IS NULL OR coalesce(task_name, '') = ANY ($7))"          \
    " AND ($8::text[] IS NULL OR coalesce(parent_task_id, '') = ANY ($8))"     \
    " AND ($9::text[] IS NULL OR coalesce(message, '') = ANY ($9))"            \
    " AND ($10::text[] IS NULL OR coalesce(error_type, '') = ANY ($10))"       \
    " AND ($11::text[] IS NULL OR coalesce(error_message, '') = ANY ($11))"    \
    " AND ($12::text[] IS NULL OR producer_id = ANY ($12::uuid[]))"            \
    " AND ($13::timestamptz IS NULL OR occurred_at >= $13)"                    \
    " AND ($14::timestamptz IS NULL OR occurred_at < $14)"

struct task_filter {
    struct columns values[TASK_FILTER_FIELDS]; /* the alternatives of each column */
    struct binary since, until;                /* empty: any time */
};

void task_filter_init(struct task_filter *filter);
void task_filter_close(struct task_filter *filter);

/* One more alternative. FATAL, "usage", when there is no such column, with the nearest, or the value cannot be one of
 * its. */
bool task_filter_add(struct task_filter *filter, struct slice field, struct slice value, struct error *error);

/* The same from "FIELD=VALUE". */
bool task_filter_add_words(struct task_filter *filter, const char *words, struct error *error);

/* From the first moment, before the second, Unix microseconds; INT64_MIN and INT64_MAX: any. */
void task_filter_between(struct task_filter *filter, int64_t since_us, int64_t until_us);

/* Borrowed from the filter. FATAL, "memory". */
bool task_filter_finish(struct task_filter *filter, struct postgres_parameter parameters[TASK_FILTER_PARAMETERS],
                        struct error *error);

#endif
