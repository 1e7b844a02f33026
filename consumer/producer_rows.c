#include "consumer/producer_rows.h"

/* ---- what they say about themselves ----------------------------------------------------------------------------- */

/* Of several beginnings, which no honest producer has, the earliest counts; of several ends the last. */
#define OF_THE_EARLIEST(column) " (array_agg(" column " ORDER BY opened_at) FILTER (WHERE opened_at IS NOT NULL))[1],"
#define UNLESS_EARLIER(column)                                                                      \
    " " column " = CASE WHEN producer.opened_at IS NULL OR excluded.opened_at < producer.opened_at" \
    " THEN excluded." column " ELSE producer." column " END,"

/* clang-format off */
static const struct postgres_statement facts_statement = {
    "put_producers",
    "INSERT INTO taskledger.producer (producer_id, host, pid, worker, library_version, confirms, opened_at, closed_at,"
    " last_sequence)"
    " SELECT producer_id,"
    OF_THE_EARLIEST("host") OF_THE_EARLIEST("pid") OF_THE_EARLIEST("worker")
    OF_THE_EARLIEST("library_version") OF_THE_EARLIEST("confirms")
    " min(opened_at), max(closed_at), max(last_sequence)"
    " FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::bool[], $7::timestamptz[],"
    " $8::timestamptz[], $9::bigint[])"
    " AS new (producer_id, host, pid, worker, library_version, confirms, opened_at, closed_at, last_sequence)"
    " GROUP BY producer_id ORDER BY producer_id"
    " ON CONFLICT (producer_id) DO UPDATE SET"
    UNLESS_EARLIER("host") UNLESS_EARLIER("pid") UNLESS_EARLIER("worker") UNLESS_EARLIER("library_version")
    UNLESS_EARLIER("confirms") UNLESS_EARLIER("opened_at")
    " closed_at = greatest(producer.closed_at, excluded.closed_at),"
    " last_sequence = greatest(producer.last_sequence, excluded.last_sequence)"};
/* clang-format on */

void producer_rows_init(struct columns *columns)
{
    static const enum columns_type types[] = {COLUMNS_UUID,    COLUMNS_TEXT, COLUMNS_INT8, COLUMNS_TEXT, COLUMNS_TEXT,
                                              COLUMNS_BOOLEAN, COLUMNS_TIME, COLUMNS_TIME, COLUMNS_INT8, 0};

    columns_init(columns, &facts_statement, types);
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

/* ---- which numbers are held ------------------------------------------------------------------------------------- */

static const struct postgres_statement runs_statement = {
    "put_producer_runs", "INSERT INTO taskledger.producer_run (producer_id, first_sequence, last_sequence)"
                         " SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[])"};

void producer_runs_init(struct columns *columns)
{
    static const enum columns_type types[] = {COLUMNS_UUID, COLUMNS_INT8, COLUMNS_INT8, 0};

    columns_init(columns, &runs_statement, types);
}

struct run {
    struct uuid producer_id;
    uint64_t first;
    uint64_t last;
};

static void add_run(struct columns *columns, const struct run *run)
{
    binary_uuid(columns_next(columns), &run->producer_id);
    binary_int64(columns_next(columns), (int64_t)run->first);
    binary_int64(columns_next(columns), (int64_t)run->last);
}

static void add_dropped(struct columns *columns, const struct event *event)
{
    const struct run dropped = {
        .producer_id = event->producer_id,
        .first = event->producer_dropped.first_sequence,
        .last = event->producer_dropped.last_sequence,
    };

    if (event->body == EVENT_PRODUCER_DROPPED)
        add_run(columns, &dropped);
}

static bool continues(const struct run *run, const struct event *event)
{
    return event->sequence == run->last + 1 && uuid_compare(&event->producer_id, &run->producer_id) == 0;
}

static void add_stored(struct columns *columns, const struct intake *intake)
{
    struct run run = {.first = 0};

    for (size_t i = 0; i < intake->count; i++) {
        const struct event *event = &intake->sorted[i]->event;

        if (intake->sorted[i]->state != INTAKE_NEW)
            continue;
        add_dropped(columns, event);
        if (run.first > 0 && continues(&run, event)) {
            run.last = event->sequence;
            continue;
        }
        if (run.first > 0)
            add_run(columns, &run);
        run = (struct run){.producer_id = event->producer_id, .first = event->sequence, .last = event->sequence};
    }
    if (run.first > 0)
        add_run(columns, &run);
}

static void add_set_aside(struct columns *columns, const struct intake *intake)
{
    for (const struct intake_fault *fault = intake->faults; fault != NULL; fault = fault->next) {
        const struct run run = {.producer_id = fault->producer_id, .first = fault->sequence, .last = fault->sequence};
        if (fault->has_identity)
            add_run(columns, &run);
    }
}

/* A batch is small enough for one statement: at most two rows an entry, of 48 bytes. */
bool producer_runs_put(struct columns *columns, struct postgres *postgres, const struct intake *intake,
                       struct error *error)
{
    add_stored(columns, intake);
    add_set_aside(columns, intake);
    return !columns_full(columns) || columns_send(columns, postgres, error);
}
