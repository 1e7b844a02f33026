#include "tests/bench/guard/willing_postgres.h"

bool postgres_open(struct postgres *postgres, struct error *error)
{
    (void)postgres;
    (void)error;
    return true;
}

void postgres_close(struct postgres *postgres)
{
    (void)postgres;
}

bool postgres_query(struct postgres *postgres, const struct postgres_statement *statement,
                    const struct postgres_parameter *parameters, size_t count, struct postgres_result **result,
                    struct error *error)
{
    (void)postgres;
    (void)statement;
    (void)parameters;
    (void)count;
    return result == NULL || error_set(error, ERROR_FATAL, "answer", "nothing is kept here");
}

bool postgres_pipeline(struct postgres *postgres, const struct postgres_request *requests, size_t count,
                       struct error *error)
{
    (void)postgres;
    (void)requests;
    (void)count;
    (void)error;
    return true;
}

bool postgres_execute(struct postgres *postgres, const char *sql, struct error *error)
{
    (void)postgres;
    (void)sql;
    (void)error;
    return true;
}

bool postgres_copy_begin(struct postgres *postgres, const char *sql, struct error *error)
{
    (void)postgres;
    (void)sql;
    (void)error;
    return true;
}

bool postgres_copy_put(struct postgres *postgres, struct slice bytes, struct error *error)
{
    (void)error;
    if (postgres->taker != NULL)
        postgres->taker(postgres->self, bytes);
    return true;
}

bool postgres_copy_end(struct postgres *postgres, struct error *error)
{
    (void)postgres;
    (void)error;
    return true;
}

bool postgres_row_value(const struct postgres_row *row, size_t column, struct slice *value)
{
    *value = row->cells[column];
    return value->data != NULL;
}
