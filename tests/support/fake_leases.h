/* fake_leases: a Redis that lives in the test, in the place of proto/redis.c, and keeps claims and permits.
 *
 * It knows their scripts by what they are given, does what they do, by the machine's clock, and is in one kind of
 * trouble at a time. For several threads. */
#ifndef TASKLEDGER_TESTS_SUPPORT_FAKE_LEASES_H
#define TASKLEDGER_TESTS_SUPPORT_FAKE_LEASES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fake_leases_trouble {
    FAKE_LEASES_GOOD,
    FAKE_LEASES_AWAY,       /* cannot be connected to; connections are lost */
    FAKE_LEASES_SILENT,     /* does what it is told, and does not answer in time */
    FAKE_LEASES_FULL,       /* answers OOM */
    FAKE_LEASES_FORBIDDEN,  /* answers NOPERM */
    FAKE_LEASES_UNREADABLE, /* answers something else */
};

/* Good, empty, and with nothing counted. */
void fake_leases_reset(void);
void fake_leases_set_trouble(enum fake_leases_trouble trouble);

/* Forget all that is kept. */
void fake_leases_flush(void);

/* The call of this number from now on, 1 being the next, fails and loses the connection; 0: none. */
void fake_leases_lose_call(unsigned number);
unsigned fake_leases_calls(void);

/* So many tokens have this claim or permit, or stand in its line. */
size_t fake_leases_held(const char *name);
size_t fake_leases_waiting(const char *name);

/* Until so many have it, so many wait, so many calls were made in all, or every line was freed; false after 10 s. */
bool fake_leases_wait_for_held(const char *name, size_t count);
bool fake_leases_wait_for_waiting(const char *name, size_t count);
bool fake_leases_wait_for_calls(unsigned calls);
bool fake_leases_wait_for_freed(void);

#endif
