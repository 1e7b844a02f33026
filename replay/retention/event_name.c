#include "replay/retention/event_name.h"

#include "proto/decimal.h"
#include "proto/event.h"

#include <string.h>

bool event_name_parse(const char *word, struct event_name *name, struct error *error)
{
    const char *hash = strchr(word, '#');
    char producer[UUID_TEXT_BYTES] = "";

    if (hash != NULL && (size_t)(hash - word) < sizeof producer)
        memcpy(producer, word, (size_t)(hash - word));
    if (hash != NULL && uuid_parse(producer, &name->producer_id) &&
        decimal_read(slice_from_text(hash + 1), EVENT_SEQUENCE_MAX, &name->sequence) && name->sequence > 0)
        return true;
    return error_set(
        error, ERROR_FATAL, "usage",
        "an EVENT is a producer's whole name, #, and a number, not \"%s\"; \"taskledger-replay history TASK "
        "--format jsonl\" tells both",
        word);
}
