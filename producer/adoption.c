#include "producer/adoption.h"

#include "producer/arrived.h"
#include "producer/marks.h"
#include "producer/spool/glance.h"
#include "proto/arena.h"
#include "proto/backoff.h"
#include "proto/gate.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct adoption {
    struct adoption_options options;
    uint64_t random;

    struct spool *held;   /* NULL: none; what follows is about it */
    uint64_t last;        /* the ordinal of its last record; 0: not known yet */
    uint64_t sent_to;     /* Redis has answered up to here, */
    uint64_t reached;     /* and did up to here before it was sent again */
    uint64_t released_to; /* not wanted any more */
    bool sent_all;
    struct arrived arrived; /* of what comes behind sent_to */
    struct confirm confirm;
    struct adopted_identity identities[ADOPTION_IDENTITIES_MAX];
    size_t identity_count;

    int64_t due_us;               /* the next look */
    char tried[SPOOL_NAME_BYTES]; /* up to this name, in the present round */
    struct adoption_counters counters;
};

static int64_t now_us(const struct adoption *adoption)
{
    return adoption->options.clock->monotonic_us(adoption->options.clock->self);
}

/* Between that and twice as long. */
static void look_after(struct adoption *adoption, int64_t wait_ms)
{
    int64_t wait_us = wait_ms * 1000;

    adoption->due_us = now_us(adoption) + wait_us + (int64_t)(backoff_random(&adoption->random) % (uint64_t)wait_us);
}

struct adoption *adoption_new(const struct adoption_options *options)
{
    struct adoption *adoption = calloc(1, sizeof *adoption);

    if (adoption == NULL)
        return NULL;
    adoption->options = *options;
    adoption->random = options->seed;
    look_after(adoption, ADOPTION_FIRST_LOOK_MS);
    return adoption;
}

void adoption_free(struct adoption *adoption)
{
    if (adoption == NULL)
        return;
    adoption_let_go(adoption);
    free(adoption);
}

void adoption_abandon(struct adoption *adoption)
{
    if (adoption->held != NULL)
        spool_abandon(adoption->held);
}

/* ---- taking over ------------------------------------------------------------------------------------------------- */

static void hold(struct adoption *adoption, struct spool *spool)
{
    adoption->held = spool;
    adoption->last = adoption->sent_to = adoption->reached = adoption->released_to = 0;
    adoption->sent_all = false;
    adoption->arrived.count = 0;
    adoption->identity_count = 0;
    confirm_init(&adoption->confirm, adoption->options.clock, backoff_random(&adoption->random),
                 adoption->options.patience_ms);
}

void adoption_let_go(struct adoption *adoption)
{
    struct spool *spool = adoption->held;

    if (spool == NULL)
        return;
    gate_enter(GATE_SPOOL);
    adoption->held = NULL;
    if (adoption->options.close == NULL || !adoption->options.close(adoption->options.self, spool))
        spool_close(spool);
    gate_leave(GATE_SPOOL);
}

/* One round through the names. */
struct round {
    struct adoption *adoption;
    unsigned tries_left;
    bool failed;
    struct error error; /* the first */
};

/* In the gate: a child made in between would keep a lock that it knows nothing of. */
static bool take(struct adoption *adoption, const char *name, struct error *error)
{
    struct spool *spool = NULL;

    gate_enter(GATE_SPOOL);
    bool good = spool_adopt(&adoption->options.spool, name, &spool, error);
    if (spool != NULL)
        hold(adoption, spool);
    gate_leave(GATE_SPOOL);
    return good;
}

static bool try_one(void *self, const char *name)
{
    struct round *round = self;
    struct adoption *adoption = round->adoption;
    struct error error;

    if (strcmp(name, adoption->tried) <= 0)
        return true;
    snprintf(adoption->tried, sizeof adoption->tried, "%s", name);
    if (!take(adoption, name, &error)) {
        if (!round->failed)
            round->error = error;
        round->failed = true;
    }
    return !adoption_is_busy(adoption) && --round->tries_left > 0;
}

static bool look(struct adoption *adoption, unsigned tries, struct error *error)
{
    struct round round = {.adoption = adoption, .tries_left = tries};

    if (!spool_list(adoption->options.spool.directory, try_one, &round, error)) {
        look_after(adoption, ADOPTION_LOOK_MS);
        return false;
    }
    if (adoption_is_busy(adoption)) {
        adoption->due_us = now_us(adoption);
        return true;
    }
    if (round.tries_left == 0) {
        look_after(adoption, ADOPTION_FIRST_LOOK_MS);
    } else {
        adoption_begin_round(adoption);
        look_after(adoption, ADOPTION_LOOK_MS);
    }
    if (round.failed)
        *error = round.error;
    return !round.failed;
}

bool adoption_look(struct adoption *adoption, bool now, struct error *error)
{
    if (adoption_is_busy(adoption) || (!now && now_us(adoption) < adoption->due_us))
        return true;
    return look(adoption, now ? UINT_MAX : ADOPTION_TRIES_MAX, error);
}

void adoption_begin_round(struct adoption *adoption)
{
    adoption->tried[0] = '\0';
}

bool adoption_is_busy(const struct adoption *adoption)
{
    return adoption->held != NULL;
}

int64_t adoption_due_us(const struct adoption *adoption)
{
    return adoption->due_us;
}

struct spool *adoption_spool(struct adoption *adoption)
{
    return adoption->held;
}

/* ---- sending on -------------------------------------------------------------------------------------------------- */

bool adoption_fill(struct adoption *adoption, struct parcel *parcel, struct error *error)
{
    parcel_reset(parcel);
    if (!spool_read(adoption->held, adoption->sent_to + 1, parcel, error)) {
        adoption_let_go(adoption);
        return false;
    }
    arrived_tell(&adoption->arrived, parcel);
    adoption->sent_all = parcel->count == 0;
    return true;
}

/* NULL: there are more than can be told. */
static struct adopted_identity *find_identity(struct adoption *adoption, const struct uuid *producer_id)
{
    struct adopted_identity *identity = adoption->identities;

    for (size_t i = 0; i < adoption->identity_count; i++, identity++)
        if (uuid_compare(&identity->producer_id, producer_id) == 0)
            return identity;
    if (adoption->identity_count == ADOPTION_IDENTITIES_MAX)
        return NULL;
    adoption->identity_count++;
    *identity = (struct adopted_identity){.producer_id = *producer_id};
    return identity;
}

static void note_identity(struct adoption *adoption, const struct marks *marks, const struct confirm_mark *mark)
{
    struct adopted_identity *identity = find_identity(adoption, &mark->producer_id);
    struct slice last = parcel_payload(marks->parcel, &marks->parcel->items[marks->last]);
    struct digest digest = {.bytes = {0}};

    if (identity == NULL || mark->last_sequence <= identity->last_sequence)
        return;
    identity->closed = marks->said.body == EVENT_PRODUCER_CLOSED;
    if (!identity->closed && !adoption->options.hash(adoption->options.self, last, &digest))
        return;
    identity->last_sequence = mark->last_sequence;
    identity->last_digest = digest;
}

static void remove_to(struct adoption *adoption, uint64_t ordinal)
{
    const struct adoption_options *options = &adoption->options;

    if (options->release == NULL || !options->release(options->self, adoption->held, ordinal))
        spool_release(adoption->held, ordinal);
}

/* The last one of them stays until everything is done: whoever comes after us learns from it how far its producer
 * got. */
static void release(struct adoption *adoption, uint64_t ordinal)
{
    if (ordinal > adoption->released_to)
        adoption->released_to = ordinal;
    remove_to(adoption, ordinal - 1);
}

void adoption_sent(struct adoption *adoption, const struct parcel *parcel)
{
    struct marks marks = marks_of(parcel);
    struct confirm *confirm = adoption_confirm(adoption);
    struct confirm_mark mark;
    uint64_t ordinal = parcel->items[parcel->count - 1].ordinal;

    while (marks_next(&marks, &mark)) {
        note_identity(adoption, &marks, &mark);
        if (confirm != NULL)
            confirm_sent(confirm, &mark);
    }
    for (size_t i = 0; i < parcel->count; i++)
        adoption->counters.events += parcel->items[i].ordinal > adoption->reached;
    adoption->sent_to = ordinal;
    adoption->reached = ordinal > adoption->reached ? ordinal : adoption->reached;
    spool_note_sent(adoption->held, ordinal);
    adoption->arrived.count = 0;
    if (confirm == NULL)
        release(adoption, ordinal);
}

void adoption_sent_some(struct adoption *adoption, const struct parcel *parcel)
{
    arrived_note(&adoption->arrived, parcel);
}

bool adoption_is_sent(const struct adoption *adoption)
{
    return adoption->sent_all;
}

bool adoption_knows_end(const struct adoption *adoption)
{
    struct spool_look look;

    if (!spool_keeps(adoption->held))
        return false;
    spool_look(adoption->held, &look);
    return !look.lost_end;
}

const struct adopted_identity *adoption_identities(const struct adoption *adoption, size_t *count)
{
    *count = adoption->identity_count;
    return adoption->identities;
}

struct confirm *adoption_confirm(struct adoption *adoption)
{
    return adoption->held != NULL && spool_keeps(adoption->held) ? &adoption->confirm : NULL;
}

void adoption_confirmed(struct adoption *adoption, uint64_t ordinal)
{
    release(adoption, ordinal);
}

void adoption_rewind(struct adoption *adoption, uint64_t ordinal)
{
    adoption->sent_to = ordinal - 1;
    adoption->sent_all = false;
    adoption->arrived.count = 0;
}

bool adoption_finish(struct adoption *adoption)
{
    const struct confirm *confirm = adoption_confirm(adoption);
    struct spool_look look;

    if (!adoption->sent_all || (confirm != NULL && confirm_oldest(confirm) != NULL))
        return false;
    remove_to(adoption, adoption->sent_to);
    spool_look(adoption->held, &look);
    adoption->counters.damaged += look.damaged;
    adoption->counters.spools++;
    adoption_let_go(adoption);
    return true;
}

/* ---- looking on -------------------------------------------------------------------------------------------------- */

const struct adoption_counters *adoption_counters(const struct adoption *adoption)
{
    return &adoption->counters;
}

bool adoption_left(struct adoption *adoption, uint64_t *events, struct error *error)
{
    const struct spool_options *options = &adoption->options.spool;
    struct spool_look look;
    struct glance_events there;

    if (adoption->held == NULL) {
        *events = 0;
        return true;
    }
    if (adoption->last == 0) {
        const struct segment_home home = segment_home_of(options);

        if (!glance_count(options->directory, spool_name(adoption->held), &home, &there, error))
            return false;
        spool_look(adoption->held, &look);
        adoption->last = there.count + (look.first > 0 ? look.first - 1 : 0);
    }
    *events = adoption->last > adoption->released_to ? adoption->last - adoption->released_to : 0;
    return true;
}
