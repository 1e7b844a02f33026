#include "consumer/ledger/producer_rows.h"

/* Of several beginnings, which no honest producer has, the earliest counts; of several ends the last. */
#define OF_THE_EARLIEST(column) " (array_agg(" column " ORDER BY opened_at) FILTER (WHERE opened_at IS NOT NULL))[1],"
#define UNLESS_EARLIER(column)                                                                      \
    " " column " = CASE WHEN producer.opened_at IS NULL OR excluded.opened_at < producer.opened_at" \
    " THEN excluded." column " ELSE producer." column " END,"

/* Of those that may still say something a sweep finds what is missing, see consumer/recovery/gaps.h. Of an older one
 * this may be its last word: the end of a spool that was found late. */
#define IS_TOO_OLD_FOR_THE_SWEEP "producer_id < taskledger.first_uuid(now() - interval '7 days')"

/* clang-format off */
static const struct postgres_statement statement = {
    "put_producers",
    "INSERT INTO taskledger.producer (producer_id, host, pid, worker, library_version, confirms, opened_at, closed_at,"
    " last_sequence, gap_since)"
    " SELECT producer_id,"
    OF_THE_EARLIEST("host") OF_THE_EARLIEST("pid") OF_THE_EARLIEST("worker")
    OF_THE_EARLIEST("library_version") OF_THE_EARLIEST("confirms")
    " min(opened_at), max(closed_at), max(last_sequence),"
    " CASE WHEN max(last_sequence) > 0 AND " IS_TOO_OLD_FOR_THE_SWEEP " THEN now() END"
    " FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::bool[], $7::timestamptz[],"
    " $8::timestamptz[], $9::bigint[])"
    " AS new (producer_id, host, pid, worker, library_version, confirms, opened_at, closed_at, last_sequence)"
    " GROUP BY producer_id ORDER BY producer_id"
    " ON CONFLICT (producer_id) DO UPDATE SET"
    UNLESS_EARLIER("host") UNLESS_EARLIER("pid") UNLESS_EARLIER("worker") UNLESS_EARLIER("library_version")
    UNLESS_EARLIER("confirms") UNLESS_EARLIER("opened_at")
    " closed_at = greatest(producer.closed_at, excluded.closed_at),"
    " last_sequence = greatest(producer.last_sequence, excluded.last_sequence),"
    " gap_since = CASE WHEN excluded.last_sequence > producer.archived_sequence"
    " THEN coalesce(producer.gap_since, excluded.gap_since) ELSE producer.gap_since END"};
/* clang-format on */

void producer_rows_init(struct columns *columns)
{
    static const enum columns_type types[] = {COLUMNS_UUID,    COLUMNS_TEXT, COLUMNS_INT8, COLUMNS_TEXT, COLUMNS_TEXT,
                                              COLUMNS_BOOLEAN, COLUMNS_TIME, COLUMNS_TIME, COLUMNS_INT8, 0};

    columns_init(columns, &statement, types);
}

static void add_opened(struct columns *columns, const struct event *event)
{
    const struct producer_opened *opened = &event->producer_opened;

    binary_uuid(columns_next(columns), &event->producer_id);
    binary_text(columns_next(columns), opened->host);
    binary_int64(columns_next(columns), opened->pid);
    binary_text(columns_next(columns), opened->worker);
    binary_text(columns_next(columns), opened->library_version);
    binary_boolean(columns_next(columns), opened->confirms);
    binary_time_us(columns_next(columns), event->occurred_at_us);
    binary_null(columns_next(columns));
    binary_null(columns_next(columns));
}

static void add_end(struct columns *columns, const struct uuid *producer_id, int64_t at_us, uint64_t last_sequence)
{
    enum { OPENED_COLUMNS = 6 };

    binary_uuid(columns_next(columns), producer_id);
    for (int i = 0; i < OPENED_COLUMNS; i++)
        binary_null(columns_next(columns));
    binary_time_us(columns_next(columns), at_us);
    binary_int64(columns_next(columns), (int64_t)last_sequence);
}

static void add_fact(struct columns *columns, const struct event *event)
{
    switch (event->body) {
    case EVENT_PRODUCER_OPENED:
        add_opened(columns, event);
        break;
    case EVENT_PRODUCER_CLOSED:
        add_end(columns, &event->producer_id, event->occurred_at_us, event->producer_closed.last_sequence);
        break;
    case EVENT_PRODUCER_ADOPTED:
        add_end(columns, &event->producer_adopted.producer_id, event->occurred_at_us,
                event->producer_adopted.last_sequence);
        break;
    case EVENT_TASK_STATUS:
    case EVENT_PRODUCER_DROPPED:
        break;
    }
}

bool producer_rows_put(struct columns *columns, struct postgres *postgres, const struct intake *intake,
                       struct error *error)
{
    for (size_t i = 0; i < intake->count; i++) {
        if (intake->sorted[i]->state != INTAKE_NEW)
            continue;
        add_fact(columns, &intake->sorted[i]->event);
        if (columns_full(columns) && !columns_send(columns, postgres, error))
            return false;
    }
    return true;
}
