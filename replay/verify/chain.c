#include "replay/verify/chain.h"

#include <stddef.h>

void chain_begin(struct chain *chain, const struct uuid *producer_id)
{
    chain->producer_id = *producer_id;
    chain->last_sequence = 0;
    chain->digest_known = false;
    chain->end = 0;
    chain->recorded_at_us = 0;
}

void chain_resume(struct chain *chain, const struct uuid *producer_id, uint64_t sequence, const struct digest *digest)
{
    chain_begin(chain, producer_id);
    chain->last_sequence = sequence;
    chain->digest_known = true;
    chain->last_digest = *digest;
}

static void tell(const struct chain *chain, struct chain_finding finding)
{
    finding.producer_id = chain->producer_id;
    chain->tell(chain->self, &finding);
}

/* Does this event carry the digest of the last one there is? Before the first one it must carry none. */
static enum chain_link link_of(const struct chain *chain, struct slice previous_digest)
{
    if (chain->last_sequence == 0)
        return previous_digest.size == 0 ? CHAIN_LINK_HOLDS : CHAIN_LINK_BROKEN;
    if (!chain->digest_known)
        return CHAIN_LINK_UNKNOWN;
    return slice_equal(previous_digest, digest_slice(&chain->last_digest)) ? CHAIN_LINK_HOLDS : CHAIN_LINK_BROKEN;
}

static void tell_hole(const struct chain *chain, uint64_t first, uint64_t last, struct chain_finding hole)
{
    if (first > last)
        return;
    hole.first = first;
    hole.last = last;
    tell(chain, hole);
}

/* The numbers between the last one and this event: what of them the event declares, and what not. */
static void tell_missing(const struct chain *chain, const struct event *event, struct chain_finding hole)
{
    uint64_t first = chain->last_sequence + 1, last = event->sequence - 1;
    uint64_t declared_first = last + 1, declared_last = last;

    if (event->body == EVENT_PRODUCER_DROPPED) {
        const struct producer_dropped *dropped = &event->producer_dropped;
        if (dropped->last_sequence >= first && dropped->first_sequence <= last) {
            declared_first = dropped->first_sequence > first ? dropped->first_sequence : first;
            declared_last = dropped->last_sequence < last ? dropped->last_sequence : last;
        }
    }

    hole.kind = CHAIN_HOLE;
    tell_hole(chain, first, declared_first - 1, hole);
    tell_hole(chain, declared_last + 1, last, hole);
    hole.kind = CHAIN_DECLARED;
    hole.reason = event->body == EVENT_PRODUCER_DROPPED ? event->producer_dropped.reason : (struct slice){0};
    tell_hole(chain, declared_first, declared_last, hole);
}

/* All of it, by this event. */
static bool hole_is_declared(const struct chain *chain, const struct event *event)
{
    return event->body == EVENT_PRODUCER_DROPPED &&
           event->producer_dropped.first_sequence <= chain->last_sequence + 1 &&
           event->producer_dropped.last_sequence >= event->sequence - 1;
}

static void tell_beyond_end(const struct chain *chain, uint64_t sequence, int64_t recorded_at_us)
{
    if (chain->end != 0)
        tell(chain,
             (struct chain_finding){
                 .kind = CHAIN_BEYOND_END, .first = sequence, .last = chain->end, .noticed_at_us = recorded_at_us});
}

static void tell_link(const struct chain *chain, enum chain_break kind, uint64_t sequence, int64_t recorded_at_us)
{
    tell(chain, (struct chain_finding){
                    .kind = kind, .first = sequence, .last = chain->last_sequence, .noticed_at_us = recorded_at_us});
}

static void move_on(struct chain *chain, struct chain_step step, int64_t recorded_at_us)
{
    if (chain->listener.step != NULL) {
        step.producer_id = &chain->producer_id;
        chain->listener.step(chain->listener.self, &step);
    }
    chain->last_sequence = step.sequence;
    chain->digest_known = step.digest != NULL;
    if (step.digest != NULL)
        chain->last_digest = *step.digest;
    if (recorded_at_us > chain->recorded_at_us)
        chain->recorded_at_us = recorded_at_us;
}

void chain_event(struct chain *chain, const struct event *event, const struct digest *digest, int64_t recorded_at_us)
{
    enum chain_link link = link_of(chain, event->previous_digest);
    bool follows = event->sequence == chain->last_sequence + 1;

    if (event->sequence <= chain->last_sequence) {
        tell_link(chain, CHAIN_BROKEN, event->sequence, recorded_at_us);
        return;
    }
    tell_beyond_end(chain, event->sequence, recorded_at_us);
    if (!follows)
        tell_missing(chain, event, (struct chain_finding){.link = link, .noticed_at_us = recorded_at_us});
    /* An undeclared hole explains a break. */
    if (link == CHAIN_LINK_BROKEN && (follows || hole_is_declared(chain, event)))
        tell_link(chain, CHAIN_BROKEN, event->sequence, recorded_at_us);
    if (link == CHAIN_LINK_UNKNOWN && (follows || hole_is_declared(chain, event)))
        tell_link(chain, CHAIN_UNLINKED, event->sequence, recorded_at_us);

    if (event->body == EVENT_PRODUCER_CLOSED)
        chain->end = event->sequence;
    move_on(chain,
            (struct chain_step){.sequence = event->sequence,
                                .is_event = true,
                                .digest = digest,
                                .previous_digest = event->previous_digest,
                                .link = link},
            recorded_at_us);
}

void chain_held(struct chain *chain, uint64_t sequence, const struct digest *digest, int64_t recorded_at_us)
{
    if (sequence <= chain->last_sequence)
        return;

    tell_beyond_end(chain, sequence, recorded_at_us);
    tell_hole(chain, chain->last_sequence + 1, sequence - 1,
              (struct chain_finding){.kind = CHAIN_HOLE, .link = CHAIN_LINK_UNKNOWN, .noticed_at_us = recorded_at_us});
    move_on(chain, (struct chain_step){.sequence = sequence, .digest = digest, .link = CHAIN_LINK_UNKNOWN},
            recorded_at_us);
}

void chain_run(struct chain *chain, uint64_t last)
{
    if (last <= chain->last_sequence)
        return;
    chain->last_sequence = last;
    chain->digest_known = false;
}

void chain_linked(struct chain *chain, const struct chain_last *last)
{
    if (last->sequence <= chain->last_sequence)
        return;
    for (uint64_t left = last->sequence - chain->last_sequence; chain->end != 0 && left > 0; left--)
        tell_beyond_end(chain, last->sequence - left + 1, last->recorded_at_us);
    chain_run(chain, last->sequence);
    if (last->digest != NULL)
        chain_learn(chain, last->digest);
    if (last->is_end)
        chain->end = last->sequence;
    if (last->recorded_at_us > chain->recorded_at_us)
        chain->recorded_at_us = last->recorded_at_us;
}

void chain_doubled(struct chain *chain, uint64_t first, uint64_t last, int64_t recorded_at_us)
{
    if (last > chain->last_sequence)
        last = chain->last_sequence + 1;
    for (uint64_t left = last - first + 1; left > 0; left--)
        tell_link(chain, CHAIN_BROKEN, last - left + 1, recorded_at_us);
}

void chain_learn(struct chain *chain, const struct digest *digest)
{
    chain->digest_known = true;
    chain->last_digest = *digest;
}

void chain_end(struct chain *chain, uint64_t told_last, bool ended)
{
    struct chain_finding finding = {.noticed_at_us = chain->recorded_at_us};

    if (told_last > chain->last_sequence) {
        finding.kind = CHAIN_TAIL;
        finding.first = chain->last_sequence + 1;
        finding.last = told_last;
        tell(chain, finding);
    }
    if (chain->end == 0 && !ended) {
        finding.kind = CHAIN_OPEN_END;
        finding.first = 1;
        finding.last = chain->last_sequence;
        tell(chain, finding);
    }
}
