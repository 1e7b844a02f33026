#include "tests/bench/guard/sample.h"

#include "proto/digester.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    OPEN_TASKS = SAMPLE_TASKS / SAMPLE_PRODUCERS,
    LIFE = 7,
    MESSAGE_BYTES = 32,
    DATA_BYTES = 48,
};

#define BEGIN_US INT64_C(1767225600000000) /* the year 2026 */

struct texts {
    char task_id[UUID_TEXT_BYTES];
    char message[MESSAGE_BYTES];
    char data_json[DATA_BYTES];
};

/* The same in every run, and as well spread as a random number. */
static uint64_t mixed(uint64_t x)
{
    x += UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    return x ^ (x >> 31);
}

static struct uuid uuid_of(uint64_t number)
{
    const uint64_t words[] = {mixed(number), mixed(~number)};
    struct uuid uuid;

    memcpy(uuid.bytes, words, sizeof uuid.bytes);
    return uuid;
}

static struct uuid producer_of(size_t index)
{
    uint64_t random[] = {mixed(index), mixed(~(uint64_t)index)};

    return uuid_v7(BEGIN_US, (const uint8_t *)random);
}

/* ---- what a worker says ------------------------------------------------------------------------------------------ */

static void tell_running(struct taskledger_event *event, struct texts *texts, size_t step)
{
    static const char *const steps[] = {"collecting", "content_generation", "rendering", "uploading"};

    event->status = TASKLEDGER_RUNNING;
    event->step = steps[step];
    event->progress = 0.25 * (double)step;
    snprintf(texts->message, sizeof texts->message, "page %zu of 12", 3 * step);
    snprintf(texts->data_json, sizeof texts->data_json, "{\"tokens\":%zu,\"model\":\"m\"}", 511 * step);
    event->message = texts->message;
    event->data_json = texts->data_json;
}

static struct taskledger_event tell(size_t index, struct texts *texts)
{
    size_t number = index / SAMPLE_PRODUCERS;
    size_t life = number / OPEN_TASKS / LIFE, moment = number / OPEN_TASKS % LIFE;
    struct taskledger_event event = TASKLEDGER_EVENT_INIT;
    struct uuid task = uuid_of(life * SAMPLE_TASKS + index % SAMPLE_TASKS);

    uuid_format(&task, texts->task_id);
    event.task_id = texts->task_id;
    event.task_name = "reports.render_invoice";
    event.queue = "invoices";
    event.worker = "worker-17.example";
    if (moment == 0)
        event.status = TASKLEDGER_PENDING;
    else if (moment == 1)
        event.status = TASKLEDGER_QUEUED;
    else if (moment == LIFE - 1)
        event.status = TASKLEDGER_SUCCESS;
    else
        tell_running(&event, texts, moment - 2);
    return event;
}

/* ---- as the ledger has it ---------------------------------------------------------------------------------------- */

static struct task_status status_of(const struct taskledger_event *told)
{
    return (struct task_status){
        .task_id = slice_from_text(told->task_id),
        .status = (enum status)told->status,
        .task_name = slice_from_text(told->task_name),
        .queue = slice_from_text(told->queue),
        .worker = slice_from_text(told->worker),
        .step = slice_from_text(told->step),
        .has_progress = told->progress >= 0,
        .progress = told->progress,
        .message = slice_from_text(told->message),
        .data_json = slice_from_text(told->data_json),
    };
}

static struct event event_of(const struct sample *sample, size_t index)
{
    struct event event = {
        .producer_id = producer_of(index % SAMPLE_PRODUCERS),
        .sequence = 1 + index / SAMPLE_PRODUCERS,
        .occurred_at_us = BEGIN_US + (int64_t)index * 37,
        .body = EVENT_TASK_STATUS,
        .task_status = status_of(&sample->told[index]),
    };

    if (index >= SAMPLE_PRODUCERS)
        event.previous_digest = digest_slice(&sample->digests[index - SAMPLE_PRODUCERS]);
    return event;
}

static void make(struct sample *sample)
{
    static struct texts texts[SAMPLE_EVENTS];
    static struct arena arena; /* never closed: the payloads live in it */
    struct digester *digester = digester_new();
    struct error error;
    struct slice payload;

    if (digester == NULL)
        abort();
    for (size_t i = 0; i < SAMPLE_EVENTS; i++) {
        sample->told[i] = tell(i, &texts[i]);
        sample->events[i] = event_of(sample, i);
        sample->tasks[i] = (unsigned)(i % SAMPLE_TASKS);
        if (!event_encode(&sample->events[i], &arena, &payload, &error))
            abort();
        sample->digests[i] = digester_hash(digester, payload);
        sample->entries[i] = (struct entry){
            .id = {.ms = (uint64_t)(BEGIN_US / 1000) + i / 100, .sequence = i % 100},
            .payload = payload,
            .payload_bytes = payload.size,
        };
    }
    digester_free(digester);
}

const struct sample *sample(void)
{
    static struct sample sample;

    if (sample.events[0].sequence == 0)
        make(&sample);
    return &sample;
}
