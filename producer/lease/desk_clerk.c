#include "producer/lease/desk_clerk.h"

#include "producer/lease/desk_inside.h"

#include <assert.h>
#include <stdio.h>

/* ---- coming and going -------------------------------------------------------------------------------------------- */

bool desk_clerk_wanted(struct desk *desk)
{
    pthread_mutex_lock(&desk->lock);
    bool wanted = !desk->clerk_runs && !desk->is_stopping;
    if (wanted)
        desk->clerk_runs = true;
    desk->idle_since_us = 0;
    pthread_mutex_unlock(&desk->lock);
    return wanted;
}

void desk_clerk_failed(struct desk *desk)
{
    pthread_mutex_lock(&desk->lock);
    desk->clerk_runs = false;
    pthread_cond_broadcast(&desk->news);
    pthread_mutex_unlock(&desk->lock);
}

struct redis *desk_clerk_line(struct desk *desk)
{
    return desk->redis;
}

/* With the lock held. */
static void free_if_done(struct taskledger_lease *lease)
{
    if (lease->is_returned && !lease->is_sent && lease->holding.errand == ERRAND_NONE)
        desk_list_free(lease);
}

/* With the lock held: what was not told will not be. */
static void drop_errands(struct desk *desk)
{
    struct taskledger_lease *next;

    for (struct taskledger_lease *lease = desk->first; lease != NULL; lease = next) {
        next = lease->next;
        lease->holding.errand = ERRAND_NONE;
        free_if_done(lease);
    }
}

bool desk_clerk_ends(struct desk *desk)
{
    pthread_mutex_lock(&desk->lock);
    desk->counters.lease_connected = 0;
    if (desk->is_stopping)
        drop_errands(desk);
    bool ends = !desk_list_has_errands(desk);
    if (ends) {
        desk->clerk_runs = false;
        pthread_cond_broadcast(&desk->news);
    }
    pthread_mutex_unlock(&desk->lock);
    return ends;
}

/* ---- what is to be done ------------------------------------------------------------------------------------------ */

/* With the lock held: look at all of them, and find out when the first is due. */
static int64_t look(struct desk *desk, int64_t now_us)
{
    int64_t due_us = INT64_MAX;
    struct taskledger_lease *next;

    for (struct taskledger_lease *lease = desk->first; lease != NULL; lease = next) {
        next = lease->next;
        enum holding_state before = lease->holding.state;
        desk_list_look(lease, now_us);
        if (lease->holding.state != before)
            pthread_cond_broadcast(&desk->news);
        if (holding_due_us(&lease->holding) < due_us)
            due_us = holding_due_us(&lease->holding);
        free_if_done(lease);
    }
    return due_us;
}

/* With the lock held: those who have something come before those who want something. */
static void fill(struct desk *desk, struct desk_clerk_round *round, bool with_asking, int64_t now_us)
{
    for (struct taskledger_lease *lease = desk->first; lease != NULL; lease = lease->next) {
        bool asks = lease->holding.errand == ERRAND_ASK;

        if (round->count == DESK_CLERK_ROUND_MAX)
            return;
        if (asks != with_asking || holding_due_us(&lease->holding) > now_us)
            continue;
        lease->is_sent = true;
        round->items[round->count++] = (struct desk_clerk_item){lease, holding_send(&lease->holding, now_us)};
    }
}

/* With the lock held. While there are permits by the local limit it is tried again and again whether Redis is back. */
static int64_t next_us(struct desk *desk, int64_t now_us)
{
    int64_t due_us = look(desk, now_us);

    if (desk->away_since_us != 0 && desk_list_has_local(desk))
        due_us = now_us;
    return due_us < desk->rest_until_us ? desk->rest_until_us : due_us;
}

/* With the lock held: until when to wait; 0: it is time to go. */
static int64_t wait_end_us(struct desk *desk, int64_t due_us, int64_t now_us)
{
    if (due_us != INT64_MAX) {
        desk->idle_since_us = 0;
        return due_us;
    }
    if (desk->idle_since_us == 0)
        desk->idle_since_us = now_us;
    int64_t end_us = desk->idle_since_us + DESK_CLERK_IDLE_US;
    return now_us < end_us ? end_us : 0;
}

bool desk_clerk_wait(struct desk *desk)
{
    bool is_due = false;

    pthread_mutex_lock(&desk->lock);
    while (!desk->is_stopping) {
        int64_t now_us = desk_now_us();
        int64_t due_us = next_us(desk, now_us);

        is_due = due_us <= now_us;
        int64_t end_us = is_due ? 0 : wait_end_us(desk, due_us, now_us);
        if (end_us == 0)
            break;
        desk_wait_until(desk, &desk->work, end_us);
    }
    pthread_mutex_unlock(&desk->lock);
    return is_due;
}

void desk_clerk_take(struct desk *desk, struct desk_clerk_round *round)
{
    int64_t now_us = desk_now_us();

    round->sent = (struct holding_sent){.at_us = now_us, .at_boot_us = clock_boot_us()};
    round->count = 0;
    pthread_mutex_lock(&desk->lock);
    fill(desk, round, false, now_us);
    fill(desk, round, true, now_us);
    pthread_mutex_unlock(&desk->lock);
}

/* ---- what came of it --------------------------------------------------------------------------------------------- */

static struct holding *put_down(const struct desk_clerk_round *round, size_t number)
{
    struct taskledger_lease *lease = round->items[number].lease;

    assert(lease->is_sent);
    lease->is_sent = false;
    return &lease->holding;
}

void desk_clerk_answered(struct desk *desk, const struct desk_clerk_round *round, size_t number,
                         const struct verdict *verdict)
{
    const struct desk_clerk_item *item = &round->items[number];

    pthread_mutex_lock(&desk->lock);
    struct holding *holding = put_down(round, number);
    enum holding_state before = holding->state;
    holding_answered(holding, &item->errand, verdict, round->sent, desk_now_us());
    desk_list_note(item->lease, before);
    pthread_mutex_unlock(&desk->lock);
}

void desk_clerk_refused(struct desk *desk, const struct desk_clerk_round *round, size_t number,
                        const struct error *error)
{
    const struct desk_clerk_item *item = &round->items[number];

    pthread_mutex_lock(&desk->lock);
    struct holding *holding = put_down(round, number);
    enum holding_state before = holding->state;
    snprintf(desk->counters.lease_error, sizeof desk->counters.lease_error, "%.255s", error->text);
    holding_refused(holding, &item->errand, error, desk_now_us());
    desk_list_note(item->lease, before);
    pthread_mutex_unlock(&desk->lock);
}

void desk_clerk_unanswered(struct desk *desk, const struct desk_clerk_round *round, size_t number,
                           const struct error *error)
{
    pthread_mutex_lock(&desk->lock);
    holding_unanswered(put_down(round, number), error, desk_now_us());
    pthread_mutex_unlock(&desk->lock);
}

/* With the lock held. Who waits may have to be told. */
static void note_away(struct desk *desk, const struct error *error, int64_t now_us)
{
    snprintf(desk->counters.lease_error, sizeof desk->counters.lease_error, "%.255s", error->text);
    desk->away_seen_us = now_us;
    if (desk->away_since_us == 0)
        desk->away_since_us = now_us;
    for (struct taskledger_lease *lease = desk->first; lease != NULL; lease = lease->next)
        if (lease->holding.state == HOLDING_ASKED)
            lease->holding.why = *error;
}

void desk_clerk_done(struct desk *desk, const struct error *error, int64_t rest_us)
{
    int64_t now_us = desk_now_us();

    pthread_mutex_lock(&desk->lock);
    desk->counters.lease_connected = error == NULL;
    if (error != NULL)
        note_away(desk, error, now_us);
    else
        desk->away_since_us = 0;
    if (desk->is_closed && rest_us > DESK_CLERK_CLOSING_US)
        rest_us = DESK_CLERK_CLOSING_US;
    desk->rest_until_us = error == NULL ? 0 : now_us + rest_us;
    pthread_cond_broadcast(&desk->news);
    pthread_mutex_unlock(&desk->lock);
}
