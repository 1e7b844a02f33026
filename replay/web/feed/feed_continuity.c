#include "replay/web/feed/feed_continuity.h"

static void count(struct feed_continuity *continuity, const struct feed_stream *stream)
{
    continuity->is_counted = stream->is_counted;
    continuity->entries = stream->added;
}

void feed_continuity_begin(struct feed_continuity *continuity, const struct feed_stream *stream)
{
    *continuity = (struct feed_continuity){.place = stream->last, .anchor = stream->last};
    count(continuity, stream);
}

struct stream_id feed_continuity_ask(struct feed_continuity *continuity)
{
    continuity->answer = FEED_ANSWER_ASKED;
    continuity->seen = (struct stream_id){.ms = 0};
    return stream_id_before(continuity->anchor);
}

bool feed_continuity_take(struct feed_continuity *continuity, struct stream_id id)
{
    if (continuity->answer == FEED_ANSWER_ASKED) {
        bool follows = stream_id_compare(id, continuity->anchor) == 0;
        continuity->answer = follows ? FEED_ANSWER_FOLLOWS : FEED_ANSWER_REFUSED;
        continuity->seen = id;
    }
    if (continuity->answer != FEED_ANSWER_FOLLOWS || stream_id_compare(id, continuity->place) <= 0)
        return false;
    continuity->place = id;
    continuity->anchor = id;
    continuity->entries++;
    return true;
}

bool feed_continuity_end(struct feed_continuity *continuity)
{
    bool follows = continuity->answer == FEED_ANSWER_FOLLOWS;

    continuity->answer = follows ? FEED_ANSWER_NONE : FEED_ANSWER_DOUBT;
    return follows;
}

void feed_continuity_forget(struct feed_continuity *continuity)
{
    continuity->answer = FEED_ANSWER_NONE;
}

/* Nothing up to the place is there any more, so all of that was removed. */
static enum feed_fate by_count(const struct feed_continuity *continuity, const struct feed_stream *stream)
{
    if (!continuity->is_counted || !stream->is_counted || stream->removed > continuity->entries)
        return FEED_HOLE;
    return stream->removed < continuity->entries ? FEED_BACK : FEED_WHOLE;
}

static enum feed_fate fate_of(const struct feed_continuity *continuity, const struct feed_stream *stream)
{
    switch (feed_plan_next(continuity->place, stream).source) {
    case FEED_PLAN_ANOTHER:
        return FEED_BACK;
    case FEED_PLAN_LEDGER:
        return by_count(continuity, stream);
    case FEED_PLAN_DONE:
    case FEED_PLAN_STREAM:
        break;
    }
    return FEED_WHOLE;
}

enum feed_fate feed_continuity_look(struct feed_continuity *continuity, const struct feed_stream *stream)
{
    enum feed_fate fate = fate_of(continuity, stream);

    /* Entries that were deleted by hand before they were read were not counted. */
    if (stream_id_compare(continuity->place, stream->last) == 0)
        count(continuity, stream);
    if (continuity->answer == FEED_ANSWER_DOUBT && fate == FEED_WHOLE) {
        bool has_seen = stream_id_compare(continuity->seen, continuity->place) > 0;
        continuity->anchor = has_seen ? continuity->seen : continuity->place;
        continuity->answer = FEED_ANSWER_NONE;
    }
    return fate;
}
