/* fake_line: a Redis that lives in the test, in the place of proto/redis.c.
 *
 * It keeps what XADD brings, and is in one kind of trouble at a time. For several threads. */
#ifndef TASKLEDGER_TESTS_SUPPORT_FAKE_LINE_H
#define TASKLEDGER_TESTS_SUPPORT_FAKE_LINE_H

#include "proto/slice.h"
#include "proto/stream.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fake_line_trouble {
    FAKE_LINE_GOOD,
    FAKE_LINE_AWAY,       /* cannot be connected to; connections are lost */
    FAKE_LINE_SILENT,     /* keeps, and does not answer in time */
    FAKE_LINE_FULL,       /* answers OOM */
    FAKE_LINE_HALF_FULL,  /* answers OOM to every second command */
    FAKE_LINE_DEMOTED,    /* answers READONLY, at which the line is closed */
    FAKE_LINE_WRONG_TYPE, /* answers WRONGTYPE */
    FAKE_LINE_ONE_WRONG,  /* answers it for the shard 1 */
    FAKE_LINE_FORGETFUL,  /* keeps, and loses the connection after every third answer */
    FAKE_LINE_UNREADABLE, /* answers something else than an ID */
    FAKE_LINE_CRAMPED,    /* has no memory for every third command, and stays up */
};

struct fake_line_entry {
    char key[STREAM_KEY_BYTES_MAX];
    struct slice payload;
};

/* Good, empty, and with nothing counted. */
void fake_line_reset(void);

void fake_line_set_trouble(enum fake_line_trouble trouble);

/* What the ledger has of every producer, as it is asked for: 0, at first, is nothing. */
void fake_line_set_archived(uint64_t sequence);

/* Forget all that was kept, and what the ledger has. */
void fake_line_flush(void);

/* The call of this number from now on, 1 being the next, fails and loses the connection; 0: none. Connecting,
 * appending, sending and receiving are calls. */
void fake_line_lose_call(unsigned number);

/* How many calls there were since fake_line_reset. */
unsigned fake_line_calls(void);
unsigned fake_line_connects(void);

/* Wait until so many entries are kept, so many calls were made, or every line was freed; false after 10 s. */
bool fake_line_wait_for_entries(size_t count);
bool fake_line_wait_for_calls(unsigned calls);
bool fake_line_wait_for_freed(void);

/* What was kept, in order; until fake_line_reset, and not while a sender runs. */
size_t fake_line_count(void);
const struct fake_line_entry *fake_line_entry(size_t number);

#endif
