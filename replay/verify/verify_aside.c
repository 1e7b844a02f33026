#include "replay/verify/verify_aside.h"

#include "proto/digester.h"
#include "proto/event.h"

static bool names_itself(const struct verify_aside *aside)
{
    const struct finding *row = aside->finding;
    struct error why = {.kind = ERROR_NONE};
    struct event event;
    bool has_identity = false;

    if (!row->has_producer)
        return true;
    event_decode(aside->payload, &event, &has_identity, &why);
    return has_identity && event.sequence == row->first && uuid_compare(&event.producer_id, &row->producer_id) == 0;
}

static const char *fault_of_whole(const struct verify_aside *aside, struct digester *digester)
{
    struct digest digest = digester_hash(digester, aside->payload);

    if (!slice_equal(digest_slice(&digest), aside->digest))
        return "the digest is not that of the bytes";
    return names_itself(aside) ? NULL : "the bytes name another producer or number than the row, or none";
}

static const char *fault_of(const struct verify_aside *aside, struct digester *digester)
{
    uint64_t kept = aside->payload_bytes < EVENT_BYTES_MAX ? aside->payload_bytes : EVENT_BYTES_MAX;

    if (aside->payload.size != kept)
        return "not as many bytes as the row says";
    if (!aside->is_malformed && aside->payload_bytes <= EVENT_BYTES_MAX)
        return fault_of_whole(aside, digester);
    return aside->finding->has_producer ? "a producer and a number that its bytes cannot tell" : NULL;
}

bool verify_aside_check(const struct verify_aside *aside, struct verify_report *report, struct error *error)
{
    struct digester *digester = digester_new();

    if (digester == NULL)
        return error_set(error, ERROR_FATAL, "memory", "cannot hash: out of memory");
    const char *fault = fault_of(aside, digester);
    if (fault != NULL) {
        struct finding finding = *aside->finding;

        finding.kind = VERDICT_SET_ASIDE;
        verify_report_add(report, &finding, "%s", fault);
    }
    digester_free(digester);
    return true;
}
