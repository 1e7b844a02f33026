#include "replay/verify/verify_look.h"

#include "replay/verify/verify_adoption.h"
#include "replay/verify/verify_gather.h"

enum { TELL_EVERY = 1024 };

/* Its bytes are gone; two digests are left, and what it is about. */
static bool look_at_redacted(struct verify_look *look, const struct postgres_row *row, struct error *error)
{
    struct verify *verify = look->verify;
    const struct verify_event *blank = &look->stored;

    if (!redacted_find(verify->ledger.side, &blank->producer_id, blank->sequence, &look->redacted, error))
        return false;
    verify_event_check_redacted(row, blank, look->redacted.is_known, &verify->report);
    if (redacted_event(&look->redacted, &blank->producer_id, blank->sequence, &look->left))
        look->event = &look->left;
    look->has_digest = look->redacted.is_known;
    look->digest = look->redacted.digest;
    return true;
}

static bool look_at_whole(struct verify_look *look, const struct postgres_row *row, struct error *error)
{
    struct verify *verify = look->verify;
    struct verify_event *stored = &look->stored;

    verify_event_check(row, &look->arena, &verify->report, stored);
    if (stored->is_readable)
        look->event = &stored->event;
    look->has_digest = true;
    look->digest = digester_hash(look->digester, stored->payload);
    return look->event == NULL || look->event->body != EVENT_PRODUCER_ADOPTED ||
           verify_adoption_check(look->event, verify->ledger.side, &verify->report, error);
}

bool verify_look_at(struct verify_look *look, const struct postgres_row *row, struct error *error)
{
    struct verify *verify = look->verify;

    verify_event_read(row, &look->stored);
    look->stored.is_readable = false;
    look->event = NULL;
    if (!(redacted_is(look->stored.payload) ? look_at_redacted : look_at_whole)(look, row, error) ||
        (part_is_all(&verify->part) && !verify_gather_event(verify->tasks, row, &look->stored, error)))
        return false;
    if (++verify->totals.events % TELL_EVERY == 0)
        verify_tell(verify, "events", verify->totals.events, verify->expected_events);
    return true;
}

void verify_look_close(struct verify_look *look)
{
    arena_close(&look->arena);
}
