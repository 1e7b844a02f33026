/* spooling: a producer with a spool, over the fake line and a real folder whose disk fills up and gets stuck when it is
 * told to; fresh for every test. */
#ifndef TASKLEDGER_TESTS_SUPPORT_SPOOLING_H
#define TASKLEDGER_TESTS_SUPPORT_SPOOLING_H

#include "producer/taskledger/producer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SPOOLING_RING = 500 /* events in memory */ };

/* Of the producers and of those who audit what they left. */
extern char spooling_folder[300];

/* For cmocka: before and after each test. */
int spooling_setup(void **state);
int spooling_teardown(void **state);

/* Go on with a producer with this kind of spool, or with options like its. */
struct taskledger_options spooling_options(enum taskledger_spool spool);
void spooling_begin(enum taskledger_spool spool);

uint64_t spooling_close(int32_t timeout_ms);

/* ---- the disk ---- */

enum spooling_disk {
    SPOOLING_DISK_GOOD,
    SPOOLING_DISK_FULL,
    SPOOLING_DISK_STUCK,
    SPOOLING_DISK_STARVED, /* it would be good: who writes is busy all the time, as if it had no processor */
};

void spooling_set_disk(enum spooling_disk disk);
unsigned spooling_writes(void);

/* Until one more has begun since there were so many. */
void spooling_wait_for_write(unsigned before);

/* ---- waiting ---- */

/* Until the counters are so; fails the test after 10 s. */
struct taskledger_counters spooling_wait_for(bool (*is_so)(const struct taskledger_counters *now));

bool spooling_is_safe(const struct taskledger_counters *now); /* all is with Redis or in the spool */
bool spooling_is_refused(const struct taskledger_counters *now);
bool spooling_is_safe_or_refused(const struct taskledger_counters *now);
bool spooling_works(const struct taskledger_counters *now);
bool spooling_memory_is_empty(const struct taskledger_counters *now);
bool spooling_is_empty(const struct taskledger_counters *now);

/* ---- what was left behind ---- */

size_t spooling_folders(void);

/* Adopt the one spool that there is as soon as its owner is gone, and audit it; returns how many events are in it. */
size_t spooling_audit(void);

#endif
