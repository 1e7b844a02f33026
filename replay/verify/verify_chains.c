/* verify: every event, its number and its digest. */
#include "replay/verify/verify.h"

#include "proto/digester.h"
#include "replay/verify/producers.h"
#include "replay/verify/redacted.h"
#include "replay/verify/verify_adoption.h"
#include "replay/verify/verify_event.h"
#include "replay/verify/verify_gather.h"
#include "replay/verify/verify_seal.h"
#include "replay/verify/verify_told.h"
#include "replay/verify/weave.h"

/* The events stream in, in the order in which the producers are walked. */
static const struct postgres_statement part_statement = {
    "replay_events_part", PART_WITH_PRODUCERS " SELECT e.* FROM part CROSS JOIN LATERAL (SELECT " VERIFY_EVENT_COLUMNS
                                              " FROM taskledger.task_event AS e"
                                              "  WHERE e.producer_id = part.producer_id ORDER BY e.sequence) AS e"};

struct chains {
    struct verify *verify;
    struct producers producers;
    struct digester *digester;
    struct arena arena;
};

static void tell(void *self, const struct chain_finding *told)
{
    struct chains *chains = self;

    verify_told(chains->verify, told, chains->producers.book.closed_at_us);
}

/* Its bytes are gone; two digests are left, and what it is about. */
static bool follow_redacted(struct chains *chains, const struct postgres_row *row, const struct verify_event *blank,
                            struct error *error)
{
    struct verify *verify = chains->verify;
    struct redacted redacted;
    struct event event;

    if (!redacted_find(verify->ledger.side, &blank->producer_id, blank->sequence, &redacted, error))
        return false;
    verify_event_check_redacted(row, blank, redacted.is_known, &verify->report);
    if (redacted_event(&redacted, &blank->producer_id, blank->sequence, &event))
        chain_event(&chains->producers.chain, &event, &redacted.digest, blank->recorded_at_us);
    else
        chain_held(&chains->producers.chain, blank->sequence, redacted.is_known ? &redacted.digest : NULL,
                   blank->recorded_at_us);
    return true;
}

static void follow(struct chains *chains, const struct verify_event *event)
{
    struct digest digest = digester_hash(chains->digester, event->payload);

    if (event->is_readable)
        chain_event(&chains->producers.chain, &event->event, &digest, event->recorded_at_us);
    else
        chain_held(&chains->producers.chain, event->sequence, &digest, event->recorded_at_us);
}

static bool check(struct chains *chains, const struct postgres_row *row, struct verify_event *event,
                  struct error *error)
{
    struct verify *verify = chains->verify;

    event->is_readable = false;
    if (redacted_is(event->payload))
        return follow_redacted(chains, row, event, error);
    verify_event_check(row, &chains->arena, &verify->report, event);
    if (event->is_readable && event->event.body == EVENT_PRODUCER_ADOPTED &&
        !verify_adoption_check(&event->event, verify->ledger.side, &verify->report, error))
        return false;
    follow(chains, event);
    return true;
}

static bool visit(void *self, const struct postgres_row *row, struct error *error)
{
    struct chains *chains = self;
    struct verify *verify = chains->verify;
    struct verify_event event;

    verify_event_read(row, &event);
    if (!producers_come_to(&chains->producers, &event.producer_id, event.sequence, error) ||
        !check(chains, row, &event, error) ||
        (part_is_all(&verify->part) && !verify_gather_event(verify->tasks, row, &event, error)))
        return false;

    verify->totals.events++;
    if (verify->totals.events % 1024 == 0)
        verify_tell(verify, "events", verify->totals.events, verify->expected_events);
    return true;
}

static bool stream_all(struct chains *chains, struct error *error)
{
    struct ledger *ledger = &chains->verify->ledger;
    struct postgres *const sessions[WEAVE_STRANDS] = {ledger->main, ledger->more};

    bool good = ledger_join(ledger, error) && weave_events(sessions, visit, chains, error);
    ledger_leave(ledger);
    return good;
}

static bool stream(struct chains *chains, struct error *error)
{
    const struct verify *verify = chains->verify;

    if (part_is_all(&verify->part))
        return stream_all(chains, error);
    return postgres_stream(verify->ledger.main, &part_statement, verify->part.parameters, PART_PARAMETERS, visit,
                           chains, error);
}

bool verify_chains(struct verify *verify, struct error *error)
{
    struct chains chains = {
        .verify = verify,
        .producers = {.chain = {.tell = tell, .listener = verify_seal_listener(verify->seal)}},
        .digester = digester_new(),
    };

    chains.producers.chain.self = &chains;
    if (chains.digester == NULL)
        return error_set(error, ERROR_FATAL, "memory", "cannot hash: out of memory");
    bool good = producers_open(&chains.producers, verify->ledger.side, &verify->part, error) &&
                stream(&chains, error) && producers_end(&chains.producers, error);
    verify->totals.producers = chains.producers.count;
    verify_tell(verify, "events", verify->totals.events, verify->expected_events);
    producers_close(&chains.producers);
    digester_free(chains.digester);
    arena_close(&chains.arena);
    return good;
}
