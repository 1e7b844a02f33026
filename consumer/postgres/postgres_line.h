/* postgres_line: what the postgres files share: waiting for the server with a deadline, and cleaning up after a
 * failure.
 *
 * Every wait starts anew when the server has said something, so a deadline bounds silence, not work; the server's own
 * statement_timeout bounds work. A server may be no server: all that makes a session ours has one deadline, and no
 * result may take more than ten waits. */
#ifndef TASKLEDGER_CONSUMER_POSTGRES_POSTGRES_LINE_H
#define TASKLEDGER_CONSUMER_POSTGRES_POSTGRES_LINE_H

#include "consumer/postgres/postgres.h"
#include "consumer/postgres/postgres_url.h"
#include "proto/resolve.h"

struct pg_conn; /* libpq's PGconn and PGresult */
struct pg_result;

enum { POSTGRES_STATEMENTS_MAX = 64, POSTGRES_ADDRESS_MAX = 512 };

struct postgres {
    char *url_text; /* owned; NULL: none */
    char *application_name;
    struct postgres_url url;
    int connect_timeout_ms;
    int statement_timeout_ms; /* negative: none */
    bool read_only;
    int64_t open_by_us; /* until when the session has to be ours; INT64_MAX once it is */
    const struct clock *clock;
    struct resolve resolve;

    struct pg_conn *connection; /* NULL: closed */
    uint64_t sessions;          /* opened so far */
    char address[POSTGRES_ADDRESS_MAX];

    const struct postgres_statement *prepared[POSTGRES_STATEMENTS_MAX]; /* in this session */
    size_t prepared_count;
    bool copying;
    bool spoken_to; /* while copying */
    struct postgres_meanwhile meanwhile;
};

/* A row that is visited: of a result, or the values of a COPY; NULL is a slice without data. */
struct postgres_row {
    const struct pg_result *result; /* NULL: of a COPY */
    size_t count;
    struct slice values[POSTGRES_COPY_COLUMNS_MAX];
};

/* Connect to the first server that will do; nothing is set up in the session yet. In
 * consumer/postgres/postgres_connect.c. */
bool postgres_line_connect(struct postgres *postgres, struct error *error);

/* When silence has lasted too long. */
int64_t postgres_line_deadline(const struct postgres *postgres);

/* True when the socket is ready for one of the poll events; TRANSIENT, "timeout", and closed, when the deadline had
 * passed, even if something is there: a server that gushes never lets anybody wait. */
bool postgres_line_wait(struct postgres *postgres, short events, int64_t deadline_us, struct error *error);

/* Has the server something to say? */
bool postgres_line_readable(const struct postgres *postgres);

/* Send what is buffered, reading meanwhile, since the server may have to get rid of an answer before it reads on. */
bool postgres_line_flush(struct postgres *postgres, struct error *error);

/* Wait until the server has something to say. Meanwhile others work. */
bool postgres_line_await(struct postgres *postgres, struct error *error);

/* The next result; NULL at the end of a command. */
bool postgres_line_result(struct postgres *postgres, struct pg_result **result, struct error *error);

/* Fill `error` from a failed result. Returns false. */
bool postgres_line_refused(const struct pg_result *result, struct error *error);

/* Fill `error` from the connection itself, then close. Returns false. */
bool postgres_line_lost(struct postgres *postgres, struct error *error);

/* After a refusal whose results have all been read: roll back, or close when the session is in doubt. Leaves `error` as
 * it is. Returns false. */
bool postgres_line_recover(struct postgres *postgres, const struct error *error);

/* Fail unless open. */
bool postgres_line_ready(const struct postgres *postgres, struct error *error);

/* Refuse a pooler that gives each transaction another server session: locks, settings and prepared statements would be
 * somebody else's. In consumer/postgres/postgres_pooler.c. */
bool postgres_line_refuse_pooler(struct postgres *postgres, struct error *error);

#endif
