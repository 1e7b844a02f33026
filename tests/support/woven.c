/* woven URL: the events of a ledger as weave gives them, for the tests.
 *
 * Prints a line each: producer_id sequence. Or prints "kind reason: text" and exits 1. */
#include "proto/uuid.h"
#include "replay/cell.h"
#include "replay/verify/weave.h"
#include "tests/support/kind.h"

#include <inttypes.h>
#include <stdio.h>

static bool print_row(void *self, const struct postgres_row *row, struct error *error)
{
    const struct uuid producer_id = postgres_read_uuid(cell_of_row(row, 0));
    char text[UUID_TEXT_BYTES];

    (void)self;
    (void)error;
    uuid_format(&producer_id, text);
    printf("%s %" PRId64 "\n", text, postgres_read_int64(cell_of_row(row, 1)));
    return true;
}

/* Nobody writes meanwhile: so any two snapshots are the same. */
int main(int argc, char **argv)
{
    const struct postgres_options options = {.url = argc < 2 ? NULL : argv[1], .application_name = "woven"};
    struct error error = {.kind = ERROR_NONE, .reason = ""};
    struct postgres *const sessions[WEAVE_STRANDS] = {postgres_new(&options, &error), postgres_new(&options, &error)};

    bool good = sessions[0] != NULL && sessions[1] != NULL && postgres_open(sessions[0], &error) &&
                postgres_open(sessions[1], &error) && weave_events(sessions, print_row, NULL, &error);
    if (!good)
        printf("%s %s: %s\n", kind_name(error.kind), error.reason, error.text);
    postgres_free(sessions[0]);
    postgres_free(sessions[1]);
    return good ? 0 : 1;
}
