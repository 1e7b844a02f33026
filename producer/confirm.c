#include "producer/confirm.h"

#include "proto/backoff.h"

#include <assert.h>
#include <string.h>

void confirm_init(struct confirm *confirm, const struct clock *clock, uint64_t seed, int64_t patience_ms)
{
    assert(patience_ms >= 1 && patience_ms <= CONFIRM_PATIENCE_MAX_MS);
    confirm->count = 0;
    confirm->clock = clock;
    confirm->random = seed;
    confirm->watched = (struct uuid){.bytes = {0}};
    confirm->watermark = 0;
    confirm->patience_ms = confirm->patience_least_ms = patience_ms;
}

/* ---- when -------------------------------------------------------------------------------------------------------- */

static int64_t now_us(const struct confirm *confirm)
{
    return confirm->clock->monotonic_us(confirm->clock->self);
}

/* So far from now, give or take a quarter, in microseconds: that those who lost the same Redis do not come in step. */
static int64_t jittered(struct confirm *confirm, int64_t wait_ms)
{
    int64_t half_us = wait_ms * 1000 / 2;
    int64_t drawn_us = (int64_t)(backoff_random(&confirm->random) % (uint64_t)(half_us + 1));

    return now_us(confirm) + wait_ms * 750 + drawn_us;
}

static void ask_after(struct confirm *confirm, int64_t wait_ms)
{
    confirm->ask_wait_ms = wait_ms < CONFIRM_ASK_MAX_MS ? wait_ms : CONFIRM_ASK_MAX_MS;
    confirm->ask_due_us = jittered(confirm, confirm->ask_wait_ms);
}

static void look_after(struct confirm *confirm, int64_t patience_ms)
{
    confirm->patience_ms = patience_ms < CONFIRM_PATIENCE_MAX_MS ? patience_ms : CONFIRM_PATIENCE_MAX_MS;
    confirm->look_due_us = jittered(confirm, confirm->patience_ms);
}

enum confirm_due confirm_due(const struct confirm *confirm, bool in_hurry, int64_t *due_us)
{
    const struct confirm_mark *oldest = confirm_oldest(confirm);
    int64_t now = now_us(confirm);

    *due_us = INT64_MAX;
    if (oldest == NULL)
        return CONFIRM_NOTHING;

    /* What the ledger has by now may well be gone from Redis: no look without having been told since. */
    if (now >= confirm->look_due_us && confirm->told_us >= confirm->look_due_us)
        return oldest->placed ? CONFIRM_LOOK : CONFIRM_AGAIN;

    int64_t hurried_us = confirm->asked_us + INT64_C(1000) * CONFIRM_ASK_HURRY_MS;
    int64_t at_us = confirm->ask_due_us;

    if (confirm->asked_us < confirm->look_due_us && confirm->look_due_us < at_us)
        at_us = confirm->look_due_us;
    if (in_hurry && hurried_us < at_us)
        at_us = hurried_us;
    if (now >= at_us)
        return CONFIRM_ASK;
    *due_us = at_us;
    return CONFIRM_NOTHING;
}

/* ---- marks ------------------------------------------------------------------------------------------------------- */

const struct confirm_mark *confirm_oldest(const struct confirm *confirm)
{
    return confirm->count == 0 ? NULL : &confirm->marks[0];
}

static void remove_mark(struct confirm *confirm, size_t place)
{
    struct confirm_mark *mark = &confirm->marks[place];

    confirm->count--;
    memmove(mark, mark + 1, (confirm->count - place) * sizeof *mark);
}

static bool same_producer(const struct confirm_mark *a, const struct confirm_mark *b)
{
    return uuid_compare(&a->producer_id, &b->producer_id) == 0;
}

/* The two take the place of the first. Where sequences go back, which no producer of ours does, so does the first
 * one. */
static void join_next(struct confirm *confirm, size_t place)
{
    struct confirm_mark *mark = &confirm->marks[place];
    const struct confirm_mark *next = mark + 1;

    mark->last_ordinal = next->last_ordinal;
    if (next->first_sequence < mark->first_sequence)
        mark->first_sequence = next->first_sequence;
    if (next->last_sequence > mark->last_sequence)
        mark->last_sequence = next->last_sequence;
    remove_mark(confirm, place + 1);
}

/* Make room for one more. The smallest: so all stay about as fine as each other. Where no two neighbours are of one
 * identity, which takes a spool that none of ours wrote, two become one that is never confirmed: nothing is
 * forgotten. */
static void make_room(struct confirm *confirm)
{
    uint64_t smallest = UINT64_MAX;
    size_t place = 0;

    if (confirm->count < CONFIRM_MARKS_MAX)
        return;
    for (size_t i = 0; i + 1 < confirm->count; i++) {
        const struct confirm_mark *mark = &confirm->marks[i];
        uint64_t events = mark[1].last_ordinal - mark->first_ordinal;

        if (events < smallest && same_producer(mark, mark + 1)) {
            smallest = events;
            place = i;
        }
    }
    join_next(confirm, place);
    if (smallest == UINT64_MAX)
        confirm->marks[place].last_sequence = UINT64_MAX;
}

static void insert_mark(struct confirm *confirm, size_t place, const struct confirm_mark *inserted)
{
    struct confirm_mark *mark = &confirm->marks[place];

    assert(confirm->count < CONFIRM_MARKS_MAX);
    memmove(mark + 1, mark, (confirm->count - place) * sizeof *mark);
    *mark = *inserted;
    confirm->count++;
}

void confirm_sent(struct confirm *confirm, const struct confirm_mark *mark)
{
    if (confirm->count == 0) {
        confirm->asked_us = confirm->told_us = now_us(confirm);
        ask_after(confirm, CONFIRM_ASK_MS);
        look_after(confirm, confirm->patience_ms);
    }
    make_room(confirm);
    insert_mark(confirm, confirm->count, mark);
}

void confirm_forget_before(struct confirm *confirm, uint64_t ordinal)
{
    while (confirm->count > 0 && confirm->marks[0].last_ordinal < ordinal)
        remove_mark(confirm, 0);
    if (confirm->count > 0 && confirm->marks[0].first_ordinal < ordinal) {
        confirm->marks[0].first_ordinal = ordinal;
        confirm->marks[0].placed = false;
    }
}

/* ---- the watermark ----------------------------------------------------------------------------------------------- */

/* How many of its first events the ledger has for certain: those up to `sequence`, less every number of the mark that
 * may belong to no event. */
static uint64_t archived_events(const struct confirm_mark *mark, uint64_t sequence)
{
    uint64_t numbers = mark->last_sequence - mark->first_sequence;
    uint64_t events = mark->last_ordinal - mark->first_ordinal;

    if (sequence < mark->first_sequence || numbers < events)
        return 0;
    uint64_t holes = numbers - events;
    uint64_t passed = sequence - mark->first_sequence + 1;
    return passed > holes ? passed - holes : 0;
}

/* The watermark stands within the mark: it begins behind it, where that is in Redis nobody knows. */
static uint64_t shorten(struct confirm_mark *mark, uint64_t sequence)
{
    uint64_t events = archived_events(mark, sequence);

    if (sequence >= mark->first_sequence)
        mark->placed = false;
    mark->first_ordinal += events;
    mark->first_sequence += events;
    return events == 0 ? 0 : mark->first_ordinal - 1;
}

static uint64_t take_confirmed(struct confirm *confirm, const struct uuid *producer_id, uint64_t sequence)
{
    struct confirm_mark *oldest = &confirm->marks[0];
    uint64_t confirmed = 0;

    while (confirm->count > 0 && uuid_compare(&oldest->producer_id, producer_id) == 0 &&
           oldest->last_sequence <= sequence) {
        confirmed = oldest->last_ordinal;
        remove_mark(confirm, 0);
    }
    if (confirm->count == 0 || uuid_compare(&oldest->producer_id, producer_id) != 0)
        return confirmed;

    uint64_t within = shorten(oldest, sequence);
    return within > confirmed ? within : confirmed;
}

/* Whether it is another than was told of this producer before. */
static bool note_watermark(struct confirm *confirm, const struct uuid *producer_id, uint64_t sequence)
{
    bool known = uuid_compare(&confirm->watched, producer_id) == 0;
    bool moved = known && confirm->watermark != sequence;

    confirm->watched = *producer_id;
    confirm->watermark = sequence;
    return moved;
}

uint64_t confirm_archived(struct confirm *confirm, const struct uuid *producer_id, uint64_t sequence)
{
    const struct confirm_mark *oldest = confirm_oldest(confirm);

    /* Everything is being sent again since it was asked for. */
    if (oldest == NULL || uuid_compare(&oldest->producer_id, producer_id) != 0)
        return 0;

    bool moved = note_watermark(confirm, producer_id, sequence);
    uint64_t confirmed = take_confirmed(confirm, producer_id, sequence);
    bool of_another = confirm->count > 0 && uuid_compare(&oldest->producer_id, producer_id) != 0;

    confirm->asked_us = confirm->told_us = now_us(confirm);
    ask_after(confirm, moved || confirmed > 0 ? CONFIRM_ASK_MS : 2 * confirm->ask_wait_ms);
    if (moved || confirmed > 0)
        look_after(confirm, confirm->patience_least_ms);
    if (of_another)
        confirm->ask_due_us = confirm->asked_us;
    return confirmed;
}

void confirm_unanswered(struct confirm *confirm)
{
    confirm->asked_us = now_us(confirm);
    ask_after(confirm, 2 * confirm->ask_wait_ms);
}

void confirm_refused(struct confirm *confirm)
{
    confirm_unanswered(confirm);
    confirm->told_us = confirm->asked_us;
}

uint64_t confirm_watermark(const struct confirm *confirm)
{
    const struct confirm_mark *oldest = confirm_oldest(confirm);
    bool known = oldest != NULL && uuid_compare(&confirm->watched, &oldest->producer_id) == 0;

    return known ? confirm->watermark : 0;
}

/* ---- look, again ------------------------------------------------------------------------------------------------- */

uint64_t confirm_looked(struct confirm *confirm, bool is_there)
{
    const struct confirm_mark *oldest = confirm_oldest(confirm);

    if (oldest == NULL)
        return 0;
    look_after(confirm, 2 * confirm->patience_ms);
    if (is_there)
        return 0;
    confirm->count = 0;
    return oldest->first_ordinal;
}

void confirm_sent_again(struct confirm *confirm, const struct confirm_mark *mark)
{
    struct confirm_mark *oldest = &confirm->marks[0];

    if (confirm->count == 0 || mark->last_ordinal < oldest->first_ordinal)
        return;
    look_after(confirm, 2 * confirm->patience_ms);
    if (mark->last_ordinal >= oldest->last_ordinal) {
        *oldest = *mark;
        return;
    }
    make_room(confirm);
    oldest->first_ordinal = mark->last_ordinal + 1;
    oldest->first_sequence = mark->last_sequence + 1;
    oldest->placed = false;
    insert_mark(confirm, 0, mark);
}
