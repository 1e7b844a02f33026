#include "consumer/ledger/apply.h"

#include "consumer/ledger/intake.h"
#include "consumer/ledger/known.h"
#include "consumer/ledger/rows.h"
#include "consumer/ledger/suspect_rows.h"
#include "consumer/ledger/trial.h"
#include "consumer/postgres/sqlstate.h"
#include "consumer/recovery/retell.h"
#include "consumer/stream/keys.h"

#include <stdio.h>
#include <stdlib.h>

/* Others may store the same events between the look and the COPY; each time there are fewer left. */
enum { TRIES_MAX = 8, DETAIL_BYTES = 128 };

const char *const apply_reason_names[APPLY_REASONS] = {
    [APPLY_OVERSIZED] = "oversized",
    [APPLY_UNDECODABLE] = "undecodable",
    [APPLY_UNKNOWN_BODY] = "unknown_body",
    [APPLY_UNKNOWN_STATUS] = "unknown_status",
    [APPLY_INVALID] = "invalid",
    [APPLY_MALFORMED_ENTRY] = "malformed_entry",
    [APPLY_IDENTITY_CONFLICT] = "identity_conflict",
    [APPLY_REFUSED] = "refused",
    [APPLY_CRASHES] = "crashes",
};

struct apply {
    struct postgres *postgres;
    const struct clock *clock;
    struct keys keys;
    struct digester *digester;
    struct intake intake;
    struct known known;
    struct columns retell;
    struct rows rows;
    bool wary;         /* the last batch held events that were there: look before copying */
    bool watches_late; /* the last batch held events of pruned producers: the same */
    struct apply_counters counters;
};

/* ---- life ------------------------------------------------------------------------------------------------------- */

static bool init(struct apply *apply, const struct apply_options *options, struct error *error)
{
    if (apply->digester == NULL || !keys_init(&apply->keys, options->stream, options->shards))
        return error_set(error, ERROR_FATAL, "memory", "cannot get memory for the sink");
    return intake_init(&apply->intake, error);
}

struct apply *apply_new(struct postgres *postgres, const struct apply_options *options, struct error *error)
{
    struct apply *apply = calloc(1, sizeof *apply);

    if (apply == NULL) {
        error_set(error, ERROR_FATAL, "memory", "cannot get memory for the sink");
        return NULL;
    }
    apply->postgres = postgres;
    apply->clock = options->clock == NULL ? clock_system() : options->clock;
    apply->digester = digester_new();
    known_init(&apply->known, apply->digester);
    retell_init(&apply->retell);
    rows_init(&apply->rows, postgres, &apply->keys, apply->digester);
    if (init(apply, options, error))
        return apply;

    apply_free(apply);
    return NULL;
}

void apply_free(struct apply *apply)
{
    if (apply == NULL)
        return;
    rows_close(&apply->rows);
    columns_close(&apply->retell);
    known_close(&apply->known);
    intake_close(&apply->intake);
    digester_free(apply->digester);
    keys_close(&apply->keys);
    free(apply);
}

const struct apply_counters *apply_counters(const struct apply *apply)
{
    return &apply->counters;
}

/* ---- counting --------------------------------------------------------------------------------------------------- */

static void count_delay(struct apply *apply, const struct event *event, int64_t now_us)
{
    int64_t delay_us = now_us - event->occurred_at_us;

    histogram_add(&apply->counters.delay_us, &histogram_delay_us, delay_us < 0 ? 0 : (uint64_t)delay_us);
}

static void count_stored(struct apply *apply, const struct event *event, int64_t now_us)
{
    const struct producer_dropped *hole = &event->producer_dropped;

    apply->counters.events++;
    if (event->body == EVENT_TASK_STATUS)
        apply->counters.statuses[event->task_status.status]++;
    if (event->body == EVENT_PRODUCER_DROPPED)
        apply->counters.dropped += hole->last_sequence - hole->first_sequence + 1;
    count_delay(apply, event, now_us);
}

static void count_row(struct apply *apply, const struct intake_row *row, int64_t now_us)
{
    switch (row->state) {
    case INTAKE_NEW:
        count_stored(apply, &row->event, now_us);
        break;
    case INTAKE_DUPLICATE:
        apply->counters.duplicates++;
        break;
    case INTAKE_CONFLICT:
        apply->counters.rejected[APPLY_IDENTITY_CONFLICT]++;
        break;
    case INTAKE_LATE:
        apply->counters.late++;
        break;
    }
}

static void count_batch(struct apply *apply, const struct batch *batch)
{
    int64_t now_us = apply->clock->unix_us(apply->clock->self);

    for (size_t i = 0; i < apply->intake.count; i++)
        count_row(apply, &apply->intake.rows[i], now_us);
    for (const struct intake_fault *fault = apply->intake.faults; fault != NULL; fault = fault->next)
        apply->counters.rejected[fault->reason]++;
    for (size_t i = 0; i < batch->count; i++)
        apply->counters.deleted += batch->entries[i].state == ENTRY_DELETED;
    apply->counters.batches++;
    apply->counters.last_commit_us = now_us;
}

/* ---- applying --------------------------------------------------------------------------------------------------- */

static bool has_deletions_or_suspects(const struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->entries[i].state == ENTRY_DELETED || suspect_rows_has_one(&batch->entries[i]))
            return true;
    }
    return false;
}

/* All of it is stored already. */
static bool is_needless(const struct intake *intake, const struct batch *batch)
{
    return !intake_has(intake, INTAKE_NEW) && !intake_has(intake, INTAKE_CONFLICT) &&
           !intake_has(intake, INTAKE_LATE) && intake->faults == NULL && !has_deletions_or_suspects(batch);
}

/* What is there already is marked, and left out of the COPY. */
static bool look_up(struct apply *apply, struct error *error)
{
    size_t found;

    if (!known_mark(&apply->known, apply->postgres, &apply->intake, &found, error))
        return false;
    apply->wary = found > 0;
    apply->counters.looked_up++;
    return found == 0 || retell_put(&apply->retell, apply->postgres, &apply->intake, error);
}

static bool look_for_late(struct apply *apply, struct error *error)
{
    size_t found;

    if (!late_mark(&apply->rows.late, apply->postgres, &apply->intake, &found, error))
        return false;
    apply->watches_late = found > 0;
    return found == 0 || retell_put(&apply->retell, apply->postgres, &apply->intake, error);
}

static bool store(struct apply *apply, const struct batch *batch, struct error *error)
{
    intake_mark(&apply->intake);
    if ((apply->wary && !look_up(apply, error)) || (apply->watches_late && !look_for_late(apply, error)))
        return false;
    return is_needless(&apply->intake, batch) ||
           (rows_begin(&apply->rows, &apply->intake, error) && rows_finish(&apply->rows, &apply->intake, batch, error));
}

/* What failed on this side of the line has left a transaction open. */
static bool failed(struct apply *apply, struct error *error)
{
    if (error->kind == ERROR_FATAL)
        postgres_close(apply->postgres);
    return false;
}

static bool apply_batch(void *self, const struct batch *batch, struct error *error)
{
    struct apply *apply = self;

    if (!postgres_open(apply->postgres, error) || !intake_read(&apply->intake, batch, error))
        return false;

    for (int tries = 0; tries < TRIES_MAX; tries++) {
        struct error why = {.kind = ERROR_NONE};

        if (store(apply, batch, &why)) {
            count_batch(apply, batch);
            return true;
        }
        if (why.reason != sqlstate_duplicate_key && why.reason != sqlstate_late) {
            *error = why;
            return failed(apply, error);
        }
        apply->wary = apply->wary || why.reason == sqlstate_duplicate_key;
        apply->watches_late = apply->watches_late || why.reason == sqlstate_late;
    }
    return error_set(error, ERROR_TRANSIENT, "contention", "could not apply %zu events: others are storing them",
                     apply->intake.count);
}

/* ---- condemning ------------------------------------------------------------------------------------------------- */

/* Begin a transaction if an event that nothing can be wrong with would be stored in the place of this one. */
static bool try_another(struct apply *apply, const struct entry *entry, const struct uuid *producer_id,
                        struct error *error)
{
    struct digest seed = digester_hash(apply->digester, entry->payload);
    struct arena arena;
    struct entry other;

    arena_init(&arena, 0);
    bool good = trial_entry(&other, producer_id, &seed, &arena, error) &&
                intake_read(&apply->intake, &(struct batch){.entries = &other, .count = 1}, error) &&
                rows_try(&apply->rows, &apply->intake, error);
    arena_close(&arena);
    return good;
}

/* The row that was refused becomes a fault. */
static bool blame(struct intake *intake, const struct error *why, struct error *error)
{
    if (intake->count == 0)
        return true; /* a fault already */

    const struct intake_fault refused = {
        .entry = intake->rows[0].entry,
        .reason = APPLY_REFUSED,
        .has_identity = true,
        .producer_id = intake->rows[0].event.producer_id,
        .sequence = intake->rows[0].event.sequence,
    };
    intake->count = 0;
    return intake_add_fault(intake, &refused, why->text, error);
}

static bool set_aside(struct apply *apply, const struct batch *batch, const struct error *why, struct error *error)
{
    struct intake *intake = &apply->intake;

    if (!intake_read(intake, batch, error))
        return false;
    struct uuid producer_id = intake->count == 0 ? (struct uuid){{0}} : intake->rows[0].event.producer_id;

    return try_another(apply, batch->entries, &producer_id, error) && intake_read(intake, batch, error) &&
           blame(intake, why, error) && rows_finish(&apply->rows, intake, batch, error);
}

static bool condemn(void *self, const struct entry *entry, const struct error *why, struct error *error)
{
    struct apply *apply = self;
    const struct batch batch = {.entries = entry, .count = 1};
    struct error refusal = {.kind = ERROR_NONE};

    if (!postgres_open(apply->postgres, error))
        return false;
    if (set_aside(apply, &batch, why, &refusal)) {
        count_batch(apply, &batch);
        return true;
    }
    if (refusal.kind == ERROR_REJECTED)
        return error_set(error, ERROR_TRANSIENT, "server", "could not apply: good events are refused too: %s",
                         refusal.text);
    *error = refusal;
    return failed(apply, error);
}

/* ---- setting aside ---------------------------------------------------------------------------------------------- */

static bool add_crashing(struct intake *intake, const struct entry *entry, struct error *error)
{
    char detail[DETAIL_BYTES];
    struct intake_fault fault = {.entry = entry, .reason = APPLY_CRASHES};

    fault.has_identity = event_identity(entry->payload, &fault.producer_id, &fault.sequence);
    snprintf(detail, sizeof detail,
             "delivered %u times, and applied alone twice by a consumer that ended before it was done",
             entry->deliveries);
    return intake_add_fault(intake, &fault, detail, error);
}

bool apply_set_aside(struct apply *apply, const struct entry *entry, struct error *error)
{
    const struct batch batch = {.entries = entry, .count = 1};
    const struct batch nothing = {.count = 0};
    struct intake *intake = &apply->intake;

    if (!postgres_open(apply->postgres, error))
        return false;
    if (!intake_read(intake, &nothing, error) || !add_crashing(intake, entry, error) ||
        !rows_begin(&apply->rows, intake, error) || !rows_finish(&apply->rows, intake, &batch, error))
        return failed(apply, error);
    count_batch(apply, &batch);
    return true;
}

struct sink apply_sink(struct apply *apply)
{
    return (struct sink){.apply = apply_batch, .condemn = condemn, .self = apply};
}
