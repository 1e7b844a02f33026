#include "tests/support/fake_postgres.h"

#include "consumer/postgres/sqlstate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { COPY_BYTES_MAX = 256 * 1024, COPY_HEADER_BYTES = 19, ARRAY_HEADER_BYTES = 20, EVENT_COLUMNS = 21 };

struct fake_postgres fake_postgres;

enum state { CLOSED, IDLE, IN_TRANSACTION, IN_COPY };

/* In the order in which a transaction may touch them. */
enum table { NOTHING, EVENTS, TASKS, PRODUCERS, RUNS, REJECTED, LOST, SUSPECTS, END };

static struct postgres {
    enum state state;
    struct fake_ledger draft;
    struct fake_ledger savepoint;
    enum table touched;
    uint8_t copied[COPY_BYTES_MAX];
    size_t copied_bytes;
} session;

/* An answer of the look-up. */
struct postgres_result {
    size_t rows;
    uint8_t ordinal[FAKE_LEDGER_ROWS_MAX][4];
    uint8_t same[FAKE_LEDGER_ROWS_MAX];
};

struct postgres *fake_postgres_reset(void)
{
    memset(&fake_postgres, 0, sizeof fake_postgres);
    memset(&session, 0, sizeof session);
    return &session;
}

/* ---- faults ------------------------------------------------------------------------------------------------------ */

enum step { GOES, FAILS, FAILS_AFTER };

static enum step step(void)
{
    if (++fake_postgres.calls != fake_postgres.fails_at)
        return GOES;
    return fake_postgres.fault == FAKE_LOST_AFTER ? FAILS_AFTER : FAILS;
}

static bool break_off(struct error *error)
{
    if (fake_postgres.fault == FAKE_REFUSED && session.state != CLOSED) {
        session.state = IDLE;
        return error_set(error, ERROR_TRANSIENT, "deadlock", "could not: deadlock detected");
    }
    session.state = CLOSED;
    return error_set(error, ERROR_TRANSIENT, "connection", "could not: the connection is gone");
}

static bool refuse(const char *sqlstate, struct error *error)
{
    struct sqlstate_meaning meaning = sqlstate_meaning(sqlstate);

    session.state = IDLE;
    return error_set(error, meaning.kind, meaning.reason, "refused: %s", sqlstate);
}

/* ---- binary values ----------------------------------------------------------------------------------------------- */

struct cursor {
    const uint8_t *at;
    const uint8_t *end;
};

static uint64_t number(struct slice bytes)
{
    uint64_t value = 0;

    for (size_t i = 0; i < bytes.size; i++)
        value = value << 8 | bytes.data[i];
    return value;
}

static struct slice take(struct cursor *cursor, size_t size)
{
    assert_true((size_t)(cursor->end - cursor->at) >= size);
    struct slice bytes = slice_of(cursor->at, size);
    cursor->at += size;
    return bytes;
}

/* A length and so many bytes; none for NULL. */
static struct slice take_cell(struct cursor *cursor)
{
    int32_t size = (int32_t)(uint32_t)number(take(cursor, 4));

    return size < 0 ? (struct slice){0} : take(cursor, (size_t)size);
}

static size_t array_rows(const struct postgres_parameter *array)
{
    return (size_t)number(slice_of(array->value.data + 12, 4));
}

static struct slice array_cell(const struct postgres_parameter *array, size_t row)
{
    struct cursor cursor = {array->value.data + ARRAY_HEADER_BYTES, array->value.data + array->value.size};
    struct slice cell = {0};

    for (size_t i = 0; i <= row; i++)
        cell = take_cell(&cursor);
    return cell;
}

/* ---- tables ------------------------------------------------------------------------------------------------------ */

static bool insert_event(const struct slice cells[EVENT_COLUMNS], struct error *error)
{
    const char *refused = fake_postgres.refused_task;
    uint64_t sequence = number(cells[1]);

    if (fake_postgres.refuses_all || (refused != NULL && slice_equal(cells[3], slice_from_text(refused))))
        return refuse("22P05", error);
    if (fake_ledger_event(&session.draft, cells[0], sequence) != NULL)
        return refuse("23505", error);
    fake_ledger_add_event(&session.draft, cells[0], sequence, cells[EVENT_COLUMNS - 1]);
    return true;
}

static void put_task(const struct postgres_parameter *parameters, size_t row)
{
    fake_ledger_add_task(&session.draft, array_cell(&parameters[0], row), number(array_cell(&parameters[20], row)));
}

/* The row of `producer` is not kept: nothing in it is counted. */
static void put_producer(const struct postgres_parameter *parameters, size_t row)
{
    assert_int_equal(array_cell(&parameters[0], row).size, UUID_BYTES);
}

static void put_run(const struct postgres_parameter *parameters, size_t row)
{
    fake_ledger_add_run(&session.draft, array_cell(&parameters[0], row), number(array_cell(&parameters[1], row)),
                        number(array_cell(&parameters[2], row)));
}

static void put_rejected(const struct postgres_parameter *parameters, size_t row)
{
    fake_ledger_add_rejected(&session.draft, array_cell(&parameters[4], row));
}

static void put_lost(const struct postgres_parameter *parameters, size_t row)
{
    fake_ledger_add_lost(&session.draft, array_cell(&parameters[1], row));
}

static void drop_tried(const struct postgres_parameter *parameters, size_t row)
{
    fake_ledger_add_tried(&session.draft, array_cell(&parameters[1], row));
}

/* ---- statements -------------------------------------------------------------------------------------------------- */

static void begin(void)
{
    assert_int_equal(session.state, IDLE);
    session.state = IN_TRANSACTION;
    session.draft = fake_postgres.ledger;
    session.touched = NOTHING;
}

static void touch(enum table table)
{
    assert_int_equal(session.state, IN_TRANSACTION);
    assert_true(table >= session.touched);
    session.touched = table;
}

static void commit(void)
{
    touch(END);
    fake_postgres.ledger = session.draft;
    session.state = IDLE;
}

static struct postgres_result *look_up(const struct postgres_parameter *parameters)
{
    struct postgres_result *result = calloc(1, sizeof *result);

    assert_non_null(result);
    assert_int_equal(session.state, IDLE);
    for (size_t row = 0; row < array_rows(&parameters[0]); row++) {
        const struct fake_event *event = fake_ledger_event(&fake_postgres.ledger, array_cell(&parameters[0], row),
                                                           number(array_cell(&parameters[1], row)));
        if (event == NULL)
            continue;
        result->ordinal[result->rows][3] = (uint8_t)row;
        result->same[result->rows++] =
            memcmp(event->digest.bytes, array_cell(&parameters[2], row).data, DIGEST_BYTES) == 0;
    }
    return result;
}

static const struct {
    const char *name;
    enum table table;
    void (*put)(const struct postgres_parameter *parameters, size_t row);
} inserts[] = {
    {"put_tasks", TASKS, put_task},       {"put_producers", PRODUCERS, put_producer},
    {"put_producer_runs", RUNS, put_run}, {"put_rejected", REJECTED, put_rejected},
    {"put_lost", LOST, put_lost},         {"suspects_drop", SUSPECTS, drop_tried},
};

static void run(const struct postgres_statement *statement, const struct postgres_parameter *parameters)
{
    if (strcmp(statement->name, "begin") == 0) {
        begin();
        return;
    }
    if (strcmp(statement->name, "commit") == 0) {
        commit();
        return;
    }
    if (strcmp(statement->name, "retell") == 0)
        return; /* all its producers live */
    for (size_t i = 0; i < sizeof inserts / sizeof *inserts; i++) {
        if (strcmp(statement->name, inserts[i].name) != 0)
            continue;
        touch(inserts[i].table);
        for (size_t row = 0; row < array_rows(&parameters[0]); row++)
            inserts[i].put(parameters, row);
        return;
    }
    fail_msg("a statement that nobody foresaw: %s", statement->name);
}

/* ---- consumer/postgres/postgres.h -------------------------------------------------------------------------------- */

bool postgres_open(struct postgres *postgres, struct error *error)
{
    if (postgres->state != CLOSED) {
        assert_int_equal(postgres->state, IDLE);
        return true;
    }
    if (step() != GOES)
        return break_off(error);
    postgres->state = IDLE;
    return true;
}

void postgres_close(struct postgres *postgres)
{
    postgres->state = CLOSED;
}

bool postgres_query(struct postgres *postgres, const struct postgres_statement *statement,
                    const struct postgres_parameter *parameters, size_t count, struct postgres_result **result,
                    struct error *error)
{
    enum step now = step();

    (void)postgres;
    (void)count;
    if (now == FAILS)
        return break_off(error);
    if (result == NULL)
        run(statement, parameters);
    if (now == FAILS_AFTER)
        return break_off(error);
    if (result != NULL)
        *result = look_up(parameters);
    return true;
}

bool postgres_pipeline(struct postgres *postgres, const struct postgres_request *requests, size_t count,
                       struct error *error)
{
    enum step now = step();

    assert_int_equal(postgres->state, IN_TRANSACTION);
    assert_true(count > 0);
    if (now == FAILS)
        return break_off(error);
    for (size_t i = 0; i < count; i++)
        run(requests[i].statement, requests[i].parameters);
    return now == GOES || break_off(error);
}

bool postgres_execute(struct postgres *postgres, const char *sql, struct error *error)
{
    enum step now = step();

    assert_int_equal(postgres->state, IN_TRANSACTION);
    assert_string_equal(sql, "ROLLBACK TO SAVEPOINT trial");
    if (now == FAILS)
        return break_off(error);
    postgres->draft = postgres->savepoint;
    postgres->touched = NOTHING;
    return now == GOES || break_off(error);
}

bool postgres_copy_begin(struct postgres *postgres, const char *sql, struct error *error)
{
    enum step now = step();

    assert_int_equal(strncmp(sql, "BEGIN; ", strlen("BEGIN; ")), 0);
    assert_non_null(strstr(sql, "COPY taskledger.task_event"));
    if (now == FAILS)
        return break_off(error);
    begin();
    touch(EVENTS);
    postgres->savepoint = postgres->draft;
    postgres->copied_bytes = 0;
    postgres->state = IN_COPY;
    fake_postgres.copies++;
    return now == GOES || break_off(error);
}

bool postgres_copy_put(struct postgres *postgres, struct slice bytes, struct error *error)
{
    assert_int_equal(postgres->state, IN_COPY);
    if (step() != GOES)
        return break_off(error);
    assert_true(bytes.size <= COPY_BYTES_MAX - postgres->copied_bytes);
    memcpy(postgres->copied + postgres->copied_bytes, bytes.data, bytes.size);
    postgres->copied_bytes += bytes.size;
    return true;
}

static bool store_copied(struct postgres *postgres, struct error *error)
{
    struct cursor cursor = {postgres->copied + COPY_HEADER_BYTES, postgres->copied + postgres->copied_bytes};

    for (uint64_t columns = number(take(&cursor, 2)); columns != UINT16_MAX; columns = number(take(&cursor, 2))) {
        struct slice cells[EVENT_COLUMNS];

        assert_int_equal(columns, EVENT_COLUMNS);
        for (size_t i = 0; i < EVENT_COLUMNS; i++)
            cells[i] = take_cell(&cursor);
        if (!insert_event(cells, error))
            return false;
    }
    assert_ptr_equal(cursor.at, cursor.end);
    return true;
}

bool postgres_copy_end(struct postgres *postgres, struct error *error)
{
    enum step now = step();

    assert_int_equal(postgres->state, IN_COPY);
    if (now == FAILS)
        return break_off(error);
    if (fake_postgres.races > 0) {
        fake_postgres.races--;
        return refuse("23505", error);
    }
    if (!store_copied(postgres, error))
        return false;
    postgres->state = IN_TRANSACTION;
    return now == GOES || break_off(error);
}

size_t postgres_rows(const struct postgres_result *result)
{
    return result->rows;
}

bool postgres_value(const struct postgres_result *result, size_t row, size_t column, struct slice *value)
{
    assert_true(row < result->rows && column < 2);
    *value = column == 0 ? slice_of(result->ordinal[row], 4) : slice_of(&result->same[row], 1);
    return true;
}

void postgres_result_free(struct postgres_result *result)
{
    free(result);
}

int32_t postgres_read_int32(struct slice value)
{
    return (int32_t)(uint32_t)number(value);
}

bool postgres_read_boolean(struct slice value)
{
    return number(value) != 0;
}
