#include "replay/seal/proof.h"

/* ---- what is told ------------------------------------------------------------------------------------------------ */

static void tell(struct proof *proof, enum proof_kind kind, struct proof_finding finding)
{
    finding.kind = kind;
    finding.producer_id = proof->segment.producer_id;
    proof->world.tell(proof->world.self, &finding);
}

static void tell_all(struct proof *proof, enum proof_kind kind)
{
    const struct seal_segment *segment = &proof->segment;

    tell(proof, kind,
         (struct proof_finding){
             .first = segment->first, .last = segment->last, .count = segment->last - segment->first + 1});
}

static void add_gap(struct proof *proof, uint64_t first, uint64_t last)
{
    if (proof->gap.count == 0)
        proof->gap.first = first;
    proof->gap.last = last;
    proof->gap.count += last - first + 1;
}

static void tell_gap(struct proof *proof, enum proof_kind kind)
{
    if (proof->gap.count > 0)
        tell(proof, kind, proof->gap);
    proof->gap.count = 0;
}

static void suspect(struct proof *proof, uint64_t sequence)
{
    if (proof->suspect_first == 0)
        proof->suspect_first = sequence;
    proof->suspect_last = sequence;
}

/* What is behind the last suspect is proven by the sealed digest of the end, if that is there. */
static void tell_changed(struct proof *proof)
{
    uint64_t met_last = proof->next - 1;
    bool end_holds = met_last == proof->segment.last && digest_equal(&proof->digest, &proof->segment.digest);
    bool is_located = proof->suspect_first != 0;
    uint64_t first = is_located ? proof->suspect_first : proof->segment.first;
    uint64_t last = is_located && end_holds ? proof->suspect_last : met_last;

    tell(proof, PROOF_CHANGED, (struct proof_finding){.first = first, .last = last, .count = last - first + 1});
}

/* ---- from segment to segment ------------------------------------------------------------------------------------- */

static void add(struct proof_count *count, const struct seal_segment *segment)
{
    count->segments++;
    count->events += segment->last - segment->first + 1;
}

/* Nothing is there, of the whole producer. */
static bool judge_absent(struct proof *proof)
{
    const struct seal_segment *segment = &proof->segment;
    enum proof_pruned pruned;

    if (!proof->world.pruned(proof->world.self, segment, &pruned, &proof->why))
        return false;
    switch (pruned) {
    case PROOF_NOT_PRUNED:
        add_gap(proof, segment->first, segment->last);
        break;
    case PROOF_BOUNDARY:
        add(&proof->pruned, segment);
        break;
    case PROOF_OTHER_BOUNDARY:
        add(&proof->unproven, segment);
        tell_all(proof, PROOF_CHANGED);
        break;
    case PROOF_PRUNED:
        add(&proof->unproven, segment);
        tell_all(proof, PROOF_UNPROVEN);
        break;
    }
    return true;
}

/* The numbers that are there of it have all been met. */
static bool close_segment(struct proof *proof)
{
    const struct seal_segment *segment = &proof->segment;

    if (!proof->is_met)
        return judge_absent(proof);
    if (proof->next <= segment->last) {
        add_gap(proof, proof->next, segment->last);
        if (proof->suspect_first != 0)
            tell_changed(proof);
        return true;
    }

    struct digest sum = digester_so_far(proof->digester);
    bool holds = proof->is_whole ? digest_equal(&sum, &segment->sum)
                                 : proof->suspect_first == 0 && digest_equal(&proof->digest, &segment->digest);
    if (!holds)
        tell_changed(proof);
    if (holds && proof->is_whole)
        add(&proof->held, segment);
    return true;
}

static void leave_producer(struct proof *proof)
{
    tell_gap(proof, proof->is_met ? PROOF_TRUNCATED : PROOF_GONE);
    proof->held.producers += proof->is_met;
    proof->is_met = false;
    proof->before = (struct seal_segment){.first = 0};
    proof->between.count = 0;
}

static bool open_segment(struct proof *proof)
{
    struct seal_segment segment = {.first = 0};
    bool ended = false, is_first = !proof->has_segment;

    if (!proof->world.next(proof->world.self, &segment, &ended, &proof->why))
        return false;
    bool is_other = !ended && !is_first && uuid_compare(&segment.producer_id, &proof->segment.producer_id) != 0;

    if (!is_first && (ended || is_other))
        leave_producer(proof);
    else
        proof->before = proof->segment;
    proof->has_segment = !ended;
    if (ended)
        return true;
    add(&proof->asked, &segment);
    proof->asked.producers += is_first || is_other;
    proof->segment = segment;
    proof->next = segment.first;
    proof->is_whole = true;
    proof->suspect_first = 0;
    digester_begin(proof->digester);
    return true;
}

static bool go_on(struct proof *proof)
{
    return close_segment(proof) && open_segment(proof);
}

/* ---- number by number -------------------------------------------------------------------------------------------- */

/* The first number of a segment: do the events in front of it lead there? */
static void judge_between(struct proof *proof, const struct chain_step *step)
{
    const struct seal_segment *before = &proof->before;
    uint64_t room = step->sequence - before->last - 1;
    bool held_across =
        step->is_event && (before->first == 0 ? step->previous_digest.size == 0
                                              : slice_equal(step->previous_digest, digest_slice(&before->digest)));
    bool leads_elsewhere = step->link == CHAIN_LINK_BROKEN && proof->between.count == room;

    if (proof->between.count > 0 && (held_across || leads_elsewhere))
        tell(proof, PROOF_INSERTED, proof->between);
    proof->between.count = 0;
}

static void take_between(struct proof *proof, const struct chain_step *step)
{
    if (!step->is_event)
        return;
    if (proof->between.count == 0)
        proof->between.first = step->sequence;
    proof->between.last = step->sequence;
    proof->between.count++;
}

static void judge_link(struct proof *proof, const struct chain_step *step)
{
    if (step->link == CHAIN_LINK_BROKEN)
        suspect(proof, step->sequence - 1);
    if (step->link == CHAIN_LINK_UNKNOWN)
        suspect(proof, step->sequence);
}

static void take_sealed(struct proof *proof, const struct chain_step *step)
{
    if (step->sequence == proof->segment.first)
        judge_between(proof, step);
    else if (step->sequence == proof->next)
        judge_link(proof, step);
    if (step->sequence > proof->next) {
        add_gap(proof, proof->next, step->sequence - 1);
        proof->is_whole = false;
    }
    tell_gap(proof, PROOF_REMOVED);

    proof->next = step->sequence + 1;
    if (step->digest == NULL) {
        suspect(proof, step->sequence);
        return;
    }
    proof->digest = *step->digest;
    digester_add(proof->digester, digest_slice(step->digest));
}

/* -1: all of it is in front of the number; 0: the number is in it; 1: all of it is behind. */
static int compare(const struct seal_segment *segment, const struct chain_step *step)
{
    int order = uuid_compare(&segment->producer_id, step->producer_id);

    if (order != 0)
        return order;
    return segment->last < step->sequence ? -1 : segment->first > step->sequence;
}

static bool is_its(const struct proof *proof, const struct chain_step *step)
{
    return uuid_compare(&proof->segment.producer_id, step->producer_id) == 0;
}

static bool take(struct proof *proof, const struct chain_step *step)
{
    if (!proof->began && !open_segment(proof))
        return false;
    proof->began = true;

    while (proof->has_segment && compare(&proof->segment, step) < 0) {
        bool goes_on = is_its(proof, step);

        proof->is_met = proof->is_met || goes_on;
        if (!close_segment(proof))
            return false;
        if (goes_on)
            tell_gap(proof, PROOF_REMOVED);
        if (!open_segment(proof))
            return false;
    }
    if (!proof->has_segment || !is_its(proof, step))
        return true;
    proof->is_met = true;
    if (compare(&proof->segment, step) == 0)
        take_sealed(proof, step);
    else
        take_between(proof, step);
    return true;
}

void proof_step(void *self, const struct chain_step *step)
{
    struct proof *proof = self;

    if (!proof->failed)
        proof->failed = !take(proof, step);
}

bool proof_end(struct proof *proof, struct error *error)
{
    if (!proof->failed && !proof->began)
        proof->failed = !open_segment(proof);
    while (!proof->failed && proof->has_segment)
        proof->failed = !go_on(proof);
    if (proof->failed)
        *error = proof->why;
    return !proof->failed;
}
