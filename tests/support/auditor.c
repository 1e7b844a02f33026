#include "tests/support/auditor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

void auditor_init(struct auditor *auditor)
{
    *auditor = (struct auditor){.digester = digester_new()};
    assert_non_null(auditor->digester);
}

void auditor_close(struct auditor *auditor)
{
    digester_free(auditor->digester);
    free(auditor->payloads);
    arena_close(&auditor->arena);
}

static bool is_of_present_identity(const struct auditor *auditor, const struct event *event)
{
    return auditor->seen_any && uuid_compare(&event->producer_id, &auditor->last.producer_id) == 0;
}

static void keep(struct auditor *auditor, uint64_t sequence, struct slice payload)
{
    while (sequence >= auditor->payloads_capacity) {
        size_t capacity = auditor->payloads_capacity == 0 ? 1024 : 2 * auditor->payloads_capacity;
        struct slice *grown = realloc(auditor->payloads, capacity * sizeof *grown);

        assert_non_null(grown);
        memset(grown + auditor->payloads_capacity, 0, (capacity - auditor->payloads_capacity) * sizeof *grown);
        auditor->payloads = grown;
        auditor->payloads_capacity = capacity;
    }
    auditor->payloads[sequence] = payload;
}

static void begin_identity(struct auditor *auditor, const struct event *event)
{
    assert_int_equal(event->body, EVENT_PRODUCER_OPENED);
    assert_int_equal(event->sequence, 1);
    assert_int_equal(event->previous_digest.size, 0);
    assert_true(!auditor->seen_any || auditor->last.body == EVENT_PRODUCER_CLOSED);
    if (auditor->payloads != NULL)
        memset(auditor->payloads, 0, auditor->payloads_capacity * sizeof *auditor->payloads);
    auditor->identities++;
}

static void follow_identity(struct auditor *auditor, const struct event *event)
{
    assert_int_not_equal(auditor->last.body, EVENT_PRODUCER_CLOSED);
    assert_true(slice_equal(event->previous_digest, digest_slice(&auditor->digest)));
    if (event->sequence == auditor->last.sequence + 1) {
        assert_int_not_equal(event->body, EVENT_PRODUCER_DROPPED);
        return;
    }
    assert_int_equal(event->body, EVENT_PRODUCER_DROPPED);
    assert_int_equal(event->producer_dropped.first_sequence, auditor->last.sequence + 1);
    assert_int_equal(event->producer_dropped.last_sequence, event->sequence - 1);
}

static void count(struct auditor *auditor, const struct event *event)
{
    const struct producer_dropped *dropped = &event->producer_dropped;

    auditor->statuses += event->body == EVENT_TASK_STATUS;
    auditor->closed += event->body == EVENT_PRODUCER_CLOSED;
    if (event->body != EVENT_PRODUCER_DROPPED)
        return;
    auditor->holes++;
    auditor->dropped += dropped->last_sequence - dropped->first_sequence + 1;
    snprintf(auditor->last_reason, sizeof auditor->last_reason, "%.*s", SLICE_PRINT(dropped->reason));
}

void auditor_read(struct auditor *auditor, struct slice payload)
{
    struct event event;
    struct error error;
    bool has_identity;
    struct slice copy = arena_copy(&auditor->arena, payload);

    if (!event_decode(copy, &event, &has_identity, &error))
        fail_msg("%s: %s", error.reason, error.text);
    if (!is_of_present_identity(auditor, &event)) {
        begin_identity(auditor, &event);
    } else if (event.sequence <= auditor->last.sequence) {
        assert_true(slice_equal(copy, auditor->payloads[event.sequence]));
        auditor->again++;
        return;
    } else {
        follow_identity(auditor, &event);
    }
    count(auditor, &event);
    keep(auditor, event.sequence, copy);
    auditor->digest = digester_hash(auditor->digester, copy);
    auditor->last = event;
    auditor->seen_any = true;
}
