/* postgres_rows URL: asks in each way there is, twice over, in one session, for the tests.
 *
 * Prints a line each: how many rows came. Or prints "kind reason: text" and exits 1. */
#include "consumer/postgres/postgres.h"
#include "tests/support/kind.h"

#include <stdio.h>

static const struct postgres_statement three = {"three", "SELECT generate_series(1, 3)"};
static const struct postgres_statement broken = {"broken", "SELECT 1 / (2 - n) FROM generate_series(1, 3) AS n"};

static bool count_row(void *rows, const struct postgres_row *row, struct error *error)
{
    (void)row;
    (void)error;
    ++*(int *)rows;
    return true;
}

static bool stream(struct postgres *postgres, const struct postgres_statement *statement, struct error *error)
{
    int rows = 0;
    bool good = postgres_stream(postgres, statement, NULL, 0, count_row, &rows, error);

    printf("streamed %d\n", rows);
    return good;
}

static bool query(struct postgres *postgres, struct error *error)
{
    AUTO_POSTGRES_RESULT result = NULL;

    if (!postgres_query(postgres, &three, NULL, 0, &result, error))
        return false;
    printf("queried %zu\n", postgres_rows(result));
    return true;
}

static bool ask(struct postgres *postgres, struct error *error)
{
    struct error refused;

    for (int i = 0; i < 2; i++)
        if (!stream(postgres, &three, error) || !query(postgres, error) || stream(postgres, &broken, &refused) ||
            !query(postgres, error))
            return false;
    return true;
}

int main(int argc, char **argv)
{
    const struct postgres_options options = {.url = argc < 2 ? NULL : argv[1], .application_name = "postgres_rows"};
    struct error error = {.kind = ERROR_NONE, .reason = ""};
    struct postgres *postgres = postgres_new(&options, &error);

    bool good = postgres != NULL && postgres_open(postgres, &error) && ask(postgres, &error);
    if (!good)
        printf("%s %s: %s\n", kind_name(error.kind), error.reason, error.text);
    postgres_free(postgres);
    return good ? 0 : 1;
}
