/* verify: every event, its number and its digest. */
#include "replay/verify/verify.h"

#include "replay/verify/crossing.h"
#include "replay/verify/links.h"
#include "replay/verify/producers.h"
#include "replay/verify/verify_look.h"
#include "replay/verify/verify_seal.h"
#include "replay/verify/verify_told.h"
#include "replay/verify/weave.h"

/* The events as they lie, which costs the server the least. */
static const struct postgres_statement lying_statement = {"replay_events",
                                                          "SELECT " VERIFY_EVENT_COLUMNS " FROM taskledger.task_event"};

/* Those of a part stream in, in the order in which the producers are walked. */
static const struct postgres_statement part_statement = {
    "replay_events_part", PART_WITH_PRODUCERS " SELECT e.* FROM part CROSS JOIN LATERAL (SELECT " VERIFY_EVENT_COLUMNS
                                              " FROM taskledger.task_event AS e"
                                              "  WHERE e.producer_id = part.producer_id ORDER BY e.sequence) AS e"};

struct chains {
    struct verify *verify;
    struct verify_look look;
    struct producers producers;
    struct links *links; /* of events as they lie */
};

static void tell(void *self, const struct chain_finding *told)
{
    struct chains *chains = self;

    verify_told(chains->verify, told, chains->producers.book.closed_at_us);
}

/* ---- in the order of the chains --------------------------------------------------------------------------------- */

static bool visit_next(void *self, const struct postgres_row *row, struct error *error)
{
    struct chains *chains = self;
    const struct verify_look *look = &chains->look;
    const struct verify_event *stored = &look->stored;

    if (!verify_look_at(&chains->look, row, error) ||
        !producers_come_to(&chains->producers, &stored->producer_id, stored->sequence, error))
        return false;
    if (look->event != NULL)
        chain_event(&chains->producers.chain, look->event, &look->digest, stored->recorded_at_us);
    else
        chain_held(&chains->producers.chain, stored->sequence, look->has_digest ? &look->digest : NULL,
                   stored->recorded_at_us);
    return true;
}

static bool follow_all(struct chains *chains, struct error *error)
{
    struct ledger *ledger = &chains->verify->ledger;
    struct postgres *const sessions[WEAVE_STRANDS] = {ledger->main, ledger->more};

    bool good = ledger_join(ledger, error) && weave_events(sessions, visit_next, chains, error);
    ledger_leave(ledger);
    return good;
}

static bool follow_part(struct chains *chains, struct error *error)
{
    const struct verify *verify = chains->verify;

    return postgres_stream(verify->ledger.main, &part_statement, verify->part.parameters, PART_PARAMETERS, visit_next,
                           chains, error);
}

/* ---- as they lie ------------------------------------------------------------------------------------------------- */

static bool visit_lying(void *self, const struct postgres_row *row, struct error *error)
{
    struct chains *chains = self;
    const struct verify_look *look = &chains->look;

    if (!verify_look_at(&chains->look, row, error))
        return false;
    const struct link link = {
        .producer_id = look->stored.producer_id,
        .sequence = look->stored.sequence,
        .recorded_at_us = look->stored.recorded_at_us,
        .is_event = look->event != NULL,
        .previous_digest = look->event == NULL ? (struct slice){.size = 0} : look->event->previous_digest,
        .digest = look->has_digest ? &look->digest : NULL,
        .is_end = look->event != NULL && look->event->body == EVENT_PRODUCER_CLOSED,
    };
    return links_add(chains->links, &link, error);
}

/* The first of a run, by what is known of it: what it carries. */
static void link_run(struct chain *chain, const struct links_run *run)
{
    bool is_one = run->first == run->last;
    const struct digest *digest = is_one && run->has_digest ? &run->digest : NULL;
    const struct event event = {
        .producer_id = run->producer_id,
        .sequence = run->first,
        .body = is_one && run->is_end ? EVENT_PRODUCER_CLOSED : EVENT_TASK_STATUS,
        .previous_digest = run->carries == LINKS_DIGEST ? digest_slice(&run->before) : (struct slice){.size = 0},
    };

    if (run->carries == LINKS_UNKNOWN)
        chain_held(chain, run->first, digest, run->recorded_at_us);
    else
        chain_event(chain, &event, digest, run->recorded_at_us);
}

/* Behind a hole the event itself is asked for, which may declare it; one that no index leads to declares nothing. */
static bool begin_run(const struct crossing *crossing, struct chain *chain, const struct links_run *run,
                      struct error *error)
{
    bool is_found = false;

    if (run->first <= chain->last_sequence || run->first == 0) {
        chain_doubled(chain, run->first, run->last, run->recorded_at_us);
        return true;
    }
    if (run->first > chain->last_sequence + 1 && !crossing_to(crossing, chain, run->first, &is_found, error))
        return false;
    if (!is_found)
        link_run(chain, run);
    return true;
}

/* What is inside of a run is known to follow; the chain hears how it begins. */
static bool follow_run(struct chains *chains, const struct links_run *run, struct error *error)
{
    struct verify *verify = chains->verify;
    struct chain *chain = &chains->producers.chain;
    const struct crossing crossing = {.postgres = verify->ledger.side, .digester = chains->look.digester};
    const struct chain_last last = {.sequence = run->last,
                                    .digest = run->has_digest ? &run->digest : NULL,
                                    .is_end = run->is_end,
                                    .recorded_at_us = run->recorded_at_us};

    if (!producers_come_to(&chains->producers, &run->producer_id, run->first, error) ||
        !begin_run(&crossing, chain, run, error))
        return false;
    chain_linked(chain, &last);
    verify_tell(verify, "events", verify->totals.events, verify->expected_events);
    return true;
}

static bool follow_runs(struct chains *chains, struct error *error)
{
    const struct links_run *run;

    chains->links = links_new(chains->verify->settings->temporary, LINKS_BYTES, error);
    bool good = chains->links != NULL &&
                postgres_copy_out(chains->verify->ledger.main, &lying_statement, visit_lying, chains, error) &&
                links_next(chains->links, &run, error);
    while (good && run != NULL)
        good = follow_run(chains, run, error) && links_next(chains->links, &run, error);
    links_free(chains->links);
    return good;
}

/* ---- whichever it is --------------------------------------------------------------------------------------------- */

/* A seal hears every number, so then they have to come in order. */
static bool follow(struct chains *chains, struct error *error)
{
    const struct verify *verify = chains->verify;

    if (!part_is_all(&verify->part))
        return follow_part(chains, error);
    return verify->seal == NULL ? follow_runs(chains, error) : follow_all(chains, error);
}

bool verify_chains(struct verify *verify, struct error *error)
{
    struct chains chains = {
        .verify = verify,
        .look = {.verify = verify, .digester = digester_new()},
        .producers = {.chain = {.tell = tell, .listener = verify_seal_listener(verify->seal)}},
    };

    chains.producers.chain.self = &chains;
    if (chains.look.digester == NULL)
        return error_set(error, ERROR_FATAL, "memory", "cannot hash: out of memory");
    bool good = producers_open(&chains.producers, verify->ledger.side, &verify->part, error) &&
                follow(&chains, error) && producers_end(&chains.producers, error);
    verify->totals.producers = chains.producers.count;
    verify_tell(verify, "events", verify->totals.events, verify->expected_events);
    producers_close(&chains.producers);
    verify_look_close(&chains.look);
    digester_free(chains.look.digester);
    return good;
}
