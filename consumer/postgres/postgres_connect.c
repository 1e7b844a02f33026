/* One address after the other, until one is open that can be written to. */
#include "consumer/postgres/postgres_line.h"
#include "consumer/postgres/sqlstate.h"
#include "proto/deadline.h"

#include <libpq-fe.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define PORT_DEFAULT "5432"

enum { KEYWORDS_MAX = 16 };

static void silence(void *self, const PGresult *notice)
{
    (void)self;
    (void)notice;
}

/* ---- one address ------------------------------------------------------------------------------------------------- */

struct keywords {
    const char *names[KEYWORDS_MAX];
    const char *values[KEYWORDS_MAX];
    int count;
};

/* libpq passes over an empty value. */
static void add(struct keywords *keywords, const char *name, const char *value)
{
    keywords->names[keywords->count] = name;
    keywords->values[keywords->count++] = value;
}

/* In libpq a later word outranks an earlier one: ours that the string may change, the string, ours that it may not. */
static struct keywords keywords_for(const struct postgres *postgres, const struct postgres_host *host)
{
    struct keywords keywords = {.count = 0};

    add(&keywords, "fallback_application_name", postgres->application_name);
    add(&keywords, "keepalives_idle", "15");
    add(&keywords, "keepalives_interval", "5");
    add(&keywords, "keepalives_count", "3");
    add(&keywords, "tcp_user_timeout", "10000");
    add(&keywords, "dbname", postgres->url_text);
    if (!postgres->read_only)
        add(&keywords, "target_session_attrs", "any"); /* see check_writable */
    if (postgres->url.count > 1) {
        add(&keywords, "host", host->name);
        add(&keywords, "port", host->port);
    }
    add(&keywords, "hostaddr", host->address);
    add(&keywords, "client_encoding", "UTF8");
    return keywords;
}

static void note_address(struct postgres *postgres)
{
    snprintf(postgres->address, sizeof postgres->address, "%s:%s/%s", PQhost(postgres->connection),
             PQport(postgres->connection), PQdb(postgres->connection));
}

static bool wait_for_handshake(struct postgres *postgres, int64_t deadline_us, struct error *error)
{
    PostgresPollingStatusType next = PGRES_POLLING_WRITING;

    while (next != PGRES_POLLING_OK) {
        if (next == PGRES_POLLING_FAILED || PQstatus(postgres->connection) == CONNECTION_BAD)
            return postgres_line_lost(postgres, error);
        if (!postgres_line_wait(postgres, next == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline_us, error))
            return false;
        next = PQconnectPoll(postgres->connection);
    }
    return true;
}

static bool is_on(const struct postgres *postgres, const char *parameter)
{
    const char *value = PQparameterStatus(postgres->connection, parameter);

    return value != NULL && strcmp(value, "on") == 0;
}

/* What libpq would do for target_session_attrs=read-write, but with a reason that is always the same. A pooler may not
 * tell: then the first statement will. */
static bool check_writable(struct postgres *postgres, struct error *error)
{
    bool standby = is_on(postgres, "in_hot_standby");

    if (postgres->read_only || (!standby && !is_on(postgres, "default_transaction_read_only")))
        return true;
    error_set(error, ERROR_TRANSIENT, sqlstate_read_only, "could not write to PostgreSQL at %s: %s", postgres->address,
              standby ? "it is a standby" : "default_transaction_read_only is on");
    postgres_close(postgres);
    return false;
}

static bool connect_to(struct postgres *postgres, const struct postgres_host *host, int64_t deadline_us,
                       struct error *error)
{
    struct keywords keywords = keywords_for(postgres, host);

    postgres->connection = PQconnectStartParams(keywords.names, keywords.values, 1);
    if (postgres->connection == NULL)
        return error_set(error, ERROR_TRANSIENT, "memory", "could not allocate a PostgreSQL connection");

    note_address(postgres);
    PQsetNoticeReceiver(postgres->connection, silence, NULL);
    PQsetErrorVerbosity(postgres->connection, PQERRORS_VERBOSE); /* see find_sqlstate in postgres_line.c */
    if (!wait_for_handshake(postgres, deadline_us, error))
        return false;

    PQsetnonblocking(postgres->connection, 1);
    note_address(postgres);
    return check_writable(postgres, error);
}

/* What all the servers said. One that may do later makes up for one that will not. */
static void note_refusal(struct error *all, const struct error *why)
{
    char text[ERROR_TEXT_MAX];
    const struct error *weightier = all->kind == ERROR_FATAL && why->kind == ERROR_TRANSIENT ? why : all;

    if (all->kind == ERROR_NONE) {
        *all = *why;
        return;
    }
    if (snprintf(text, sizeof text, "%s; %s", all->text, why->text) >= 0)
        error_set(all, weightier->kind, weightier->reason, "%s", text);
}

/* ---- names ------------------------------------------------------------------------------------------------------- */

/* libpq would look a name up without any deadline. A path is a Unix socket, and nothing at all is libpq's to fill
 * in. */
static bool needs_lookup(const struct postgres_host *host)
{
    return host->address[0] == '\0' && host->name[0] != '\0' && strchr("/@", host->name[0]) == NULL;
}

static bool look_up(struct postgres *postgres, const struct postgres_host *host, int64_t deadline_us,
                    struct addrinfo **addresses, struct error *error)
{
    const struct deadline deadline = {.clock = postgres->clock, .at_us = deadline_us};
    const char *port = host->port[0] == '\0' ? PORT_DEFAULT : host->port;

    return resolve_host(&postgres->resolve, host->name, port, &deadline, addresses, error) ||
           error_wrap(error, "could not talk to PostgreSQL at %s", host->name);
}

static int64_t share_us(const struct postgres *postgres, int64_t deadline_us, size_t shares)
{
    return clock_deadline_us(postgres->clock, clock_left_ms(postgres->clock, deadline_us) / (int64_t)shares);
}

static bool connect_to_any(struct postgres *postgres, struct postgres_host *host, const struct addrinfo *addresses,
                           int64_t deadline_us, struct error *error)
{
    struct error all = {.kind = ERROR_NONE, .reason = ""};
    size_t left = 0;

    for (const struct addrinfo *address = addresses; address != NULL; address = address->ai_next)
        left++;
    for (const struct addrinfo *address = addresses; address != NULL; address = address->ai_next, left--) {
        struct error why;

        if (getnameinfo(address->ai_addr, address->ai_addrlen, host->address, sizeof host->address, NULL, 0,
                        NI_NUMERICHOST) != 0)
            host->address[0] = '\0';
        if (connect_to(postgres, host, share_us(postgres, deadline_us, left), &why))
            return true;
        note_refusal(&all, &why);
    }
    *error = all;
    return false;
}

static bool connect_to_place(struct postgres *postgres, size_t index, int64_t deadline_us, struct error *error)
{
    struct postgres_host host = postgres_url_host(&postgres->url, index);
    struct addrinfo *addresses;

    if (!needs_lookup(&host))
        return connect_to(postgres, &host, deadline_us, error);
    if (!look_up(postgres, &host, deadline_us, &addresses, error))
        return false;
    bool connected = connect_to_any(postgres, &host, addresses, deadline_us, error);
    freeaddrinfo(addresses);
    return connected;
}

bool postgres_line_connect(struct postgres *postgres, struct error *error)
{
    int64_t deadline_us = clock_deadline_us(postgres->clock, postgres->connect_timeout_ms);
    struct error all = {.kind = ERROR_NONE, .reason = ""};

    for (size_t index = 0; index < postgres->url.count; index++) {
        int64_t share_end_us = share_us(postgres, deadline_us, postgres->url.count - index);
        struct error why;

        if (connect_to_place(postgres, index, share_end_us, &why))
            return true;
        note_refusal(&all, &why);
    }
    *error = all;
    if (postgres->url_text == NULL)
        error_set(error, all.kind, all.reason, "%s (DATABASE_URL is not set)", all.text);
    return false;
}
