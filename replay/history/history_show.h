/* history_show: a task's events as rows, from the ledger and from the stream, each once, in one order.
 *
 * What is still in the stream is put where it belongs among what is archived. A row tells how long after the one before
 * it something happened, and whether it says the very same; so the row shown last is kept, and newest first each row
 * waits for the next. */
#ifndef TASKLEDGER_REPLAY_HISTORY_HISTORY_SHOW_H
#define TASKLEDGER_REPLAY_HISTORY_HISTORY_SHOW_H

#include "proto/arena.h"
#include "proto/digester.h"
#include "proto/error.h"
#include "replay/history/history_marks.h"
#include "replay/history/history_rows.h"
#include "replay/ledger_events.h"
#include "replay/output/output.h"
#include "replay/verify/stream_tail.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A zeroed one with what is borrowed set is ready. */
struct history_show {
    struct output *output;             /* borrowed, as all here; its section of events has begun. NULL: see `take` */
    const struct history_marks *marks; /* sorted */
    struct stream_tail *tail;          /* sorted, what is archived marked */
    const char *stream;                /* its key */
    struct digester *digester;         /* NULL: not --raw */
    bool is_newest_first;

    /* Given each row instead of an output, as for machines: borrowed for the call. */
    void (*take)(void *self, const struct history_rows_event *row);
    void *self;

    /* The rest is its own. */
    struct arena reading; /* of the event that is read; to be given to ledger_events_read */
    struct arena kept;    /* of the last one */
    struct arena texts[2];
    unsigned texts_now;
    struct history_rows_event last;
    bool has_last;
    uint32_t shown_attempt;
    size_t tail_shown;
};

/* The section that such rows are of. */
const struct section *history_show_section(const struct history_show *show);

/* Called by ledger_events_read with a struct history_show: what is in the stream and comes before the event, then the
 * event. */
ledger_events_visitor history_show_archived;

/* What is left of the stream, and the last row. FATAL, "memory". */
bool history_show_finish(struct history_show *show, struct error *error);

/* One more event, as it comes in, behind all others. `event` is borrowed from the arena `reading`, respectively from
 * the tail: before that is closed, history_show_forget. */
bool history_show_new(struct history_show *show, const struct ledger_event *event, enum timeline_mark mark,
                      struct error *error);
bool history_show_new_waiting(struct history_show *show, const struct stream_tail_event *event, enum timeline_mark mark,
                              struct error *error);

/* The last row's texts are about to go: the next one says nothing of what it says again, and of how long after it came
 * only as far as that is known without them. */
void history_show_forget(struct history_show *show);

void history_show_close(struct history_show *show);

/* Whether one event of a task comes before another as they are shown: by attempt and time. */
bool history_show_comes_before(const struct event *a, const struct event *b);

#endif
