/* leasing: a producer over the Redis of fake_leases, and what tests ask of it; fresh for every test. */
#ifndef TASKLEDGER_TESTS_SUPPORT_LEASING_H
#define TASKLEDGER_TESTS_SUPPORT_LEASING_H

#include "producer/taskledger/lease.h"

#include <stdint.h>

/* How long to wait at most for what is sure to happen; the shortest lease; so long nobody waits for an answer. */
enum { LEASING_ENOUGH_MS = 20000, LEASING_SHORT_MS = 2000, LEASING_TIMEOUT_MS = 600 };

extern struct taskledger_producer *leasing;

/* For cmocka: before and after each test. */
int leasing_begin(void **state);
int leasing_end(void **state);

/* Go on with another producer. */
void leasing_reopen(void);

struct taskledger_claim_request leasing_claim(const char *task_id);
struct taskledger_permit_request leasing_permit(const char *name, uint32_t limit);

/* What must be granted. */
struct taskledger_lease *leasing_get_claim(const char *task_id);
struct taskledger_lease *leasing_get_permit(const char *name, uint32_t limit);

/* Must be lost in time. */
void leasing_wait_until_lost(struct taskledger_lease *lease);

struct taskledger_counters leasing_counters(void);

#endif
