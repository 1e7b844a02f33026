#include "consumer/postgres/postgres_line.h"

#include "consumer/postgres/sqlstate.h"

#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <string.h>

enum { GRACE_MS = 1000, NO_TIMEOUT_MS = INT32_MAX, RESULT_PATIENCE = 10, OTHERS_MAX = 64 };

static int64_t earlier(int64_t a_us, int64_t b_us)
{
    return a_us < b_us ? a_us : b_us;
}

static int64_t deadline_of(const struct postgres *postgres, int times)
{
    int64_t timeout_ms = postgres->statement_timeout_ms < 0 ? NO_TIMEOUT_MS : postgres->statement_timeout_ms;

    return earlier(clock_deadline_us(postgres->clock, times * (timeout_ms + GRACE_MS)), postgres->open_by_us);
}

int64_t postgres_line_deadline(const struct postgres *postgres)
{
    return deadline_of(postgres, 1);
}

bool postgres_line_ready(const struct postgres *postgres, struct error *error)
{
    if (postgres->connection == NULL)
        return error_set(error, ERROR_TRANSIENT, "connection", "could not use PostgreSQL at %s: not connected",
                         postgres->address);
    return true;
}

static bool timed_out(struct postgres *postgres, struct error *error)
{
    postgres_close(postgres);
    return error_set(error, ERROR_TRANSIENT, "timeout", "could not get an answer from PostgreSQL at %s in time",
                     postgres->address);
}

static bool wait_for(struct postgres *postgres, struct pollfd *sockets, nfds_t count, int64_t deadline_us,
                     struct error *error)
{
    for (;;) {
        int left_ms = clock_left_ms(postgres->clock, deadline_us);
        int ready = poll(sockets, count, left_ms);

        if (ready >= 0 && left_ms == 0)
            return timed_out(postgres, error);
        if (ready > 0)
            return true;
        if (ready < 0 && errno != EINTR) {
            error_set_errno(error, ERROR_TRANSIENT, "connection", "could not wait for PostgreSQL at %s",
                            postgres->address);
            postgres_close(postgres);
            return false;
        }
    }
}

bool postgres_line_wait(struct postgres *postgres, short events, int64_t deadline_us, struct error *error)
{
    struct pollfd socket = {.fd = PQsocket(postgres->connection), .events = events};

    return wait_for(postgres, &socket, 1, deadline_us, error);
}

/* Behind our own socket, what others await; how many there are then. */
static nfds_t list_sockets(const struct postgres *postgres, struct pollfd sockets[1 + OTHERS_MAX])
{
    const struct postgres_meanwhile *others = &postgres->meanwhile;
    int descriptors[OTHERS_MAX];
    size_t count = others->work == NULL ? 0 : others->descriptors(others->self, descriptors, OTHERS_MAX);

    sockets[0] = (struct pollfd){.fd = PQsocket(postgres->connection), .events = POLLIN};
    for (size_t i = 0; i < count; i++)
        sockets[1 + i] = (struct pollfd){.fd = descriptors[i], .events = POLLIN};
    return 1 + count;
}

/* What others did may have taken until after the deadline: the server's word counts that is there. */
bool postgres_line_await(struct postgres *postgres, struct error *error)
{
    const struct postgres_meanwhile *others = &postgres->meanwhile;
    struct pollfd sockets[1 + OTHERS_MAX];
    int64_t deadline_us = postgres_line_deadline(postgres);

    while (PQisBusy(postgres->connection)) {
        bool has_more = others->work != NULL && others->work(others->self);

        if (postgres_line_readable(postgres))
            break;
        if (!has_more && !wait_for(postgres, sockets, list_sockets(postgres, sockets), deadline_us, error))
            return false;
    }
    return true;
}

/* The five characters behind "FATAL:  " when libpq is told to be verbose: there is no other way to a SQLSTATE of a
 * connection that failed. The severity may be in any language, so the shape is looked for. */
static const char *find_sqlstate(const char *text)
{
    for (const char *c = text; (c = strstr(c, ":  ")) != NULL; c++) {
        const char *code = c + 3;
        if (strspn(code, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == SQLSTATE_LENGTH && code[SQLSTATE_LENGTH] == ':')
            return code;
    }
    return NULL;
}

static bool refused_connection(const struct postgres *postgres, const char *code, struct error *error)
{
    struct sqlstate_meaning meaning = sqlstate_meaning(code);
    const char *message = code + SQLSTATE_LENGTH + 2;

    return error_set(error, meaning.kind, meaning.reason, "PostgreSQL at %s refused: %.*s (%.5s)", postgres->address,
                     (int)strcspn(message, "\n"), message, code);
}

bool postgres_line_lost(struct postgres *postgres, struct error *error)
{
    const char *text = PQerrorMessage(postgres->connection);
    const char *code = find_sqlstate(text);
    const char *reason = text[0] == '\0' ? "libpq gives no reason" : text;

    if (code != NULL)
        refused_connection(postgres, code, error);
    else
        error_set(error, ERROR_TRANSIENT, "connection", "could not talk to PostgreSQL at %s: %.*s", postgres->address,
                  (int)strcspn(reason, "\n"), reason);
    postgres_close(postgres);
    return false;
}

bool postgres_line_readable(const struct postgres *postgres)
{
    struct pollfd socket = {.fd = PQsocket(postgres->connection), .events = POLLIN};

    return poll(&socket, 1, 0) > 0;
}

bool postgres_line_flush(struct postgres *postgres, struct error *error)
{
    int64_t deadline_us = postgres_line_deadline(postgres);
    int unsent;

    while ((unsent = PQflush(postgres->connection)) > 0) {
        if (!postgres_line_wait(postgres, POLLIN | POLLOUT, deadline_us, error))
            return false;
        if (postgres->copying && postgres_line_readable(postgres))
            postgres->spoken_to = true;
        if (PQconsumeInput(postgres->connection) == 0)
            return postgres_line_lost(postgres, error);
    }
    return unsent == 0 || postgres_line_lost(postgres, error);
}

bool postgres_line_result(struct postgres *postgres, struct pg_result **result, struct error *error)
{
    int64_t end_us = deadline_of(postgres, RESULT_PATIENCE);

    while (PQisBusy(postgres->connection)) {
        if (!postgres_line_wait(postgres, POLLIN, earlier(postgres_line_deadline(postgres), end_us), error))
            return false;
        if (PQconsumeInput(postgres->connection) == 0)
            return postgres_line_lost(postgres, error);
    }
    *result = PQgetResult(postgres->connection);
    return true;
}

bool postgres_line_refused(const struct pg_result *result, struct error *error)
{
    const char *code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    /* libpq's own: the line broke in the middle of an answer. */
    if (code == NULL || message == NULL)
        return error_set(error, ERROR_TRANSIENT, "connection", "PostgreSQL gave no answer: %.*s",
                         (int)strcspn(PQresultErrorMessage(result), "\n"), PQresultErrorMessage(result));

    struct sqlstate_meaning meaning = sqlstate_meaning(code);
    return error_set(error, meaning.kind, meaning.reason, "PostgreSQL refused: %s (%s)", message, code);
}

/* Only what rolls back may be asked of a session in a failed transaction. */
static bool roll_back(struct postgres *postgres)
{
    struct error ignored;
    struct pg_result *result = NULL;

    if (PQsendQuery(postgres->connection, "ROLLBACK") == 0 || !postgres_line_flush(postgres, &ignored))
        return false;
    do {
        PQclear(result);
        if (!postgres_line_result(postgres, &result, &ignored))
            return false;
    } while (result != NULL);
    return PQtransactionStatus(postgres->connection) == PQTRANS_IDLE;
}

bool postgres_line_recover(struct postgres *postgres, const struct error *error)
{
    if (postgres->connection == NULL)
        return false;

    PGTransactionStatusType status = PQtransactionStatus(postgres->connection);
    bool in_transaction = status == PQTRANS_INERROR || status == PQTRANS_INTRANS;

    /* A transaction in which the failed statement had no part goes on for nobody. */
    bool clean = status == PQTRANS_IDLE || (in_transaction && roll_back(postgres));
    bool elsewhere = error->reason == sqlstate_read_only;
    if (!clean || elsewhere || error->reason == sqlstate_statement_lost)
        postgres_close(postgres);
    return false;
}
