/* verify --quick: the number of events of each task. */
#include "replay/verify/verify.h"

#include <inttypes.h>

/* Tasks whose row does not count as many events as there are, of the indexes alone; a server with little memory sorts
 * on its disk. */
#define IN_PART "($2::int8 = 1 OR CASE " PART_OF_TASK " % $2::int8 WHEN $1::int8 - 1 THEN true END)"

static const struct postgres_statement differing_statement = {
    "replay_counts", "WITH there AS (SELECT task_id, count(*) AS events FROM taskledger.task_event"
                     "  WHERE task_id IS NOT NULL AND " IN_PART " GROUP BY task_id"
                     "  UNION ALL SELECT task_id, event_count FROM taskledger.task_base WHERE " IN_PART ")"
                     " SELECT task_id, told.event_count, there.events"
                     " FROM (SELECT task_id, event_count FROM taskledger.task WHERE " IN_PART ") AS told"
                     " FULL JOIN (SELECT task_id, sum(events)::int8 AS events FROM there GROUP BY task_id) AS there"
                     "  USING (task_id)"
                     " WHERE told.event_count IS DISTINCT FROM there.events ORDER BY task_id"};

static const struct postgres_statement tasks_statement = {"replay_task_count",
                                                          "SELECT count(*) FROM taskledger.task WHERE " IN_PART};

static bool visit(void *self, const struct postgres_row *row, struct error *error)
{
    struct verify *verify = self;
    struct finding finding = {.kind = VERDICT_PROJECTION, .column = slice_from_text("event_count")};
    struct slice told = {.data = NULL}, there = {.data = NULL};

    (void)error;
    postgres_row_value(row, 0, &finding.task_id);
    bool has_row = postgres_row_value(row, 1, &told), has_events = postgres_row_value(row, 2, &there);
    if (has_row && has_events) {
        verify_report_add(&verify->report, &finding, "the row tells of %" PRId64 " events; there are %" PRId64,
                          postgres_read_int64(told), postgres_read_int64(there));
        return true;
    }
    finding.kind = has_row ? VERDICT_ORPHAN_ROW : VERDICT_MISSING_ROW;
    finding.column = (struct slice){.data = NULL};
    verify->totals.tasks += !has_row;
    verify_report_add(&verify->report, &finding,
                      has_row ? "there is a row, and no event" : "there are events, and no row");
    return true;
}

bool verify_counts(struct verify *verify, struct error *error)
{
    struct postgres *postgres = verify->ledger.main;
    const struct postgres_parameter *part = verify->part.parameters;
    AUTO_POSTGRES_RESULT result = NULL;
    struct slice count;

    verify_tell(verify, "counts", 0, 0);
    if (!postgres_query(postgres, &tasks_statement, part, PART_PARAMETERS, &result, error))
        return false;
    if (postgres_value(result, 0, 0, &count))
        verify->totals.tasks = (uint64_t)postgres_read_int64(count);
    return postgres_stream(postgres, &differing_statement, part, PART_PARAMETERS, visit, verify, error);
}
