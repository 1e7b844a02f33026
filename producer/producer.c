#include "producer/taskledger/producer.h"

#include "producer/fork.h"
#include "producer/keeper.h"
#include "producer/lease/desk.h"
#include "producer/lease/farewell.h"
#include "producer/outbox.h"
#include "producer/producer_inside.h"
#include "producer/sender.h"
#include "producer/settings.h"
#include "producer/statement.h"
#include "proto/arena.h"
#include "proto/clock.h"
#include "proto/error.h"
#include "proto/generation.h"
#include "proto/thread.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SCRATCH_BYTES = 4096, /* most events are encoded without a malloc */
    STOP_MS = 50,         /* of the time to close, what is kept for ending the sender */
    REPORTS_AT_ONCE = 16, /* taken under the lock */
    SPOOL_MS = 150,       /* the same when there is a spool, which takes what is left */
};

struct taskledger_producer {
    struct settings settings;
    _Atomic(struct outbox *) outbox; /* of this process, or of an ancestor, or NULL */
    _Atomic(struct desk *) desk;     /* the same */
    _Atomic(uint64_t) lost;          /* emits for which there was not even memory for an outbox */
};

static _Thread_local char invalid_reason[ERROR_TEXT_MAX];
static _Thread_local struct outbox_identity last_identity;

const char *taskledger_version(void)
{
    return TASKLEDGER_VERSION;
}

const char *taskledger_result_name(enum taskledger_result result)
{
    static const char *const names[] = {
        [TASKLEDGER_ACCEPTED] = "accepted", [TASKLEDGER_FULL] = "full",     [TASKLEDGER_TOO_BIG] = "too_big",
        [TASKLEDGER_INVALID] = "invalid",   [TASKLEDGER_CLOSED] = "closed",
    };
    size_t number = (size_t)result;

    return number < sizeof names / sizeof names[0] ? names[number] : "unknown";
}

const char *taskledger_invalid_reason(void)
{
    return invalid_reason;
}

void taskledger_last_identity(struct taskledger_identity *identity)
{
    if (identity == NULL)
        return;
    *identity = (struct taskledger_identity){.sequence = last_identity.sequence};
    if (identity->sequence > 0)
        uuid_format(&last_identity.producer_id, identity->producer_id);
}

/* ---- open -------------------------------------------------------------------------------------------------------- */

static bool open_producer(struct taskledger_producer *producer, const struct taskledger_options *options,
                          struct error *error)
{
    if (!fork_watch())
        return error_set(error, ERROR_FATAL, "memory", "cannot get memory to watch for forks");
    return settings_init(&producer->settings, options, error);
}

struct taskledger_producer *taskledger_open(const struct taskledger_options *options, char *reason, size_t reason_size)
{
    struct taskledger_producer *producer = calloc(1, sizeof *producer);
    struct error error = {.text = "cannot get memory for a producer"};

    if (producer != NULL && open_producer(producer, options, &error))
        return producer;
    free(producer);
    if (reason != NULL && reason_size > 0)
        snprintf(reason, reason_size, "%s", error.text);
    return NULL;
}

/* ---- one outbox a process ---------------------------------------------------------------------------------------- */

/* NULL before the first emit in this process, also when an ancestor has emitted. */
static struct outbox *present_outbox(struct taskledger_producer *producer)
{
    struct outbox *outbox = atomic_load_explicit(&producer->outbox, memory_order_acquire);

    return outbox != NULL && outbox_generation(outbox) == generation_present() ? outbox : NULL;
}

/* The one that this process uses from now on. One that is inherited is not freed but forgotten: whatever locks were
 * held at the instant of the fork stay so for ever. */
static struct outbox *make_outbox(struct taskledger_producer *producer)
{
    struct outbox *seen = atomic_load(&producer->outbox);
    struct error error;

    if (seen != NULL && outbox_generation(seen) == generation_present())
        return seen;

    if (seen != NULL)
        fork_catch_up();
    struct outbox *made = outbox_new(&producer->settings, &error);
    if (made == NULL)
        return NULL;
    if (atomic_compare_exchange_strong(&producer->outbox, &seen, made)) {
        outbox_drop(made, atomic_exchange(&producer->lost, 0));
        return made;
    }
    outbox_release(made); /* another thread was first */
    return seen;
}

/* ---- one desk a process ------------------------------------------------------------------------------------------ */

static struct desk *present_desk(struct taskledger_producer *producer)
{
    struct desk *desk = atomic_load_explicit(&producer->desk, memory_order_acquire);

    return desk != NULL && desk_generation(desk) == generation_present() ? desk : NULL;
}

/* As with outboxes. */
static struct desk *make_desk(struct taskledger_producer *producer, struct error *error)
{
    struct desk *seen = atomic_load(&producer->desk);

    if (seen != NULL && desk_generation(seen) == generation_present())
        return seen;

    if (seen != NULL)
        fork_catch_up();
    struct desk *made = desk_new(&producer->settings, error);
    if (made == NULL)
        return NULL;
    if (atomic_compare_exchange_strong(&producer->desk, &seen, made)) {
        farewell_add(made);
        return made;
    }
    desk_release(made); /* another thread was first */
    return seen;
}

void producer_worker(const struct taskledger_producer *producer, char worker[SETTINGS_WORKER_BYTES_MAX + 1])
{
    settings_worker(&producer->settings, worker);
}

/* ---- emit -------------------------------------------------------------------------------------------------------- */

static bool is_open(const struct taskledger_producer *producer)
{
    return producer != NULL && !producer->settings.disabled;
}

/* Why there is no draft, as the caller hears it. */
static enum taskledger_result refuse(struct outbox *outbox, const struct error *error)
{
    bool oversized = strcmp(error->reason, "oversized") == 0;
    enum taskledger_result result = oversized ? TASKLEDGER_TOO_BIG : TASKLEDGER_INVALID;

    if (error->kind == ERROR_FATAL)
        return outbox_drop(outbox, 1);
    snprintf(invalid_reason, sizeof invalid_reason, "%s", error->text);
    outbox_count_refused(outbox, result);
    return result;
}

static enum taskledger_result emit(struct taskledger_producer *producer, struct outbox *outbox,
                                   const struct taskledger_event *event)
{
    alignas(max_align_t) uint8_t scratch[SCRATCH_BYTES];
    struct speaker speaker = {
        .worker = outbox_worker(outbox),
        .shards = producer->settings.shards,
    };
    enum taskledger_result result;
    struct arena arena;
    struct draft draft;
    struct error error;

    arena_init_with(&arena, scratch, sizeof scratch, 0);
    if (statement_make(event, &speaker, &arena, &draft, &error))
        result = outbox_put(outbox, &draft, &last_identity);
    else
        result = refuse(outbox, &error);
    arena_close(&arena);
    return result;
}

static enum taskledger_result emit_here(struct taskledger_producer *producer, const struct taskledger_event *event)
{
    struct outbox *outbox = make_outbox(producer);

    if (outbox == NULL) {
        atomic_fetch_add(&producer->lost, 1);
        return TASKLEDGER_FULL;
    }
    keeper_ensure(outbox, &producer->settings);
    enum taskledger_result result = emit(producer, outbox, event);
    sender_ensure(outbox, &producer->settings, false);
    return result;
}

enum taskledger_result taskledger_emit(struct taskledger_producer *producer, const struct taskledger_event *event)
{
    if (!is_open(producer) || event == NULL)
        return TASKLEDGER_CLOSED;

    int shield = thread_shield();
    enum taskledger_result result = emit_here(producer, event);
    thread_unshield(shield);
    return result;
}

struct outbox *producer_outbox(struct taskledger_producer *producer)
{
    struct outbox *outbox = is_open(producer) ? make_outbox(producer) : NULL;

    if (outbox != NULL)
        sender_ensure(outbox, &producer->settings, true);
    return outbox;
}

struct desk *producer_desk(struct taskledger_producer *producer, struct error *error)
{
    if (is_open(producer))
        return make_desk(producer, error);
    error_set(error, ERROR_FATAL, "config", "the producer is %s", producer == NULL ? "missing" : "disabled");
    return NULL;
}

const struct settings *producer_settings(const struct taskledger_producer *producer)
{
    return &producer->settings;
}

/* ---- flush, close, look ------------------------------------------------------------------------------------------ */

uint64_t taskledger_flush(struct taskledger_producer *producer, int32_t timeout_ms)
{
    struct outbox *outbox = producer == NULL ? NULL : present_outbox(producer);

    if (outbox == NULL)
        return 0;
    int shield = thread_shield();
    sender_ensure(outbox, &producer->settings, true);
    uint64_t left = outbox_flush(outbox, clock_deadline_us(clock_system(), timeout_ms));
    thread_unshield(shield);
    return left;
}

static uint64_t close_outbox(struct taskledger_producer *producer, struct outbox *outbox, int32_t timeout_ms)
{
    int32_t total_ms = timeout_ms > 0 ? timeout_ms : 0;
    int32_t wanted_ms = outbox_spools(outbox) ? SPOOL_MS : STOP_MS;
    int32_t stop_ms = total_ms / 2 < wanted_ms ? total_ms / 2 : wanted_ms;
    int64_t deadline_us = clock_deadline_us(clock_system(), total_ms);

    outbox_close(outbox);
    sender_ensure(outbox, &producer->settings, true);
    outbox_finish(outbox, deadline_us - INT64_C(1000) * stop_ms);
    uint64_t left = outbox_stop(outbox, deadline_us);
    outbox_release(outbox);
    return left;
}

static void close_desk(struct desk *desk, int64_t deadline_us)
{
    desk_finish(desk, deadline_us);
    desk_stop(desk, deadline_us);
    farewell_remove(desk);
    desk_release(desk);
}

/* What is held is given back while events are on their way. */
uint64_t taskledger_close(struct taskledger_producer *producer, int32_t timeout_ms)
{
    uint64_t left = 0;

    if (producer == NULL)
        return 0;
    int shield = thread_shield();
    int64_t deadline_us = clock_deadline_us(clock_system(), timeout_ms > 0 ? timeout_ms : 0);
    struct outbox *outbox = present_outbox(producer);
    struct desk *desk = present_desk(producer);
    if (desk != NULL)
        desk_close(desk);
    if (outbox != NULL)
        left = close_outbox(producer, outbox, timeout_ms);
    if (desk != NULL)
        close_desk(desk, deadline_us);
    settings_close(&producer->settings);
    free(producer);
    thread_unshield(shield);
    return left;
}

void taskledger_counters(struct taskledger_producer *producer, struct taskledger_counters *counters)
{
    struct taskledger_counters now = {.struct_size = 0};
    struct outbox *outbox = producer == NULL ? NULL : present_outbox(producer);
    struct desk *desk = producer == NULL ? NULL : present_desk(producer);

    if (counters == NULL)
        return;
    if (outbox != NULL)
        outbox_count(outbox, &now);
    else if (producer != NULL)
        now.dropped_memory = atomic_load(&producer->lost);
    if (desk != NULL)
        desk_count(desk, &now);

    /* A caller built against an older header has a shorter struct. */
    now.struct_size = counters->struct_size;
    memcpy(counters, &now, counters->struct_size < sizeof now ? counters->struct_size : sizeof now);
}

/* ---- reports ----------------------------------------------------------------------------------------------------- */

/* As its caller knows the struct: older ones know a shorter one. */
static void tell(const struct report *report, void *told, size_t size)
{
    struct taskledger_report whole = {
        .kind = report->kind,
        .first_sequence = report->first_sequence,
        .last_sequence = report->last_sequence,
    };

    uuid_format(&report->producer_id, whole.producer_id);
    snprintf(whole.reason, sizeof whole.reason, "%s", report->reason);
    memcpy(told, &whole, size < sizeof whole ? size : sizeof whole);
}

size_t taskledger_poll_reports(struct taskledger_producer *producer, struct taskledger_report *reports, size_t count,
                               size_t report_size)
{
    struct outbox *outbox = producer == NULL ? NULL : present_outbox(producer);
    struct report some[REPORTS_AT_ONCE];
    size_t told = 0;
    size_t got;

    if (outbox == NULL || reports == NULL)
        return 0;
    do {
        size_t wanted = count - told < REPORTS_AT_ONCE ? count - told : REPORTS_AT_ONCE;

        got = outbox_poll(outbox, some, wanted);
        for (size_t i = 0; i < got; i++)
            tell(&some[i], (char *)reports + (told + i) * report_size, report_size);
        told += got;
    } while (got == REPORTS_AT_ONCE);
    return told;
}
