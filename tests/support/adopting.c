#include "tests/support/adopting.h"

#include "tests/support/scratch.h"
#include "tests/support/story.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct adopting adopting;

static int64_t told(void *self)
{
    (void)self;
    return adopting.time_us;
}

static const struct clock stopped = {.monotonic_us = told, .unix_us = told};

static bool hash(void *self, struct slice payload, struct digest *digest)
{
    (void)self;
    if (adopting.hashes)
        *digest = digester_hash(adopting.digester, payload);
    return adopting.hashes;
}

struct adoption *adopting_new_adoption(void)
{
    const struct adoption_options options = {
        .spool = {.directory = adopting.directory, .stream = "s", .bytes_max = SPOOL_BYTES_DEFAULT},
        .clock = &stopped,
        .seed = 7,
        .patience_ms = CONFIRM_PATIENCE_MS,
        .hash = hash,
    };

    return adoption_new(&options);
}

int adopting_set_up(void **state)
{
    (void)state;
    adopting = (struct adopting){.time_us = INT64_C(1000000000000), .hashes = true};
    scratch_make(adopting.directory, sizeof adopting.directory);
    adopting.digester = digester_new();
    arena_init(&adopting.arena, 0);
    adopting.adoption = adopting_new_adoption();
    return parcel_init(&adopting.parcel) && adopting.adoption != NULL ? 0 : -1;
}

int adopting_tear_down(void **state)
{
    (void)state;
    adoption_free(adopting.adoption);
    parcel_close(&adopting.parcel);
    arena_close(&adopting.arena);
    digester_free(adopting.digester);
    scratch_remove(adopting.directory);
    return 0;
}

/* ---- those who go ------------------------------------------------------------------------------------------------ */

struct uuid adopting_producer(uint8_t number)
{
    return (struct uuid){.bytes = {0x01, 0x93, number, [6] = 0x70, [8] = 0x80}};
}

struct spool *adopting_live_in(uint8_t number, const char *stream, bool keeps)
{
    struct uuid owner = adopting_producer(number);
    const struct spool_options options = {
        .directory = adopting.directory,
        .stream = stream,
        .owner = &owner,
        .keeps = keeps,
        .bytes_max = SPOOL_BYTES_DEFAULT,
    };
    struct spool *spool = spool_open(&options, &adopting.error);

    if (spool == NULL)
        fail_msg("%s", adopting.error.text);
    return spool;
}

struct spool *adopting_live(uint8_t number, bool keeps)
{
    return adopting_live_in(number, "s", keeps);
}

struct slice adopting_make_event(uint8_t number, uint64_t sequence, bool closed)
{
    struct event event = story_good_event();
    struct slice payload;

    event.producer_id = adopting_producer(number);
    event.sequence = sequence;
    if (sequence == 1)
        event.previous_digest.size = 0;
    if (closed) {
        event.body = EVENT_PRODUCER_CLOSED;
        event.producer_closed.last_sequence = sequence;
    }
    assert_true(event_encode(&event, &adopting.arena, &payload, &adopting.error));
    return payload;
}

void adopting_append(struct spool *spool, uint64_t ordinal, struct slice payload)
{
    const struct spool_record record = {.ordinal = ordinal, .payload = payload};

    if (!spool_append(spool, &record, 1, &adopting.error))
        fail_msg("%s", adopting.error.text);
}

void adopting_append_many(struct spool *spool, uint8_t number, uint64_t count)
{
    for (uint64_t event = 1; event <= count; event++)
        adopting_append(spool, event, adopting_make_event(number, event, false));
}

/* A producer that was killed. */
void adopting_leave(uint8_t number, bool keeps, uint64_t count)
{
    struct spool *spool = adopting_live(number, keeps);

    adopting_append_many(spool, number, count);
    spool_close(spool);
}

size_t adopting_folders(void)
{
    DIR *directory = opendir(adopting.directory);
    size_t count = 0;

    assert_non_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

/* ---- those who adopt --------------------------------------------------------------------------------------------- */

bool adopting_look(void)
{
    if (!adoption_look(adopting.adoption, true, &adopting.error))
        fail_msg("%s", adopting.error.text);
    return adoption_is_busy(adopting.adoption);
}

/* Redis answers for everything that comes next; returns how much that was. */
size_t adopting_send_on(void)
{
    size_t sent = 0;

    for (;;) {
        if (!adoption_fill(adopting.adoption, &adopting.parcel, &adopting.error))
            fail_msg("%s", adopting.error.text);
        if (adopting.parcel.count == 0)
            return sent;
        for (size_t i = 0; i < adopting.parcel.count; i++)
            adopting.parcel.items[i].state = PARCEL_ANSWERED;
        sent += adopting.parcel.count;
        adoption_sent(adopting.adoption, &adopting.parcel);
    }
}

void adopting_archive(uint8_t number, uint64_t sequence)
{
    struct confirm *confirm = adoption_confirm(adopting.adoption);
    struct uuid producer_id = adopting_producer(number);

    assert_non_null(confirm);
    uint64_t confirmed = confirm_archived(confirm, &producer_id, sequence);
    if (confirmed > 0)
        adoption_confirmed(adopting.adoption, confirmed);
}

uint64_t adopting_left(void)
{
    uint64_t events;

    if (!adoption_left(adopting.adoption, &events, &adopting.error))
        fail_msg("%s", adopting.error.text);
    return events;
}

uint64_t adopting_count_abandoned(void)
{
    const struct spool_options options = {.directory = adopting.directory, .stream = "s"};
    struct adoption_left left;

    if (!adoption_count(&options, &left, &adopting.error))
        fail_msg("%s", adopting.error.text);
    return left.events;
}
