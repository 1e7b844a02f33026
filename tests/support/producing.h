/* producing: a producer over the fake line and an auditor for what arrives there; fresh for every test. */
#ifndef TASKLEDGER_TESTS_SUPPORT_PRODUCING_H
#define TASKLEDGER_TESTS_SUPPORT_PRODUCING_H

#include "producer/taskledger/producer.h"
#include "tests/support/auditor.h"

#include <stddef.h>
#include <stdint.h>

/* How long to wait at most for what is sure to happen. */
enum { PRODUCING_ENOUGH_MS = 30000 };

struct producing {
    struct taskledger_producer *producer;
    struct auditor auditor;
};

extern struct producing producing;

/* For cmocka: before and after each test. */
int producing_begin(void **state);
int producing_end(void **state);

/* Those of `producing.producer`: short waits. */
struct taskledger_options producing_options(void);

/* Go on with another producer. */
void producing_reopen(const struct taskledger_options *with);

/* An event of the task "task". */
enum taskledger_result producing_emit(void);
void producing_emit_many(size_t count);

struct taskledger_counters producing_counters(void);

/* Close it, with everything delivered. */
void producing_close_well(void);

/* Audit what the line has kept. */
void producing_audit(void);

int64_t producing_now_ms(void);

#endif
