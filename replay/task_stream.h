/* task_stream: a command's look at what of a task is still in the stream. */
#ifndef TASKLEDGER_REPLAY_TASK_STREAM_H
#define TASKLEDGER_REPLAY_TASK_STREAM_H

#include "proto/error.h"
#include "proto/slice.h"
#include "replay/command.h"
#include "replay/verify/stream_tail.h"

#include <stdbool.h>

/* A zeroed one can be closed. */
struct task_stream {
    bool is_asked; /* Redis is configured */
    bool is_seen;  /* and answered */
    bool was_said; /* that it was not, or not in full: once until it is */
    struct stream_tail tail;
};

/* To be called before the ledger is read: what is archived in between is then found there. A stream that is not there
 * or does not let us in leaves an answer that is good but not whole, and is said on standard error. Fails only
 * FATAL. */
bool task_stream_look(struct task_stream *stream, const struct replay *replay, struct slice task_id,
                      struct error *error);

/* The key of the stream in which events of this task are. */
void task_stream_key(const struct settings *settings, struct slice task_id, char key[STREAM_KEY_BYTES_MAX]);

/* All that was asked for was seen. */
bool task_stream_is_whole(const struct task_stream *stream);

void task_stream_close(struct task_stream *stream);

#endif
