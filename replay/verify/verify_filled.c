/* verify: what has filled a hole since. */
#include "replay/verify/verify.h"

#include "proto/digester.h"
#include "replay/verify/redacted.h"
#include "replay/verify/verify_adoption.h"
#include "replay/verify/verify_chain_text.h"
#include "replay/verify/verify_event.h"

#include <inttypes.h>

/* What has come, and its neighbours, to which it is to be linked. */
static const struct postgres_statement statement = {
    "replay_came", "SELECT " VERIFY_EVENT_COLUMNS " FROM taskledger.task_event"
                   " WHERE producer_id = $1::uuid AND sequence BETWEEN"
                   " coalesce((SELECT max(sequence) FROM taskledger.task_event"
                   "   WHERE producer_id = $1::uuid AND sequence < $2::int8), $2::int8) AND"
                   " coalesce((SELECT min(sequence) FROM taskledger.task_event"
                   "   WHERE producer_id = $1::uuid AND sequence > $3::int8), $3::int8)"
                   " ORDER BY sequence"};

struct filled {
    struct verify *verify;
    const struct verify_hole *hole;
    struct chain chain;
    uint64_t events;
    struct digester *digester;
    struct arena arena;
};

/* Numbers that are still missing have holes of their own, or were set aside. */
static void tell(void *self, const struct chain_finding *told)
{
    struct filled *filled = self;
    const struct finding finding = {.kind = VERDICT_LINK_UNKNOWN,
                                    .has_producer = true,
                                    .producer_id = told->producer_id,
                                    .first = told->last + 1,
                                    .last = told->last + 1};

    if (told->kind == CHAIN_DECLARED)
        return;
    if (told->kind != CHAIN_HOLE)
        verify_chain_text_add(&filled->verify->report, told);
    else if (told->link != CHAIN_LINK_HOLDS)
        verify_report_add(&filled->verify->report, &finding,
                          "came while the audit ran, behind number %" PRIu64 ", which is not stored", told->last);
}

/* What is left of a redacted one. */
static bool link_redacted(struct filled *filled, const struct verify_event *blank, struct error *error)
{
    struct redacted redacted;
    struct event event;

    if (!redacted_find(filled->verify->ledger.side, &blank->producer_id, blank->sequence, &redacted, error))
        return false;
    if (blank->sequence < filled->hole->first && redacted.is_known)
        chain_resume(&filled->chain, &blank->producer_id, blank->sequence, &redacted.digest);
    else if (blank->sequence < filled->hole->first)
        chain_run(&filled->chain, blank->sequence);
    else if (redacted_event(&redacted, &blank->producer_id, blank->sequence, &event))
        chain_event(&filled->chain, &event, &redacted.digest, blank->recorded_at_us);
    else
        chain_held(&filled->chain, blank->sequence, NULL, blank->recorded_at_us);
    return true;
}

/* The neighbours were checked by themselves. */
static void link_neighbour(struct filled *filled, struct verify_event *event)
{
    struct digest digest = digester_hash(filled->digester, event->payload);
    struct error why;
    bool has_identity;

    if (event->sequence < filled->hole->first) {
        chain_resume(&filled->chain, &event->producer_id, event->sequence, &digest);
    } else if (event_decode(event->payload, &event->event, &has_identity, &why)) {
        event->event.sequence = event->sequence;
        chain_event(&filled->chain, &event->event, &digest, event->recorded_at_us);
    }
}

static bool check(struct filled *filled, const struct postgres_row *row, struct verify_event *event,
                  struct error *error)
{
    struct verify *verify = filled->verify;
    struct digest digest = digester_hash(filled->digester, event->payload);

    filled->events++;
    verify_event_check(row, &filled->arena, &verify->report, event);
    if (!event->is_readable) {
        chain_held(&filled->chain, event->sequence, &digest, event->recorded_at_us);
        return true;
    }
    chain_event(&filled->chain, &event->event, &digest, event->recorded_at_us);
    return event->event.body != EVENT_PRODUCER_ADOPTED ||
           verify_adoption_check(&event->event, verify->ledger.side, &verify->report, error);
}

static bool visit(void *self, const struct postgres_row *row, struct error *error)
{
    struct filled *filled = self;
    struct verify_event event;

    verify_event_read(row, &event);
    if (redacted_is(event.payload)) {
        filled->events += event.sequence >= filled->hole->first && event.sequence <= filled->hole->last;
        return link_redacted(filled, &event, error);
    }
    if (event.sequence >= filled->hole->first && event.sequence <= filled->hole->last)
        return check(filled, row, &event, error);
    link_neighbour(filled, &event);
    return true;
}

static bool scan(struct filled *filled, struct error *error)
{
    uint8_t first[sizeof(int64_t)], last[sizeof(int64_t)];
    const struct verify_hole *hole = filled->hole;
    const struct postgres_parameter parameters[] = {
        {.value = slice_of(hole->producer_id.bytes, UUID_BYTES)},
        {.value = ledger_bigint(hole->first, first)},
        {.value = ledger_bigint(hole->last, last)},
    };

    chain_begin(&filled->chain, &hole->producer_id);
    return postgres_stream(filled->verify->ledger.main, &statement, parameters, 3, visit, filled, error);
}

/* What was set aside came too late for the books' check. */
static void note_set_aside(const struct filled *filled)
{
    const struct verify_hole *hole = filled->hole;
    uint64_t set_aside = hole->last - hole->first + 1 - filled->events;
    const struct finding finding = {.kind = VERDICT_IN_FLIGHT,
                                    .has_producer = true,
                                    .producer_id = hole->producer_id,
                                    .first = hole->first,
                                    .last = hole->last};

    if (set_aside > 0)
        verify_report_add(&filled->verify->report, &finding, "%" PRIu64 " set aside while the audit ran: not checked",
                          set_aside);
}

bool verify_filled(struct verify *verify, const struct verify_hole *hole, struct error *error)
{
    struct filled filled = {
        .verify = verify,
        .hole = hole,
        .chain = {.tell = tell},
        .digester = digester_new(),
    };

    filled.chain.self = &filled;
    bool good = filled.digester != NULL ? scan(&filled, error)
                                        : error_set(error, ERROR_FATAL, "memory", "cannot hash: out of memory");
    if (good)
        note_set_aside(&filled);
    verify->totals.filled += filled.events;
    digester_free(filled.digester);
    arena_close(&filled.arena);
    return good;
}
