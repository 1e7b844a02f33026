#include "replay/seal/segments.h"

void segments_end(struct segments *segments)
{
    if (!segments->is_open)
        return;
    segments->segment.sum = digester_so_far(segments->digester);
    segments->is_open = false;
    if (segments->is_hearsay) {
        segments->unknown++;
        return;
    }
    segments->tell(segments->self, &segments->segment);
}

static bool continues(const struct segments *segments, const struct chain_step *step)
{
    return segments->is_open && step->link == CHAIN_LINK_HOLDS && step->sequence == segments->segment.last + 1 &&
           uuid_compare(step->producer_id, &segments->segment.producer_id) == 0;
}

void segments_step(void *self, const struct chain_step *step)
{
    struct segments *segments = self;

    if (step->digest == NULL) {
        segments_end(segments);
        segments->unknown++;
        return;
    }
    if (continues(segments, step)) {
        segments->is_hearsay = false;
    } else {
        segments_end(segments);
        digester_begin(segments->digester);
        segments->segment = (struct seal_segment){.producer_id = *step->producer_id, .first = step->sequence};
        segments->is_open = true;
        segments->is_hearsay = !step->is_event;
    }
    segments->segment.last = step->sequence;
    segments->segment.digest = *step->digest;
    digester_add(segments->digester, digest_slice(step->digest));
}
