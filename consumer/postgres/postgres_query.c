/* Statements, prepared on first use, and what comes back. */
#include "consumer/postgres/postgres_line.h"

#include "consumer/postgres/sqlstate.h"

#include <assert.h>
#include <libpq-fe.h>
#include <poll.h>
#include <string.h>

/* A postgres_result is a PGresult under our name. */
static struct postgres_result *ours(PGresult *result)
{
    return (struct postgres_result *)result;
}

/* ---- sending ----------------------------------------------------------------------------------------------------- */

struct arguments {
    const char *values[POSTGRES_PARAMETERS_MAX];
    int lengths[POSTGRES_PARAMETERS_MAX];
    int formats[POSTGRES_PARAMETERS_MAX];
    int count;
};

static void arguments_of(struct arguments *arguments, const struct postgres_parameter *parameters, size_t count)
{
    assert(count <= POSTGRES_PARAMETERS_MAX);
    arguments->count = (int)count;
    for (size_t i = 0; i < count; i++) {
        const struct postgres_parameter *parameter = &parameters[i];
        const char *bytes = parameter->value.size == 0 ? "" : (const char *)parameter->value.data;

        assert(parameter->value.size <= INT32_MAX);
        arguments->values[i] = parameter->is_null ? NULL : bytes;
        arguments->lengths[i] = (int)parameter->value.size;
        arguments->formats[i] = 1;
    }
}

static bool is_prepared(const struct postgres *postgres, const struct postgres_statement *statement)
{
    for (size_t i = 0; i < postgres->prepared_count; i++) {
        if (postgres->prepared[i] == statement)
            return true;
    }
    return false;
}

static void note_prepared(struct postgres *postgres, const struct postgres_statement *statement)
{
    assert(postgres->prepared_count < POSTGRES_STATEMENTS_MAX);
    postgres->prepared[postgres->prepared_count++] = statement;
}

enum { UNSENT_BYTES_MAX = 8 * 1024 };

/* The first request of a statement in a session brings its preparation along. */
struct command {
    const struct postgres_statement *statement;
    const struct postgres_request *request; /* NULL: prepare the statement */
};

struct plan {
    struct command commands[2 * POSTGRES_REQUESTS_MAX];
    size_t count;
};

static bool is_planned(const struct plan *plan, const struct postgres_statement *statement)
{
    for (size_t i = 0; i < plan->count; i++) {
        if (plan->commands[i].statement == statement)
            return true;
    }
    return false;
}

static void make_plan(const struct postgres *postgres, const struct postgres_request *requests, size_t count,
                      struct plan *plan)
{
    assert(count <= POSTGRES_REQUESTS_MAX);
    plan->count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct postgres_statement *statement = requests[i].statement;
        if (!is_prepared(postgres, statement) && !is_planned(plan, statement))
            plan->commands[plan->count++] = (struct command){.statement = statement};
        plan->commands[plan->count++] = (struct command){.statement = statement, .request = &requests[i]};
    }
}

/* Into libpq's buffer; what that takes of it at least is added to `*bytes`. */
static bool put_command(struct postgres *postgres, const struct command *command, size_t *bytes, struct error *error)
{
    PGconn *connection = postgres->connection;
    const struct postgres_statement *statement = command->statement;
    const struct postgres_request *request = command->request;
    struct arguments arguments;
    int put;

    if (request == NULL) {
        put = PQsendPrepare(connection, statement->name, statement->sql, 0, NULL);
    } else {
        arguments_of(&arguments, request->parameters, request->count);
        put = PQsendQueryPrepared(connection, statement->name, arguments.count, arguments.values, arguments.lengths,
                                  arguments.formats, 1);
    }
    for (size_t i = 0; request != NULL && i < request->count; i++)
        *bytes += request->parameters[i].value.size;
    return put == 1 || postgres_line_lost(postgres, error);
}

/* What is small goes at once: the server wakes once for it. What is large goes bit by bit, so that it need not be in
 * memory twice, and the server works meanwhile. */
static bool send_plan(struct postgres *postgres, const struct plan *plan, struct error *error)
{
    size_t unsent = 0;

    if (PQenterPipelineMode(postgres->connection) == 0)
        return postgres_line_lost(postgres, error);
    for (size_t i = 0; i < plan->count; i++) {
        if (!put_command(postgres, &plan->commands[i], &unsent, error))
            return false;
        if (unsent >= UNSENT_BYTES_MAX) {
            unsent = 0;
            if (!postgres_line_flush(postgres, error))
                return false;
        }
    }
    if (PQpipelineSync(postgres->connection) == 0)
        return postgres_line_lost(postgres, error);
    return postgres_line_flush(postgres, error);
}

/* ---- receiving --------------------------------------------------------------------------------------------------- */

/* The one result of a command, and the NULL behind it. */
static bool receive_command(struct postgres *postgres, PGresult **result, struct error *error)
{
    PGresult *end = NULL;

    if (!postgres_line_result(postgres, result, error))
        return false;
    if (*result == NULL)
        return postgres_line_lost(postgres, error);
    if (postgres_line_result(postgres, &end, error) && end == NULL)
        return true;

    PQclear(end);
    PQclear(*result);
    *result = NULL;
    return postgres->connection == NULL ? false : postgres_line_lost(postgres, error);
}

/* A COMMIT of a transaction that had failed is answered by ROLLBACK, not by an error. */
static bool is_commit_undone(const struct command *command, PGresult *result)
{
    return command->request != NULL && strcmp(command->statement->sql, "COMMIT") == 0 &&
           strcmp(PQcmdStatus(result), "COMMIT") != 0;
}

/* What one command's result says; the first refusal is kept in `why`. */
static void judge(struct postgres *postgres, const struct command *command, PGresult *result, struct error *why)
{
    ExecStatusType status = PQresultStatus(result);

    if (status == PGRES_PIPELINE_ABORTED || why->kind != ERROR_NONE)
        return;
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        postgres_line_refused(result, why);
    else if (is_commit_undone(command, result))
        error_set(why, ERROR_TRANSIENT, "transaction", "could not commit: the transaction had failed before");
    else if (command->request == NULL)
        note_prepared(postgres, command->statement);
}

static bool receive_plan(struct postgres *postgres, const struct plan *plan, struct error *why, struct error *error)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct command *command = &plan->commands[i];
        PGresult *result;

        if (!receive_command(postgres, &result, error))
            return false;
        judge(postgres, command, result, why);
        if (command->request != NULL && command->request->result != NULL)
            *command->request->result = ours(result);
        else
            PQclear(result);
    }
    return true;
}

static bool receive_sync(struct postgres *postgres, struct error *error)
{
    PGresult *sync = NULL;

    if (!postgres_line_result(postgres, &sync, error))
        return false;
    bool good = sync != NULL && PQresultStatus(sync) == PGRES_PIPELINE_SYNC;
    PQclear(sync);
    return (good && PQexitPipelineMode(postgres->connection) == 1) || postgres_line_lost(postgres, error);
}

static void forget_results(const struct postgres_request *requests, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (requests[i].result != NULL) {
            postgres_result_free(*requests[i].result);
            *requests[i].result = NULL;
        }
    }
}

bool postgres_pipeline(struct postgres *postgres, const struct postgres_request *requests, size_t count,
                       struct error *error)
{
    struct error why = {.kind = ERROR_NONE};
    struct plan plan;

    for (size_t i = 0; i < count; i++) {
        if (requests[i].result != NULL)
            *requests[i].result = NULL;
    }
    if (!postgres_line_ready(postgres, error))
        return false;

    make_plan(postgres, requests, count, &plan);
    if (!send_plan(postgres, &plan, error) || !postgres_line_await(postgres, error) ||
        !receive_plan(postgres, &plan, &why, error) || !receive_sync(postgres, error)) {
        forget_results(requests, count);
        return false;
    }
    if (why.kind == ERROR_NONE)
        return true;

    forget_results(requests, count);
    *error = why;
    return postgres_line_recover(postgres, error);
}

bool postgres_query(struct postgres *postgres, const struct postgres_statement *statement,
                    const struct postgres_parameter *parameters, size_t count, struct postgres_result **result,
                    struct error *error)
{
    const struct postgres_request request = {
        .statement = statement, .parameters = parameters, .count = count, .result = result};

    return postgres_pipeline(postgres, &request, 1, error);
}

/* ---- without preparation ----------------------------------------------------------------------------------------- */

static bool send_text(struct postgres *postgres, const char *sql, struct error *error)
{
    if (!postgres_line_ready(postgres, error))
        return false;
    if (PQsendQuery(postgres->connection, sql) == 0)
        return postgres_line_lost(postgres, error);
    return postgres_line_flush(postgres, error);
}

/* What the server says to a text; its rows are thrown away. */
static bool receive_verdict(struct postgres *postgres, struct error *error)
{
    struct error why = {.kind = ERROR_NONE};
    PGresult *result = NULL;

    do {
        PQclear(result);
        if (!postgres_line_result(postgres, &result, error))
            return false;
        if (result != NULL && PQresultStatus(result) == PGRES_FATAL_ERROR)
            postgres_line_refused(result, &why);
    } while (result != NULL);

    if (why.kind == ERROR_NONE)
        return true;
    *error = why;
    return postgres_line_recover(postgres, error);
}

bool postgres_execute(struct postgres *postgres, const char *sql, struct error *error)
{
    return send_text(postgres, sql, error) && receive_verdict(postgres, error);
}

bool postgres_probe(struct postgres *postgres, int timeout_ms, struct error *error)
{
    int64_t deadline_us = clock_deadline_us(postgres->clock, timeout_ms);

    return send_text(postgres, "", error) && postgres_line_wait(postgres, POLLIN, deadline_us, error) &&
           receive_verdict(postgres, error);
}

/* The rows of a result that streams in: each comes alone, the end is a result without rows. */
static bool visit_rows(struct postgres *postgres, postgres_row_visitor *visit, void *self, struct error *why,
                       struct error *error)
{
    for (;;) {
        struct postgres_row row;
        PGresult *result;
        bool good = true;

        if (!postgres_line_result(postgres, &result, error))
            return false;
        if (result == NULL)
            return true;

        ExecStatusType status = PQresultStatus(result);
        row.result = result;
        if (status == PGRES_SINGLE_TUPLE)
            good = visit(self, &row, error);
        else if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
            postgres_line_refused(result, why);
        PQclear(result);
        if (!good) {
            postgres_close(postgres); /* the surest way to end what the server is doing */
            return false;
        }
    }
}

/* A pipeline of one: only there does libpq forget, behind it, that rows come one by one. Without one the first
 * statement of the next pipeline would get its rows like that too. */
static bool send_stream(struct postgres *postgres, const struct postgres_statement *statement,
                        const struct arguments *arguments, struct error *error)
{
    PGconn *connection = postgres->connection;

    if (PQenterPipelineMode(connection) == 0 ||
        PQsendQueryParams(connection, statement->sql, arguments->count, NULL, arguments->values, arguments->lengths,
                          arguments->formats, 1) == 0 ||
        PQsetSingleRowMode(connection) == 0 || PQpipelineSync(connection) == 0)
        return postgres_line_lost(postgres, error);
    return postgres_line_flush(postgres, error);
}

bool postgres_stream(struct postgres *postgres, const struct postgres_statement *statement,
                     const struct postgres_parameter *parameters, size_t count, postgres_row_visitor *visit, void *self,
                     struct error *error)
{
    struct error why = {.kind = ERROR_NONE};
    struct arguments arguments;

    if (!postgres_line_ready(postgres, error))
        return false;
    arguments_of(&arguments, parameters, count);
    if (!send_stream(postgres, statement, &arguments, error) || !visit_rows(postgres, visit, self, &why, error) ||
        !receive_sync(postgres, error))
        return false;
    if (why.kind == ERROR_NONE)
        return true;
    *error = why;
    return postgres_line_recover(postgres, error);
}

bool postgres_row_value(const struct postgres_row *row, size_t column, struct slice *value)
{
    if (row->result != NULL)
        return postgres_value((const struct postgres_result *)row->result, 0, column, value);
    assert(column < row->count);
    if (row->values[column].data == NULL)
        return false;
    *value = row->values[column];
    return true;
}
