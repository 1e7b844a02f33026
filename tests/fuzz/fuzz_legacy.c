/* Whatever stands in an item of an old list: it becomes an event whose texts can be stored, or is refused with a
 * reason. */
#include "producer/emit/bridge/legacy.h"
#include "proto/error.h"
#include "proto/event.h"
#include "proto/json.h"
#include "proto/utf8.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text, size_t limit)
{
    size_t size = text == NULL ? 0 : strlen(text);

    assert(utf8_check(slice_from_text(text)) == size);
    assert(size <= limit);
}

static void check_event(const struct taskledger_event *event)
{
    size_t offset;

    assert(event->task_id != NULL && event->task_id[0] != '\0');
    assert(event->status >= TASKLEDGER_PENDING && event->status <= TASKLEDGER_CANCELLED);
    assert(event->occurred_at_us >= 0 && event->occurred_at_us <= EVENT_TIME_MAX_US);
    check_text(event->task_id, SIZE_MAX);
    check_text(event->task_name, SIZE_MAX);
    check_text(event->worker, SIZE_MAX);
    check_text(event->error_type, LEGACY_ERROR_TYPE_BYTES);
    check_text(event->error_message, LEGACY_ERROR_MESSAGE_BYTES);
    check_text(event->error_traceback, LEGACY_TRACEBACK_BYTES);
    if (event->data_json != NULL)
        assert(json_check_object(slice_from_text(event->data_json), JSON_DEPTH_MAX, &offset) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct legacy_rules rules = {.zone = "+01:00"};
    static struct legacy legacy;
    struct error error = {.kind = ERROR_NONE};
    uint8_t *item = malloc(size > 0 ? size : 1);

    if (item == NULL)
        return 0;
    if (size > 0)
        memcpy(item, data, size);
    if (legacy_parse(&legacy, slice_of(item, size), &rules, &error))
        check_event(&legacy.event);
    else
        assert(error.kind == ERROR_REJECTED && error.text[0] != '\0');
    free(item);
    return 0;
}
