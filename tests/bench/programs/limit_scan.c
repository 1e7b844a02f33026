/* limit_scan: what PostgreSQL gives at most of the events, to who does next to nothing with them.
 *
 *     limit_scan [columns=0] [sessions=1] [hash=0]
 *
 *     columns=0     the payloads alone, in the order in which verify has to come along the chains
 *     columns=1     what verify compares, in that order
 *     columns=2     all there are, in that order
 *     columns=3     what rebuild folds, as it lies
 *     columns=4     what verify compares, as it lies
 *     sessions=2    as verify --seal reads them, by two sessions at once; columns=1 only
 *     hash=1        and SHA-256 of each payload
 *
 * By COPY in its binary form, from the ledger of DATABASE_URL. Prints "events N seconds S". */
#include "proto/digester.h"
#include "replay/cell.h"
#include "replay/verify/verify_event.h"
#include "replay/verify/weave.h"
#include "tests/bench/programs/arguments.h"
#include "tests/bench/programs/moment.h"

#include <stdio.h>
#include <stdlib.h>

enum { PAYLOADS, COMPARED, EVERYTHING, FOLDED, LYING, KINDS };

#define IN_ORDER " FROM taskledger.task_event ORDER BY producer_id, sequence"

static const struct postgres_statement scans[KINDS] = {
    [PAYLOADS] = {"payloads", "SELECT payload" IN_ORDER},
    [COMPARED] = {"compared", "SELECT " VERIFY_EVENT_COLUMNS IN_ORDER},
    [EVERYTHING] = {"everything", "SELECT *" IN_ORDER},
    [FOLDED] = {"folded", "SELECT task_id, payload FROM taskledger.task_event WHERE task_id IS NOT NULL"},
    [LYING] = {"lying", "SELECT " VERIFY_EVENT_COLUMNS " FROM taskledger.task_event"},
};

/* The payload's place; of all columns it is the last. */
static const size_t payload_of[KINDS] = {[PAYLOADS] = 0, [COMPARED] = 3, [EVERYTHING] = 21, [FOLDED] = 1, [LYING] = 3};

struct counting {
    struct digester *digester; /* NULL: nothing is hashed */
    size_t payload;
    unsigned long events;
    uint8_t sum; /* of a byte of each digest, so that they are wanted */
};

static void fail(const struct error *error) __attribute__((noreturn));

static void fail(const struct error *error)
{
    fprintf(stderr, "limit_scan: %s\n", error->text);
    exit(1); /* NOLINT(concurrency-mt-unsafe): no threads */
}

static bool count(void *self, const struct postgres_row *row, struct error *error)
{
    struct counting *counting = self;

    (void)error;
    counting->events++;
    if (counting->digester != NULL)
        counting->sum ^= digester_hash(counting->digester, cell_of_row(row, counting->payload)).bytes[0];
    return true;
}

static struct postgres *opened(void)
{
    const struct postgres_options options = {
        .url = getenv("DATABASE_URL"), .statement_timeout_ms = -1}; /* NOLINT(concurrency-mt-unsafe): no threads */
    struct error error = {.kind = ERROR_NONE};
    struct postgres *postgres = postgres_new(&options, &error);

    if (postgres == NULL || !postgres_open(postgres, &error))
        fail(&error);
    return postgres;
}

int main(int argc, char **argv)
{
    long columns = PAYLOADS, sessions = 1, hashes = 0;
    const struct argument arguments[] = {
        {"columns", &columns}, {"sessions", &sessions}, {"hash", &hashes}, {NULL, NULL}};
    struct error error = {.kind = ERROR_NONE};

    arguments_read(argc, argv, arguments);
    if (columns >= KINDS || sessions < 1 || sessions > WEAVE_STRANDS || (sessions > 1 && columns != COMPARED))
        return 2;
    struct postgres *const lines[WEAVE_STRANDS] = {opened(), opened()};
    struct counting counting = {.digester = hashes ? digester_new() : NULL, .payload = payload_of[columns]};

    int64_t begun_ns = now_ns();
    if (!(sessions > 1 ? weave_events(lines, count, &counting, &error)
                       : postgres_copy_out(lines[0], &scans[columns], count, &counting, &error)))
        fail(&error);
    printf("events %lu seconds %.6f sum %u\n", counting.events, seconds_since(begun_ns), counting.sum);
    digester_free(counting.digester);
    postgres_free(lines[0]);
    postgres_free(lines[1]);
    return 0;
}
