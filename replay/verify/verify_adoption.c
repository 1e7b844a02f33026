#include "replay/verify/verify_adoption.h"

#include "replay/ledger.h"

#include <inttypes.h>

/* Stored, redacted, or set aside whole; a second row that was set aside under the number may be the one. */
static const struct postgres_statement statement = {"replay_adopted",
                                                    "SELECT bool_or(digest = $3::bytea) FROM"
                                                    " (SELECT sha256(payload) AS digest FROM taskledger.task_event"
                                                    "   WHERE producer_id = $1::uuid AND sequence = $2::int8"
                                                    "  UNION ALL SELECT digest FROM taskledger.redaction"
                                                    "   WHERE producer_id = $1::uuid AND sequence = $2::int8"
                                                    "  UNION ALL SELECT digest FROM taskledger.rejected_event"
                                                    "   WHERE producer_id = $1::uuid AND sequence = $2::int8) AS held"};

bool verify_adoption_check(const struct event *event, struct postgres *postgres, struct verify_report *report,
                           struct error *error)
{
    const struct producer_adopted *adopted = &event->producer_adopted;
    AUTO_POSTGRES_RESULT result = NULL;
    uint8_t last[sizeof(int64_t)];
    struct slice same;
    const struct postgres_parameter parameters[] = {
        {.value = slice_of(adopted->producer_id.bytes, UUID_BYTES)},
        {.value = ledger_bigint(adopted->last_sequence, last)},
        {.value = adopted->last_digest},
    };

    if (!postgres_query(postgres, &statement, parameters, 3, &result, error))
        return false;
    if (postgres_value(result, 0, 0, &same) && !postgres_read_boolean(same)) {
        const struct finding finding = {.kind = VERDICT_ADOPTION,
                                        .has_producer = true,
                                        .producer_id = adopted->producer_id,
                                        .first = adopted->last_sequence,
                                        .last = adopted->last_sequence};
        char adopter[UUID_TEXT_BYTES];

        uuid_format(&event->producer_id, adopter);
        verify_report_add(report, &finding,
                          "is not the last event that its adopter tells: number %" PRIu64 " of producer %s",
                          event->sequence, adopter);
    }
    return true;
}
