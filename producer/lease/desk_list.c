#include "producer/lease/desk_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Redis is known to be away as long as it was tried a moment ago. */
enum { KNOWN_AWAY_US = 5000000 };

void desk_list_add(struct desk *desk, struct taskledger_lease *lease)
{
    lease->desk = desk_hold(desk);
    lease->previous = desk->last;
    if (desk->last == NULL)
        desk->first = lease;
    else
        desk->last->next = lease;
    desk->last = lease;
    desk->count++;
}

void desk_list_free(struct taskledger_lease *lease)
{
    struct desk *desk = lease->desk;

    if (lease->previous == NULL)
        desk->first = lease->next;
    else
        lease->previous->next = lease->next;
    if (lease->next == NULL)
        desk->last = lease->previous;
    else
        lease->next->previous = lease->previous;
    desk->count--;
    free(lease);
    desk_release(desk);
}

/* ---- waiting for the same ---------------------------------------------------------------------------------------- */

static bool is_for_same(const struct taskledger_lease *a, const struct taskledger_lease *b)
{
    return a->holding.terms.is_permit == b->holding.terms.is_permit &&
           strcmp(a->holding.terms.name, b->holding.terms.name) == 0;
}

void desk_list_pass_on(const struct taskledger_lease *lease, int64_t now_us)
{
    struct taskledger_lease *other = lease->desk->first;

    while (other != NULL && !(is_for_same(other, lease) && holding_hurry(&other->holding, now_us)))
        other = other->next;
}

/* ---- the local limit --------------------------------------------------------------------------------------------- */

static bool is_known_away(const struct desk *desk, const struct taskledger_lease *lease, int64_t now_us)
{
    return desk->away_since_us != 0 && now_us - desk->away_seen_us < KNOWN_AWAY_US &&
           now_us - desk->away_since_us >= INT64_C(1000) * lease->holding.terms.timeout_ms;
}

static bool wants_local(const struct taskledger_lease *lease, int64_t now_us)
{
    return !lease->is_returned &&
           holding_wants_local(&lease->holding, is_known_away(lease->desk, lease, now_us), now_us);
}

/* Has one of this name, or will get one before. */
static bool is_before(const struct taskledger_lease *other, const struct taskledger_lease *lease, bool older,
                      int64_t now_us)
{
    if (!is_for_same(other, lease))
        return false;
    return other->holding.state == HOLDING_LOCAL || (older && wants_local(other, now_us));
}

/* First come, first served. */
static bool has_local_room(const struct taskledger_lease *lease, int64_t now_us)
{
    bool older = true;
    unsigned before = 0;

    for (const struct taskledger_lease *other = lease->desk->first; other != NULL; other = other->next) {
        if (other == lease)
            older = false;
        else
            before += is_before(other, lease, older, now_us);
    }
    return before < lease->holding.terms.local_limit;
}

void desk_list_look(struct taskledger_lease *lease, int64_t now_us)
{
    enum holding_state before = lease->holding.state;

    holding_look(&lease->holding, now_us);
    if (wants_local(lease, now_us)) {
        if (has_local_room(lease, now_us))
            holding_grant_local(&lease->holding, now_us);
        else
            holding_refuse_local(&lease->holding, now_us);
    }
    desk_list_note(lease, before);
}

/* ---- counting ---------------------------------------------------------------------------------------------------- */

void desk_list_note(struct taskledger_lease *lease, enum holding_state before)
{
    struct taskledger_counters *counters = &lease->desk->counters;
    bool is_permit = lease->holding.terms.is_permit;

    if (lease->holding.state == before)
        return;
    switch (lease->holding.state) {
    case HOLDING_HELD:
        ++*(is_permit ? &counters->permits_granted : &counters->claims_granted);
        break;
    case HOLDING_LOCAL:
        counters->permits_local++;
        break;
    case HOLDING_LOST:
        ++*(is_permit ? &counters->permits_lost : &counters->claims_lost);
        break;
    case HOLDING_TAKEN:
        ++*(is_permit ? &counters->permits_timed_out : &counters->claims_held);
        break;
    case HOLDING_AWAY:
        counters->leases_away++;
        break;
    case HOLDING_ASKED:
    case HOLDING_RETURNED:
        break;
    }
}

static size_t count_in(const struct desk *desk, enum holding_state state)
{
    size_t count = 0;

    for (const struct taskledger_lease *lease = desk->first; lease != NULL; lease = lease->next)
        count += lease->holding.state == state;
    return count;
}

bool desk_list_has_local(const struct desk *desk)
{
    return count_in(desk, HOLDING_LOCAL) > 0;
}

bool desk_list_has_errands(const struct desk *desk)
{
    for (const struct taskledger_lease *lease = desk->first; lease != NULL; lease = lease->next)
        if (lease->holding.errand != ERRAND_NONE || lease->is_sent)
            return true;
    return false;
}

void desk_count(struct desk *desk, struct taskledger_counters *counters)
{
    pthread_mutex_lock(&desk->lock);
    const struct taskledger_counters *happened = &desk->counters;
    counters->claims_granted = happened->claims_granted;
    counters->claims_held = happened->claims_held;
    counters->claims_lost = happened->claims_lost;
    counters->permits_granted = happened->permits_granted;
    counters->permits_local = happened->permits_local;
    counters->permits_timed_out = happened->permits_timed_out;
    counters->permits_lost = happened->permits_lost;
    counters->leases_away = happened->leases_away;
    counters->leases_held = count_in(desk, HOLDING_HELD) + count_in(desk, HOLDING_LOCAL);
    counters->leases_waiting = count_in(desk, HOLDING_ASKED);
    counters->lease_connected = happened->lease_connected;
    memcpy(counters->lease_error, happened->lease_error, sizeof counters->lease_error);
    pthread_mutex_unlock(&desk->lock);
}
