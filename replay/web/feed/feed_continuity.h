/* feed_continuity: whether what is read of a shard follows right on what was read before. Pure arithmetic.
 *
 * XREAD silently passes over what was trimmed before it was read. But a stream is trimmed from its front: while an entry
 * is there, so is all that came behind it. So each answer is asked to begin with an entry that is known, the anchor: the
 * last one that was taken. One that does not is in doubt, nothing of it is taken, and the stream is looked at afterwards:
 *
 *   it begins at the place or before                whole: the anchor was deleted by hand
 *   as many were removed as were up to the place    whole: nothing behind it is missing
 *   more were removed, or nobody counts             a hole
 *   fewer                                           another stream
 *
 * What is whole then was so before, so nothing is between the place and the first entry of the answer in doubt: that one
 * is the next anchor, and is taken with the answer that begins with it. Redis before 7.0 counts nothing. */
#ifndef TASKLEDGER_REPLAY_WEB_FEED_FEED_CONTINUITY_H
#define TASKLEDGER_REPLAY_WEB_FEED_FEED_CONTINUITY_H

#include "proto/stream.h"
#include "replay/web/feed/feed_plan.h"

#include <stdbool.h>
#include <stdint.h>

enum feed_fate {
    FEED_WHOLE, /* it goes on where it was */
    FEED_HOLE,  /* some of what was not read was trimmed */
    FEED_BACK,  /* the stream went back */
};

enum feed_continuity_answer {
    FEED_ANSWER_NONE,    /* none is owed */
    FEED_ANSWER_ASKED,   /* nothing of it has come */
    FEED_ANSWER_FOLLOWS, /* it began with the anchor */
    FEED_ANSWER_REFUSED, /* it did not */
    FEED_ANSWER_DOUBT,   /* it has ended, and did not */
};

/* One shard. Zeroed: nothing was read. */
struct feed_continuity {
    struct stream_id place;  /* up to here everything was taken */
    struct stream_id anchor; /* what the next answer has to begin with */
    struct stream_id seen;   /* what the one in doubt began with; 0-0: it was empty */
    uint64_t entries;        /* that the stream ever had, up to the place ... */
    bool is_counted;         /* ... if that is known */
    enum feed_continuity_answer answer;
};

/* At the end of the stream as it is. */
void feed_continuity_begin(struct feed_continuity *continuity, const struct feed_stream *stream);

/* An answer is asked for: of what is behind the ID that is returned. */
struct stream_id feed_continuity_ask(struct feed_continuity *continuity);

/* The next entry of the answer: is it to be taken? */
bool feed_continuity_take(struct feed_continuity *continuity, struct stream_id id);

/* The answer has ended: did it follow? */
bool feed_continuity_end(struct feed_continuity *continuity);

/* The answer, or the rest of it, will not come any more. */
void feed_continuity_forget(struct feed_continuity *continuity);

/* Can it go on in a stream that looks like this now? Ends a doubt when it can. */
enum feed_fate feed_continuity_look(struct feed_continuity *continuity, const struct feed_stream *stream);

#endif
