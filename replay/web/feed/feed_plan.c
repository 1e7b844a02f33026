#include "replay/web/feed/feed_plan.h"

#include <stdint.h>

static struct stream_id right_behind(struct stream_id id)
{
    if (id.sequence < UINT64_MAX)
        return (struct stream_id){.ms = id.ms, .sequence = id.sequence + 1};
    return (struct stream_id){.ms = id.ms + 1};
}

/* IDs of the ledger fit into a bigint, so that is where a millisecond ends. */
struct stream_id feed_plan_right_before(struct stream_id id)
{
    if (id.sequence > 0)
        return (struct stream_id){.ms = id.ms, .sequence = id.sequence - 1};
    if (id.ms > 0)
        return (struct stream_id){.ms = id.ms - 1, .sequence = INT64_MAX};
    return id;
}

/* Somebody right before the first entry, too, has all before it: there is no ID in between. */
static bool begins_late(struct stream_id place, const struct feed_stream *stream)
{
    return !stream->has_entries ||
           (stream_id_compare(stream->first, place) > 0 && stream_id_compare(stream->first, right_behind(place)) != 0 &&
            stream_id_compare(feed_plan_right_before(stream->first), place) != 0);
}

bool feed_plan_is_whole(struct stream_id place, const struct feed_stream *stream)
{
    return stream_id_compare(place, stream->last) == 0 || !begins_late(place, stream);
}

struct feed_plan feed_plan_next(struct stream_id place, const struct feed_stream *stream)
{
    int order = stream_id_compare(place, stream->last);

    if (order == 0)
        return (struct feed_plan){.source = FEED_PLAN_DONE, .after = place};
    if (order > 0)
        return (struct feed_plan){.source = FEED_PLAN_ANOTHER, .after = place};
    if (!begins_late(place, stream))
        return (struct feed_plan){.source = FEED_PLAN_STREAM, .after = place};
    return (struct feed_plan){
        .source = FEED_PLAN_LEDGER,
        .after = place,
        .before = stream->has_entries ? stream->first : right_behind(stream->last),
    };
}
