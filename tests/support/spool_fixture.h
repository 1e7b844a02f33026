/* spool_fixture: a spool in a scratch folder, with events that can be told from each other. */
#ifndef TASKLEDGER_TESTS_SUPPORT_SPOOL_FIXTURE_H
#define TASKLEDGER_TESTS_SUPPORT_SPOOL_FIXTURE_H

#include "producer/parcel.h"
#include "producer/spool/spool.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SPOOL_FIXTURE_EVENTS_MAX = 4096, SPOOL_FIXTURE_BATCH_MAX = 64 };

struct spool_fixture {
    char directory[64];
    struct uuid owner;
    char name[SPOOL_NAME_BYTES]; /* of the owner's sub-folder */
    struct spool_options options;
    struct spool *spool; /* the owner's; NULL: not open */
    struct parcel parcel;
    size_t event_bytes;                      /* of each; 0: of various sizes */
    unsigned seen[SPOOL_FIXTURE_EVENTS_MAX]; /* how often each number came in spool_fixture_read */
};

/* For cmocka. With the least cap, of a spool that keeps, and open. */
int spool_fixture_set_up(void **state);
int spool_fixture_tear_down(void **state);

/* The same without a test around it. The spool is not open. */
void spool_fixture_init(struct spool_fixture *fixture);
void spool_fixture_close(struct spool_fixture *fixture);

/* The owner ends as by SIGKILL. */
void spool_fixture_die(struct spool_fixture *fixture);

/* Append events, whose numbers are their ordinals; false with `error`. */
bool spool_fixture_try(struct spool_fixture *fixture, uint64_t first, size_t count, struct error *error);

/* The same, of which nothing may fail. */
void spool_fixture_append(struct spool_fixture *fixture, uint64_t first, size_t count);

/* The number of an event, which is whole. */
uint64_t spool_fixture_number(struct slice payload);

/* Read from this ordinal to the end, into `seen`. Returns how many events. */
size_t spool_fixture_read(struct spool_fixture *fixture, struct spool *spool, uint64_t from);

/* Exactly the numbers first to last are read, in order, and with their ordinals. */
void spool_fixture_assert_reads(struct spool_fixture *fixture, uint64_t first, uint64_t last);

/* Adopt what the owner left. NULL: it is not to be had. */
struct spool *spool_fixture_adopt(struct spool_fixture *fixture);

/* The same, and read it all; it is there. */
struct spool *spool_fixture_adopt_and_read(struct spool_fixture *fixture, size_t *count);

/* Everything that was read of it is done with. */
void spool_fixture_finish(struct spool *spool);

struct spool_look spool_fixture_look(struct spool *spool);

/* Files in the owner's sub-folder whose names end so; 0 when it is gone. */
size_t spool_fixture_count(const struct spool_fixture *fixture, const char *suffix);

/* The path of the one that comes first among them; "" when there is none. */
const char *spool_fixture_path(const struct spool_fixture *fixture, const char *suffix, bool newest);

/* Whether the owner's sub-folder is there. */
bool spool_fixture_is_there(const struct spool_fixture *fixture);

#endif
