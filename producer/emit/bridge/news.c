#include "producer/emit/bridge/news.h"

#include "producer/emit/console.h"
#include "producer/emit/delivery.h"
#include "proto/clock.h"

#include <inttypes.h>
#include <stdio.h>

static int64_t now_us(void)
{
    return clock_system()->monotonic_us(clock_system()->self);
}

void news_init(struct news *news, const struct configuration *configuration, const struct old_list *list)
{
    *news = (struct news){.configuration = configuration, .list = list};
}

/* ---- items ------------------------------------------------------------------------------------------------------- */

static void tell_rejected(struct news *news)
{
    if (news->untold == 1)
        console_say("an item is set aside in %s: %s", news->list->rejected, news->reason);
    else if (news->untold > 1)
        console_say("%" PRIu64 " items are set aside in %s; the last one: %s", news->untold, news->list->rejected,
                    news->reason);
    if (news->untold > 0)
        news->speak_at_us = now_us() + NEWS_SILENCE_MS * 1000;
    news->untold = 0;
}

static void reject(struct news *news, uint64_t count, const char *reason)
{
    news->rejected += count;
    news->untold += count;
    snprintf(news->reason, sizeof news->reason, "%s", reason);
}

void news_too_long(struct news *news, uint64_t count)
{
    if (count > 0)
        reject(news, count, "longer than 1 MiB");
}
_Static_assert(OLD_LIST_ITEM_BYTES_MAX == 1024 * 1024, "what is told is the limit");

/* What is dated ahead of its time outranks what others say later. */
static void tell_times(struct news *news, const struct news_batch *batch)
{
    int64_t ahead_s = (batch->latest_us - clock_system()->unix_us(clock_system()->self)) / 1000000;

    if (batch->undated > 0 && !news->told_undated) {
        news->told_undated = true;
        console_say("an item has a timestamp that means nothing: such events are dated by the moment they are read");
    }
    if (ahead_s > NEWS_AHEAD_S && !news->told_ahead) {
        news->told_ahead = true;
        console_say("an item is dated %" PRId64 " minutes ahead of now: if that is local time, say which by --zone",
                    ahead_s / 60);
    }
}

void news_settled(struct news *news, const struct news_batch *batch)
{
    if (batch->rejected > 0)
        reject(news, batch->rejected, batch->reason);
    tell_times(news, batch);
    if (news->stream_is_away)
        console_say("the stream takes events again");
    news->stream_is_away = false;
    news->open_since_us = 0;
    news->emitted += batch->emitted;
    news->undated += batch->undated;
}

/* ---- servers ----------------------------------------------------------------------------------------------------- */

static void find_reason(const struct news *news, struct taskledger_producer *producer,
                        char reason[DELIVERY_REASON_BYTES])
{
    struct taskledger_counters counters = TASKLEDGER_COUNTERS_INIT;

    taskledger_counters(producer, &counters);
    delivery_reason(news->configuration, &counters, reason);
}

void news_open(struct news *news, struct taskledger_producer *producer)
{
    char reason[DELIVERY_REASON_BYTES];

    if (news->open_since_us == 0)
        news->open_since_us = now_us();
    if (news->stream_is_away || now_us() < news->open_since_us + NEWS_SILENCE_MS * 1000)
        return;
    news->stream_is_away = true;
    find_reason(news, producer, reason);
    console_say("events are not taken: %s; what they are made from stays in %s", reason, news->list->taken);
}

void news_away(struct news *news, const struct error *error)
{
    if (!news->list_is_away)
        console_say("going on when it is possible again: %s", error->text);
    news->list_is_away = true;
}

void news_turn(struct news *news)
{
    if (news->list_is_away)
        console_say("%s: going on", redis_address(news->list->redis));
    news->list_is_away = false;
    if (now_us() >= news->speak_at_us)
        tell_rejected(news);
}

void news_given_up(const struct news *news, struct taskledger_producer *producer)
{
    char reason[DELIVERY_REASON_BYTES];

    find_reason(news, producer, reason);
    if (news->list_is_away)
        console_say("gave up: %s: cannot be reached", redis_address(news->list->redis));
    else
        console_say("gave up: %s", reason);
}

/* ---- the sum ----------------------------------------------------------------------------------------------------- */

void news_end(struct news *news, size_t unsettled)
{
    tell_rejected(news);
    console_say("%" PRIu64 " items emitted, %" PRIu64 " set aside", news->emitted, news->rejected);
    if (news->undated > 0)
        console_say("%" PRIu64 " of them had a timestamp that means nothing", news->undated);
    if (unsettled > 0)
        console_say("%zu items may still be in %s, from where the next bridge takes them", unsettled,
                    news->list->taken);
}

bool news_has_findings(const struct news *news)
{
    return news->rejected > 0;
}
