#include "tests/support/fake_ledger.h"

#include "proto/digester.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static size_t next_row(uint64_t *count)
{
    assert_true(*count < FAKE_LEDGER_ROWS_MAX);
    return (size_t)(*count)++;
}

static void copy_text(char text[FAKE_LEDGER_TEXT_BYTES], struct slice from)
{
    assert_true(from.size < FAKE_LEDGER_TEXT_BYTES);
    memset(text, 0, FAKE_LEDGER_TEXT_BYTES);
    memcpy(text, from.data, from.size);
}

const struct fake_event *fake_ledger_event(const struct fake_ledger *ledger, struct slice producer_id,
                                           uint64_t sequence)
{
    for (size_t i = 0; i < ledger->event_count; i++) {
        const struct fake_event *event = &ledger->events[i];
        if (event->sequence == sequence && memcmp(event->producer_id, producer_id.data, UUID_BYTES) == 0)
            return event;
    }
    return NULL;
}

uint64_t fake_ledger_counted(const struct fake_ledger *ledger, const char *task_id)
{
    for (size_t i = 0; i < ledger->task_count; i++)
        if (strcmp(ledger->tasks[i].task_id, task_id) == 0)
            return ledger->tasks[i].event_count;
    return 0;
}

void fake_ledger_add_event(struct fake_ledger *ledger, struct slice producer_id, uint64_t sequence,
                           struct slice payload)
{
    struct fake_event *event = &ledger->events[next_row(&ledger->event_count)];
    struct digester *digester = digester_new();

    assert_non_null(digester);
    memcpy(event->producer_id, producer_id.data, UUID_BYTES);
    event->sequence = sequence;
    event->digest = digester_hash(digester, payload);
    digester_free(digester);
}

void fake_ledger_add_task(struct fake_ledger *ledger, struct slice task_id, uint64_t event_count)
{
    char text[FAKE_LEDGER_TEXT_BYTES];
    size_t place = 0;

    copy_text(text, task_id);
    while (place < ledger->task_count && strcmp(ledger->tasks[place].task_id, text) != 0)
        place++;
    if (place == ledger->task_count)
        memcpy(ledger->tasks[next_row(&ledger->task_count)].task_id, text, sizeof text);
    ledger->tasks[place].event_count += event_count;
}

void fake_ledger_add_run(struct fake_ledger *ledger, struct slice producer_id, uint64_t first, uint64_t last)
{
    struct fake_run run = {.first = first, .last = last};

    memcpy(run.producer_id, producer_id.data, UUID_BYTES);
    for (size_t i = 0; i < ledger->run_count; i++)
        if (memcmp(&ledger->runs[i], &run, sizeof run) == 0)
            return;
    ledger->runs[next_row(&ledger->run_count)] = run;
}

void fake_ledger_add_rejected(struct fake_ledger *ledger, struct slice digest)
{
    assert_int_equal(digest.size, DIGEST_BYTES);
    for (size_t i = 0; i < ledger->rejected_count; i++)
        if (memcmp(ledger->rejected[i].bytes, digest.data, DIGEST_BYTES) == 0)
            return;
    memcpy(ledger->rejected[next_row(&ledger->rejected_count)].bytes, digest.data, DIGEST_BYTES);
}

static void add_id(char ids[][FAKE_LEDGER_TEXT_BYTES], uint64_t *count, struct slice id)
{
    char text[FAKE_LEDGER_TEXT_BYTES];

    copy_text(text, id);
    for (size_t i = 0; i < *count; i++)
        if (strcmp(ids[i], text) == 0)
            return;
    memcpy(ids[next_row(count)], text, sizeof text);
}

void fake_ledger_add_lost(struct fake_ledger *ledger, struct slice id)
{
    add_id(ledger->lost, &ledger->lost_count, id);
}

void fake_ledger_add_tried(struct fake_ledger *ledger, struct slice id)
{
    add_id(ledger->tried, &ledger->tried_count, id);
}
