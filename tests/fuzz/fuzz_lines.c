/* Whatever stands in a line: it becomes an event whose texts can be stored, or is refused with a reason. */
#include "producer/emit/line.h"
#include "proto/error.h"
#include "proto/json.h"
#include "proto/utf8.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text)
{
    assert(utf8_check(slice_from_text(text)) == strlen(text == NULL ? "" : text));
}

static void check_event(const struct taskledger_event *event)
{
    const char *const texts[] = {
        event->task_id,     event->task_name,      event->worker,        event->step,
        event->message,     event->error_type,     event->error_message, event->error_traceback,
        event->traceparent, event->parent_task_id, event->queue,         event->data_json,
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        check_text(texts[i]);
    assert(event->status <= TASKLEDGER_CANCELLED);
    assert(event->attempt <= INT32_MAX);
    assert(event->progress == -1.0 || (event->progress >= 0.0 && event->progress <= 1.0));
    assert(event->occurred_at_us >= 0);
}

/* An object that was given as such was checked with its line. */
static void check_data(const struct taskledger_event *event, bool was_string)
{
    size_t offset;

    if (event->data_json != NULL && !was_string)
        assert(json_check_object(slice_from_text(event->data_json), JSON_DEPTH_MAX, &offset) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct line line;
    struct error error = {.kind = ERROR_NONE};
    char *text = malloc(size + 1);

    if (text == NULL)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';

    if (line_parse(text, size, &line, &error)) {
        const char *given = line.event.data_json;

        check_event(&line.event);
        check_data(&line.event, given != NULL && given > text && given[-1] == '"');
        assert((given == NULL) == (line.data_key == NULL));
    } else {
        assert(error.kind == ERROR_REJECTED && error.text[0] != '\0');
    }
    free(text);
    return 0;
}
