/* feed_event: an event as a client gets it: one line of JSON, and the SSE block around it.
 *
 * What a page needs to fold it into its table, and nothing that can be large: no data, no traceback; texts are cut to
 * FEED_EVENT_TEXT_BYTES, at a character, with an ellipsis at the end. IDs are whole. All keys are there, null where
 * nothing was said. Only events of tasks are told. */
#ifndef TASKLEDGER_REPLAY_WEB_FEED_FEED_EVENT_H
#define TASKLEDGER_REPLAY_WEB_FEED_FEED_EVENT_H

#include "proto/event.h"
#include "proto/json_writer.h"
#include "replay/web/feed/feed_filter.h"

#include <stdbool.h>

enum {
    FEED_EVENT_TEXT_BYTES = 512,

    /* Each byte of a text may become six (\u001f). */
    FEED_EVENT_JSON_BYTES_MAX = 6 * (2 * EVENT_TASK_ID_BYTES_MAX + 7 * FEED_EVENT_TEXT_BYTES) + 1024,
};

/* Append {"task_id":...} to the writer. The event is one of a task. */
void feed_event_write(const struct event *event, struct json_writer *json);

/* Borrows from the event, which is one of a task. */
struct feed_subject feed_event_subject(const struct event *event);

/* Everything of one SSE block: "event: NAME", "data: DATA", "id: ID" unless that is empty, and a blank line. DATA and ID
 * have no line ends. Appended, so that several may stand in one writer. */
void feed_event_block(struct json_writer *text, const char *name, struct slice data, struct slice id);

/* Such a block with another ID, which is not empty. */
void feed_event_reblock(struct json_writer *text, struct slice block, struct slice id);

#endif
