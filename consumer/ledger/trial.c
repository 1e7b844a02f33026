#include "consumer/ledger/trial.h"

#include "proto/event.h"

#include <string.h>

enum { BIRTH_BYTES = 6 }; /* of a UUIDv7: what partitions go by */

/* The same birth, everything else from the seed. */
static struct uuid stranger(const struct uuid *producer_id, const struct digest *seed)
{
    struct uuid uuid = *producer_id;

    memcpy(uuid.bytes + BIRTH_BYTES, seed->bytes, UUID_BYTES - BIRTH_BYTES);
    uuid.bytes[6] = (uint8_t)(0x70 | (uuid.bytes[6] & 0x0f));
    uuid.bytes[8] = (uint8_t)(0x80 | (uuid.bytes[8] & 0x3f));
    return uuid;
}

bool trial_entry(struct entry *entry, const struct uuid *producer_id, const struct digest *seed, struct arena *arena,
                 struct error *error)
{
    const struct event event = {.producer_id = stranger(producer_id, seed),
                                .sequence = 1,
                                .occurred_at_us = 1,
                                .body = EVENT_TASK_STATUS,
                                .task_status = {
                                    .task_id = slice_from_text("taskledger:trial"),
                                    .status = STATUS_RUNNING,
                                    .attempt = 1,
                                    .message = slice_from_text("never stored"),
                                    .data_json = slice_from_text("{\"trial\": true}"),
                                }};
    struct slice payload;

    if (!event_encode(&event, arena, &payload, error))
        return false;
    *entry = (struct entry){.state = ENTRY_WHOLE, .payload = payload, .payload_bytes = payload.size};
    return true;
}
