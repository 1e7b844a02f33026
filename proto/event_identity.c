#include "proto/event.h"
#include "proto/wire.h"

#include <string.h>

/* As in event.proto. */
enum { PRODUCER_ID_FIELD = 1, SEQUENCE_FIELD = 2 };

bool event_identity(struct slice payload, struct uuid *producer_id, uint64_t *sequence)
{
    struct slice id;
    uint64_t number;

    if (payload.size > EVENT_BYTES_MAX || !wire_find_bytes(payload, PRODUCER_ID_FIELD, &id) ||
        !wire_find_varint(payload, SEQUENCE_FIELD, &number) || id.size != UUID_BYTES || number < 1 ||
        number > EVENT_SEQUENCE_MAX)
        return false;
    memcpy(producer_id->bytes, id.data, UUID_BYTES);
    *sequence = number;
    return true;
}
