/* fake_lease_keeper: what the Redis of fake_leases keeps, and how it decides. Not for several threads. */
#ifndef TASKLEDGER_TESTS_SUPPORT_FAKE_LEASE_KEEPER_H
#define TASKLEDGER_TESTS_SUPPORT_FAKE_LEASE_KEEPER_H

#include "proto/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FAKE_LEASE_NAME_BYTES = 300, FAKE_LEASE_TOKEN_BYTES = 40 };

/* One call of a script, and what it answers. */
struct fake_lease_command {
    bool is_permit;
    char verb; /* a: ask, n: renew, l: release */
    char name[FAKE_LEASE_NAME_BYTES];
    char token[FAKE_LEASE_TOKEN_BYTES];
    char holder[FAKE_LEASE_NAME_BYTES];
    int64_t lease_ms;
    int64_t attempt;
    int64_t limit;
    bool in_line;
    int64_t numbers[5];
    char text[FAKE_LEASE_NAME_BYTES];
};

/* Nothing is kept; the first attempt is the one after this. */
#define FAKE_LEASE_ATTEMPT 200000000
void fake_lease_keeper_reset(void);

/* Forget all but the attempts. */
void fake_lease_keeper_flush(void);

/* From the words of an EVAL. */
void fake_lease_keeper_read(struct fake_lease_command *command, const struct slice *words, size_t count);

void fake_lease_keeper_run(struct fake_lease_command *command);

/* How many have it, or wait for it. */
size_t fake_lease_keeper_count(const char *name, bool waits);

#endif
