/* limit_copy: what PostgreSQL takes at most, with nothing else in the way.
 *
 *     limit_copy [upsert=1] [batch=5000]
 *
 * Reads the whole stream of REDIS_URL and makes of each batch, before the clock starts, what will be sent: the rows of
 * task_event in COPY's binary form, in the order of their tasks, and the batch folded by task as arrays of columns. Then
 * sends it to the ledger of DATABASE_URL, a durable transaction a batch: BEGIN and COPY, then the upsert and COMMIT in
 * one round trip. The upsert is the plain one: it overwrites what the newer event says, and adds up the count.
 *
 *     upsert=0    the events alone: BEGIN, COPY, COMMIT
 *
 * No Redis, no duplicates, no bookkeeping, nothing that could be refused: what a consumer is compared with. Prints
 * "events N seconds S". */
#include "tests/bench/programs/arguments.h"
#include "tests/bench/programs/backlog.h"
#include "tests/bench/programs/moment.h"
#include "tests/bench/programs/prepared.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { PART_BYTES = 192 * 1024 };

#define COPY                                                                                                         \
    "BEGIN; COPY taskledger.task_event (producer_id, sequence, occurred_at, task_id, status, attempt, task_name,"    \
    " parent_task_id, queue, worker, step, progress, message, error_type, error_message, data, traceparent, stream," \
    " stream_ms, stream_seq, payload) FROM STDIN (FORMAT binary)"

#define TASK                                                                                                   \
    "task_id, status, attempt, step, progress, message, worker, queue, task_name, parent_task_id, error_type," \
    " error_message, data, first_at, queued_at, started_at, finished_at, occurred_at, producer_id, sequence,"  \
    " event_count"

#define UPSERT                                                                                                      \
    "INSERT INTO taskledger.task AS old (" TASK ")"                                                                 \
    " SELECT task_id, status::taskledger.task_status, attempt, step, progress, message, worker, queue, task_name,"  \
    " parent_task_id, error_type, error_message, data, first_at, queued_at, started_at, finished_at, occurred_at,"  \
    " producer_id, sequence, event_count"                                                                           \
    " FROM unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::float8[], $6::text[], $7::text[], $8::text[]," \
    " $9::text[], $10::text[], $11::text[], $12::text[], $13::jsonb[], $14::timestamptz[], $15::timestamptz[],"     \
    " $16::timestamptz[], $17::timestamptz[], $18::timestamptz[], $19::uuid[], $20::bigint[], $21::bigint[])"       \
    " AS new (" TASK ") ON CONFLICT (task_id) DO UPDATE SET status = excluded.status, attempt = excluded.attempt,"  \
    " step = excluded.step, progress = excluded.progress, message = excluded.message, worker = excluded.worker,"    \
    " queue = excluded.queue, task_name = excluded.task_name, parent_task_id = excluded.parent_task_id,"            \
    " error_type = excluded.error_type, error_message = excluded.error_message, data = excluded.data,"              \
    " queued_at = coalesce(old.queued_at, excluded.queued_at),"                                                     \
    " started_at = coalesce(old.started_at, excluded.started_at), finished_at = excluded.finished_at,"              \
    " occurred_at = excluded.occurred_at, producer_id = excluded.producer_id, sequence = excluded.sequence,"        \
    " event_count = old.event_count + excluded.event_count, updated_at = now()"                                     \
    " WHERE (excluded.attempt, excluded.occurred_at) >= (old.attempt, old.occurred_at)"

static void fail(const char *what) __attribute__((noreturn));

static void fail(const char *what)
{
    fprintf(stderr, "limit_copy: %s\n", what);
    exit(1); /* NOLINT(concurrency-mt-unsafe): no threads */
}

static void want(PGconn *line, ExecStatusType status)
{
    PGresult *result = PQgetResult(line);

    if (PQresultStatus(result) != status)
        fail(PQerrorMessage(line));
    PQclear(result);
}

/* Behind the results of one statement. */
static void want_end(PGconn *line)
{
    if (PQgetResult(line) != NULL)
        fail("more than was asked for");
}

static void copy(PGconn *line, const struct binary *rows)
{
    if (!PQsendQuery(line, COPY))
        fail(PQerrorMessage(line));
    want(line, PGRES_COMMAND_OK);
    want(line, PGRES_COPY_IN);
    for (size_t sent = 0; sent < rows->size; sent += PART_BYTES) {
        size_t left = rows->size - sent;
        if (PQputCopyData(line, (const char *)rows->data + sent, left < PART_BYTES ? (int)left : PART_BYTES) != 1)
            fail(PQerrorMessage(line));
    }
    if (PQputCopyEnd(line, NULL) != 1)
        fail(PQerrorMessage(line));
    want(line, PGRES_COMMAND_OK);
    want_end(line);
}

static void upsert_and_commit(PGconn *line, const struct binary *columns)
{
    const char *values[PREPARED_TASK_COLUMNS];
    int lengths[PREPARED_TASK_COLUMNS];
    int formats[PREPARED_TASK_COLUMNS];

    for (int i = 0; i < PREPARED_TASK_COLUMNS; i++) {
        values[i] = (const char *)columns[i].data;
        lengths[i] = (int)columns[i].size;
        formats[i] = 1;
    }
    if (!PQenterPipelineMode(line) ||
        !PQsendQueryPrepared(line, "upsert", PREPARED_TASK_COLUMNS, values, lengths, formats, 0) ||
        !PQsendQueryPrepared(line, "commit", 0, NULL, NULL, NULL, 0) || !PQpipelineSync(line))
        fail(PQerrorMessage(line));
    want(line, PGRES_COMMAND_OK);
    want_end(line);
    want(line, PGRES_COMMAND_OK);
    want_end(line);
    want(line, PGRES_PIPELINE_SYNC);
    if (!PQexitPipelineMode(line))
        fail(PQerrorMessage(line));
}

static void execute(PGconn *line, const char *sql)
{
    if (!PQsendQuery(line, sql))
        fail(PQerrorMessage(line));
    want(line, PGRES_COMMAND_OK);
    want_end(line);
}

static void send_all(PGconn *line, const struct prepared *batches, size_t count, bool upserts)
{
    for (size_t i = 0; i < count; i++) {
        copy(line, &batches[i].copy);
        if (upserts)
            upsert_and_commit(line, batches[i].columns);
        else
            execute(line, "COMMIT");
    }
}

static PGconn *open_line(void)
{
    PGconn *line = PQconnectdb(getenv("DATABASE_URL")); /* NOLINT(concurrency-mt-unsafe): no threads */

    if (PQstatus(line) != CONNECTION_OK || !PQsendPrepare(line, "upsert", UPSERT, 0, NULL))
        fail(PQerrorMessage(line));
    want(line, PGRES_COMMAND_OK);
    want_end(line);
    if (!PQsendPrepare(line, "commit", "COMMIT", 0, NULL))
        fail(PQerrorMessage(line));
    want(line, PGRES_COMMAND_OK);
    want_end(line);
    return line;
}

int main(int argc, char **argv)
{
    long upserts = 1;
    long batch = BACKLOG_BATCH_MAX;
    size_t count, events;
    const struct argument arguments[] = {{"upsert", &upserts}, {"batch", &batch}, {NULL, NULL}};

    arguments_read(argc, argv, arguments);
    if (batch < 1 || batch > BACKLOG_BATCH_MAX)
        fail("a batch has 1 to 5000 events");
    struct prepared *batches = prepared_read((size_t)batch, &count, &events);
    PGconn *line = open_line();
    int64_t begun_ns = now_ns();
    send_all(line, batches, count, upserts != 0);
    printf("events %zu seconds %.6f\n", events, seconds_since(begun_ns));
    PQfinish(line);
    prepared_free(batches, count);
    return 0;
}
