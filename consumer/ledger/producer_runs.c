#include "consumer/ledger/producer_runs.h"

static const struct postgres_statement statement = {
    "put_producer_runs", "INSERT INTO taskledger.producer_run (producer_id, first_sequence, last_sequence)"
                         " SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[])"};

void producer_runs_init(struct columns *columns)
{
    static const enum columns_type types[] = {COLUMNS_UUID, COLUMNS_INT8, COLUMNS_INT8, 0};

    columns_init(columns, &statement, types);
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

        if (intake->sorted[i]->state != INTAKE_NEW && intake->sorted[i]->state != INTAKE_LATE)
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
