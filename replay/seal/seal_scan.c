#include "replay/seal/seal_scan.h"

#include "proto/digester.h"
#include "proto/event.h"
#include "replay/cell.h"
#include "replay/verify/held.h"

/* Of what was redacted its two digests stand elsewhere. */
#define SELECT_EVENTS                                                                  \
    "SELECT producer_id, sequence, payload,"                                           \
    " CASE WHEN payload = '' THEN (SELECT digest FROM taskledger.redaction r"          \
    "  WHERE r.producer_id = e.producer_id AND r.sequence = e.sequence) END,"          \
    " CASE WHEN payload = '' THEN (SELECT previous_digest FROM taskledger.redaction r" \
    "  WHERE r.producer_id = e.producer_id AND r.sequence = e.sequence) END"           \
    " FROM taskledger.task_event e"

static const struct postgres_statement events_statement = {"seal_events",
                                                           SELECT_EVENTS " ORDER BY producer_id, sequence"};
static const struct postgres_statement range_statement = {"seal_events_range", SELECT_EVENTS
                                                          " WHERE producer_id >= $1::uuid AND producer_id < $2::uuid"
                                                          " ORDER BY producer_id, sequence"};

struct walk {
    struct seal_scan *scan;
    struct chain chain;
    struct held held;
    struct digester *digester;
    bool is_open; /* a chain is begun */
};

/* What an end is, and what was declared, is a matter for verify. */
static void tell(void *self, const struct chain_finding *finding)
{
    struct walk *walk = self;

    walk->scan->holes += finding->kind == CHAIN_HOLE || finding->kind == CHAIN_DECLARED;
    walk->scan->breaks += finding->kind == CHAIN_BROKEN;
}

static void go_to(struct walk *walk, const struct uuid *producer_id)
{
    if (walk->is_open && uuid_compare(&walk->chain.producer_id, producer_id) == 0)
        return;
    chain_begin(&walk->chain, producer_id);
    walk->is_open = true;
}

/* What was set aside before this number of this producer. NULL: all that is left. */
static bool pass_held(struct walk *walk, const struct uuid *producer_id, uint64_t sequence, struct error *error)
{
    struct held *held = &walk->held;

    while (held_is_before(held, producer_id, sequence)) {
        go_to(walk, &held->producer_id);
        chain_held(&walk->chain, held->sequence, held->has_digest ? &held->digest : NULL, held->rejected_at_us);
        if (!held_next(held, error))
            return false;
    }
    return true;
}

/* ---- event by event ---------------------------------------------------------------------------------------------- */

static void follow_redacted(struct walk *walk, const struct postgres_row *row, uint64_t sequence)
{
    struct slice bytes = cell_of_row(row, 3), previous_digest = cell_of_row(row, 4);
    struct event event = {.sequence = sequence, .body = EVENT_TASK_STATUS, .previous_digest = previous_digest};
    struct digest digest;

    if (bytes.size != DIGEST_BYTES) {
        digest = digester_hash(walk->digester, cell_of_row(row, 2));
        chain_held(&walk->chain, sequence, &digest, 0);
        return;
    }
    memcpy(digest.bytes, bytes.data, DIGEST_BYTES);
    if (previous_digest.data == NULL)
        chain_held(&walk->chain, sequence, &digest, 0);
    else
        chain_event(&walk->chain, &event, &digest, 0);
}

static void follow(struct walk *walk, struct slice payload, uint64_t sequence)
{
    struct digest digest = digester_hash(walk->digester, payload);
    struct error why;
    struct event event;
    bool has_identity;

    if (event_decode(payload, &event, &has_identity, &why)) {
        event.sequence = sequence;
        chain_event(&walk->chain, &event, &digest, 0);
    } else {
        chain_held(&walk->chain, sequence, &digest, 0);
    }
}

static bool visit(void *self, const struct postgres_row *row, struct error *error)
{
    struct walk *walk = self;
    struct seal_scan *scan = walk->scan;
    struct uuid producer_id = postgres_read_uuid(cell_of_row(row, 0));
    uint64_t sequence = (uint64_t)postgres_read_int64(cell_of_row(row, 1));
    struct slice payload = cell_of_row(row, 2);

    if (!pass_held(walk, &producer_id, sequence, error))
        return false;
    go_to(walk, &producer_id);
    if (payload.size == 0)
        follow_redacted(walk, row, sequence);
    else
        follow(walk, payload, sequence);
    scan->events++;
    if (scan->events % 1024 == 0)
        console_progress_tell(scan->progress, "events", scan->events, scan->expected_events);
    return true;
}

/* What was set aside of others is passed over. */
static bool follow_range(struct walk *walk, const struct seal_scan_range *range, struct error *error)
{
    const struct postgres_parameter parameters[] = {{.value = slice_of(range->first.bytes, UUID_BYTES)},
                                                    {.value = slice_of(range->before.bytes, UUID_BYTES)}};

    while (held_is_before(&walk->held, &range->first, 0))
        if (!held_next(&walk->held, error))
            return false;
    return postgres_stream(walk->scan->ledger->main, &range_statement, parameters, 2, visit, walk, error) &&
           pass_held(walk, &range->before, 0, error);
}

static bool follow_all(struct walk *walk, struct error *error)
{
    if (walk->scan->range != NULL)
        return follow_range(walk, walk->scan->range, error);
    return postgres_copy_out(walk->scan->ledger->main, &events_statement, visit, walk, error) &&
           pass_held(walk, NULL, 0, error);
}

bool seal_scan_run(struct seal_scan *scan, struct error *error)
{
    struct part all;
    struct walk walk = {
        .scan = scan,
        .chain = {.tell = tell, .listener = scan->listener},
        .digester = digester_new(),
    };

    part_set(&all, 1, 1);
    walk.chain.self = &walk;
    if (walk.digester == NULL)
        return error_set(error, ERROR_FATAL, "memory", "cannot hash: out of memory");
    bool good = held_open(&walk.held, scan->ledger->side, &all, error) && follow_all(&walk, error);
    if (scan->range == NULL)
        console_progress_tell(scan->progress, "events", scan->events, scan->expected_events);
    held_close(&walk.held);
    digester_free(walk.digester);
    return good;
}
