#include "replay/verify/weave.h"

#include "proto/uuid.h"
#include "replay/cell.h"
#include "replay/verify/verify_event.h"

#include <stddef.h>
#include <stdint.h>

/* A run ends with the last of 256 numbers, if its producer has more of them, else with the 256th event from here; the
 * last one with all that is left. The greatest numbers there can be are no reason to overflow. */
#define RUNS                                                                                                      \
    "WITH RECURSIVE run (number, after_producer, after_sequence, producer_id, sequence) AS ("                     \
    " SELECT 0, NULL::uuid, NULL::int8, '00000000-0000-0000-0000-000000000000'::uuid, -9223372036854775808"       \
    " UNION ALL SELECT run.number + 1, run.producer_id, run.sequence, until.producer_id, until.sequence"          \
    " FROM run CROSS JOIN LATERAL ("                                                                              \
    "  (SELECT e.producer_id, e.sequence - 1 AS sequence FROM taskledger.task_event AS e"                         \
    "   WHERE e.producer_id = run.producer_id AND e.sequence > least(run.sequence, 9223372036854775551) + 256"    \
    "   ORDER BY e.sequence LIMIT 1)"                                                                             \
    "  UNION ALL (SELECT e.producer_id, e.sequence FROM taskledger.task_event AS e"                               \
    "   WHERE e.producer_id >= run.producer_id AND (e.producer_id, e.sequence) > (run.producer_id, run.sequence)" \
    "   ORDER BY e.producer_id, e.sequence OFFSET 255 LIMIT 1)"                                                   \
    "  UNION ALL SELECT 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid, 9223372036854775807 LIMIT 1) AS until"      \
    " WHERE (run.producer_id, run.sequence) < ('ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid, 9223372036854775807))"

#define EVENTS_OF  " (SELECT " VERIFY_EVENT_COLUMNS " FROM taskledger.task_event AS e WHERE e.producer_id "
#define IN_ORDER   " ORDER BY e.producer_id, e.sequence LIMIT 1000)"
#define TO_ITS_END "CASE run.producer_id WHEN run.after_producer THEN run.sequence ELSE 9223372036854775807 END"

/* An index stops at the end of each of these three, but not at the end of a comparison of rows. A run has 256 events at
 * most, or somebody has doubled them; a limit that is not far above lets the planner see that the index is the way. */
#define REST_OF_ONE \
    EVENTS_OF "= run.after_producer AND e.sequence > run.after_sequence AND e.sequence <= " TO_ITS_END IN_ORDER
#define THOSE_BETWEEN EVENTS_OF "> run.after_producer AND e.producer_id < run.producer_id" IN_ORDER
#define BEGINNING_OF_ANOTHER \
    EVENTS_OF "= run.producer_id AND e.sequence <= run.sequence AND run.producer_id > run.after_producer" IN_ORDER

/* What is appended comes in the order of the parts; to sort it would cost a sixth of all that the server does. */
#define EVENTS_OF_RUNS                                                                 \
    " SELECT e.* FROM run CROSS JOIN LATERAL (" REST_OF_ONE " UNION ALL" THOSE_BETWEEN \
    " UNION ALL" BEGINNING_OF_ANOTHER ") AS e"

static const char *const queries[WEAVE_STRANDS] = {
    RUNS EVENTS_OF_RUNS " WHERE run.number % 2 = 0",
    RUNS EVENTS_OF_RUNS " WHERE run.number % 2 = 1",
};

struct strand {
    struct postgres_copying *copying;
    const struct postgres_row *row; /* NULL: behind the last one */
    struct uuid producer_id;
    int64_t sequence;
};

static bool pull(struct strand *strand, struct error *error)
{
    if (!postgres_copying_next(strand->copying, &strand->row, error))
        return false;
    if (strand->row != NULL) {
        strand->producer_id = postgres_read_uuid(cell_of_row(strand->row, 0));
        strand->sequence = postgres_read_int64(cell_of_row(strand->row, 1));
    }
    return true;
}

static bool is_before(const struct strand *a, const struct strand *b)
{
    int order = uuid_compare(&a->producer_id, &b->producer_id);

    return order < 0 || (order == 0 && a->sequence < b->sequence);
}

/* Whose row is next; one that has ended has none. */
static struct strand *least(struct strand *a, struct strand *b)
{
    if (a->row == NULL || b->row == NULL)
        return a->row == NULL ? b : a;
    return is_before(b, a) ? b : a;
}

static bool begin(struct strand strands[WEAVE_STRANDS], struct postgres *const sessions[WEAVE_STRANDS],
                  struct error *error)
{
    for (size_t i = 0; i < WEAVE_STRANDS; i++) {
        strands[i].copying = postgres_copying_new(sessions[i], queries[i], error);
        if (strands[i].copying == NULL)
            return false;
    }
    return pull(&strands[0], error) && pull(&strands[1], error);
}

bool weave_events(struct postgres *const sessions[WEAVE_STRANDS], postgres_row_visitor *visit, void *self,
                  struct error *error)
{
    struct strand strands[WEAVE_STRANDS] = {{.copying = NULL}};
    struct strand *next;

    bool good = begin(strands, sessions, error);
    while (good && (next = least(&strands[0], &strands[1]))->row != NULL)
        good = visit(self, next->row, error) && pull(next, error);
    for (size_t i = 0; i < WEAVE_STRANDS; i++)
        postgres_copying_free(strands[i].copying);
    return good;
}
