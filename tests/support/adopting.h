/* adopting: producers that come and go in a spool folder of the test's own, and one who adopts. */
#ifndef TASKLEDGER_TESTS_SUPPORT_ADOPTING_H
#define TASKLEDGER_TESTS_SUPPORT_ADOPTING_H

#include "producer/adoption.h"
#include "proto/arena.h"
#include "proto/digester.h"
#include "proto/event.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct adopting {
    char directory[64];
    int64_t time_us; /* stands still */
    struct adoption *adoption;
    struct digester *digester;
    struct parcel parcel;
    struct arena arena;
    struct error error;
    bool hashes; /* false: it cannot at the moment */
};

extern struct adopting adopting;

/* For cmocka: before and after each test. */
int adopting_set_up(void **state);
int adopting_tear_down(void **state);

/* One more who adopts. */
struct adoption *adopting_new_adoption(void);

/* ---- those who go ------------------------------------------------------------------------------------------------ */

/* The spool of a producer that lives. */
struct spool *adopting_live_in(uint8_t number, const char *stream, bool keeps);
struct spool *adopting_live(uint8_t number, bool keeps);

/* A status, or the goodbye. */
struct slice adopting_make_event(uint8_t number, uint64_t sequence, bool closed);

void adopting_append(struct spool *spool, uint64_t ordinal, struct slice payload);

/* Statuses 1 to `count`. */
void adopting_append_many(struct spool *spool, uint8_t number, uint64_t count);

/* A producer that was killed. */
void adopting_leave(uint8_t number, bool keeps, uint64_t count);

size_t adopting_folders(void);

struct uuid adopting_producer(uint8_t number);

/* ---- those who adopt --------------------------------------------------------------------------------------------- */

/* At once; whether something was found. */
bool adopting_look(void);

/* Redis answers for everything that comes next; returns how much that was. */
size_t adopting_send_on(void);

/* The ledger has so much of that producer, as was asked. */
void adopting_archive(uint8_t number, uint64_t sequence);

/* In the spool that is held, and in all that nobody holds. */
uint64_t adopting_left(void);
uint64_t adopting_count_abandoned(void);

#endif
