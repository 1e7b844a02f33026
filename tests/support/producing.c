#include "tests/support/producing.h"

#include "tests/support/fake_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

struct producing producing;

struct taskledger_options producing_options(void)
{
    struct taskledger_options options = TASKLEDGER_OPTIONS_INIT;

    options.backoff_base_ms = 1;
    options.backoff_cap_ms = 5;
    options.request_timeout_ms = 20;
    options.spool = TASKLEDGER_SPOOL_OFF;
    return options;
}

int producing_begin(void **state)
{
    struct taskledger_options options = producing_options();

    (void)state;
    fake_line_reset();
    auditor_init(&producing.auditor);
    producing.producer = taskledger_open(&options, NULL, 0);
    return producing.producer == NULL ? -1 : 0;
}

int producing_end(void **state)
{
    (void)state;
    taskledger_close(producing.producer, 0);
    auditor_close(&producing.auditor);
    return 0;
}

void producing_reopen(const struct taskledger_options *with)
{
    taskledger_close(producing.producer, 0);
    producing.producer = taskledger_open(with, NULL, 0);
    assert_non_null(producing.producer);
}

enum taskledger_result producing_emit(void)
{
    struct taskledger_event event = TASKLEDGER_EVENT_INIT;

    event.task_id = "task";
    event.status = TASKLEDGER_RUNNING;
    return taskledger_emit(producing.producer, &event);
}

void producing_emit_many(size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_int_equal(producing_emit(), TASKLEDGER_ACCEPTED);
}

struct taskledger_counters producing_counters(void)
{
    struct taskledger_counters counters = TASKLEDGER_COUNTERS_INIT;

    taskledger_counters(producing.producer, &counters);
    return counters;
}

void producing_close_well(void)
{
    assert_int_equal(taskledger_close(producing.producer, PRODUCING_ENOUGH_MS), 0);
    producing.producer = NULL;
}

void producing_audit(void)
{
    for (size_t i = 0; i < fake_line_count(); i++)
        auditor_read(&producing.auditor, fake_line_entry(i)->payload);
}

int64_t producing_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
