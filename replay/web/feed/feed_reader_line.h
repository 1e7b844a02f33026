/* feed_reader_line: one line of the reader, and the shards that are read over it.
 *
 *   news      XREAD COUNT 1 BLOCK, from behind the places: which shards have something? Nothing of it is taken
 *   entries   XREAD of these shards, from their anchors on, so that an answer shows itself whether it is whole
 *             (feed_continuity.h)
 *
 * An answer is parsed, and handed out, in parts as it comes. */
#ifndef TASKLEDGER_REPLAY_WEB_FEED_FEED_READER_LINE_H
#define TASKLEDGER_REPLAY_WEB_FEED_FEED_READER_LINE_H

#include "proto/arena.h"
#include "replay/web/feed/feed_continuity.h"
#include "replay/web/feed/feed_reader.h"

enum feed_reader_question { FEED_READER_NOTHING, FEED_READER_NEWS, FEED_READER_ENTRIES };

struct feed_reader_line {
    const struct feed_reader_options *options; /* borrowed, as are the next three */
    struct feed_continuity *continuity;        /* of its shards */
    unsigned first;                            /* of its shards ... */
    unsigned shards;                           /* ... and how many */

    struct redis *redis;                /* owned */
    enum feed_reader_question question; /* whose answer is owed */
    bool has_all;                       /* when it was asked last there was no more */
    int64_t answer_by_us;               /* or more of it */

    /* The rest is its own. */
    bool *has_news; /* of each shard */
    struct slice *words;
    char (*ids)[STREAM_ID_BYTES_MAX];
    struct entry *entries;
    struct entry_reader parsed;
    struct arena arena;
};

/* Set the first four, zero the rest. No socket yet. FATAL: "memory", "config". */
bool feed_reader_line_open(struct feed_reader_line *line, struct error *error);
void feed_reader_line_close(struct feed_reader_line *line); /* a zeroed one is fine */

/* Disconnects. What of a broken answer was not handed out is asked for again. */
void feed_reader_line_forget(struct feed_reader_line *line);

/* For news, unless an answer is owed. */
bool feed_reader_line_ask(struct feed_reader_line *line, struct error *error);

/* Take what has come without a wait; `question` is NOTHING when all that was asked for is here. Too long without anything
 * is TRANSIENT, "timeout". */
bool feed_reader_line_take(struct feed_reader_line *line, struct feed_taker taker, struct error *error);

#endif
