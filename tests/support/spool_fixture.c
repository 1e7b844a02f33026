#include "tests/support/spool_fixture.h"

#include "tests/support/scratch.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- life ------------------------------------------------------------------------------------------------------- */

void spool_fixture_init(struct spool_fixture *fixture)
{
    *fixture = (struct spool_fixture){.owner = {{1, 2, 3, [6] = 0x70, [8] = 0x80, [15] = 9}}};
    scratch_make(fixture->directory, sizeof fixture->directory);
    uuid_format(&fixture->owner, fixture->name);
    fixture->options = (struct spool_options){
        .directory = fixture->directory,
        .stream = "taskledger:events",
        .owner = &fixture->owner,
        .keeps = true,
        .bytes_max = SPOOL_BYTES_MIN,
    };
    assert_true(parcel_init(&fixture->parcel));
}

void spool_fixture_close(struct spool_fixture *fixture)
{
    spool_close(fixture->spool);
    fixture->spool = NULL;
    parcel_close(&fixture->parcel);
    scratch_remove(fixture->directory);
}

int spool_fixture_set_up(void **state)
{
    static struct spool_fixture fixture;
    struct error error;

    spool_fixture_init(&fixture);
    fixture.spool = spool_open(&fixture.options, &error);
    *state = &fixture;
    return fixture.spool == NULL ? -1 : 0;
}

int spool_fixture_tear_down(void **state)
{
    spool_fixture_close(*state);
    return 0;
}

/* Without its descriptors closing does not reach the folder. */
void spool_fixture_die(struct spool_fixture *fixture)
{
    spool_abandon(fixture->spool);
    spool_close(fixture->spool);
    fixture->spool = NULL;
}

/* ---- events ----------------------------------------------------------------------------------------------------- */

static size_t size_of(const struct spool_fixture *fixture, uint64_t number)
{
    return fixture->event_bytes > 0 ? fixture->event_bytes : 8 + (size_t)(number * 7919 % 3000);
}

static void fill(uint8_t *bytes, size_t size, uint64_t number)
{
    memcpy(bytes, &number, sizeof number);
    for (size_t i = sizeof number; i < size; i++)
        bytes[i] = (uint8_t)(number * 17 + i);
}

uint64_t spool_fixture_number(struct slice payload)
{
    uint64_t number;

    assert_true(payload.size >= sizeof number);
    memcpy(&number, payload.data, sizeof number);
    for (size_t i = sizeof number; i < payload.size; i++)
        assert_int_equal(payload.data[i], (uint8_t)(number * 17 + i));
    return number;
}

bool spool_fixture_try(struct spool_fixture *fixture, uint64_t first, size_t count, struct error *error)
{
    static uint8_t bytes[SPOOL_FIXTURE_BATCH_MAX][EVENT_BYTES_MAX];
    struct spool_record records[SPOOL_FIXTURE_BATCH_MAX];

    assert_true(count <= SPOOL_FIXTURE_BATCH_MAX);
    for (size_t i = 0; i < count; i++) {
        size_t size = size_of(fixture, first + i);

        fill(bytes[i], size, first + i);
        records[i] = (struct spool_record){.ordinal = first + i, .payload = slice_of(bytes[i], size)};
    }
    return spool_append(fixture->spool, records, count, error);
}

void spool_fixture_append(struct spool_fixture *fixture, uint64_t first, size_t count)
{
    struct error error;

    while (count > 0) {
        size_t some = count < SPOOL_FIXTURE_BATCH_MAX ? count : SPOOL_FIXTURE_BATCH_MAX;

        if (!spool_fixture_try(fixture, first, some, &error))
            fail_msg("%s", error.text);
        first += some;
        count -= some;
    }
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

size_t spool_fixture_read(struct spool_fixture *fixture, struct spool *spool, uint64_t from)
{
    struct parcel *parcel = &fixture->parcel;
    struct error error;
    size_t count = 0;

    memset(fixture->seen, 0, sizeof fixture->seen);
    for (;;) {
        parcel_reset(parcel);
        if (!spool_read(spool, from, parcel, &error))
            fail_msg("%s", error.text);
        if (parcel->count == 0)
            return count;
        for (size_t i = 0; i < parcel->count; i++) {
            uint64_t number = spool_fixture_number(parcel_payload(parcel, &parcel->items[i]));

            assert_true(number < SPOOL_FIXTURE_EVENTS_MAX && parcel->items[i].ordinal >= from);
            fixture->seen[number]++;
            from = parcel->items[i].ordinal + 1;
            count++;
        }
    }
}

void spool_fixture_assert_reads(struct spool_fixture *fixture, uint64_t first, uint64_t last)
{
    assert_int_equal(spool_fixture_read(fixture, fixture->spool, first), last + 1 - first);
    for (uint64_t i = first; i <= last; i++)
        assert_int_equal(fixture->seen[i], 1);
}

struct spool *spool_fixture_adopt(struct spool_fixture *fixture)
{
    struct spool *spool = NULL;
    struct error error;

    if (!spool_adopt(&fixture->options, fixture->name, &spool, &error))
        fail_msg("%s", error.text);
    return spool;
}

struct spool *spool_fixture_adopt_and_read(struct spool_fixture *fixture, size_t *count)
{
    struct spool *spool = spool_fixture_adopt(fixture);

    assert_non_null(spool);
    *count = spool_fixture_read(fixture, spool, 1);
    return spool;
}

void spool_fixture_finish(struct spool *spool)
{
    spool_release(spool, spool_fixture_look(spool).last);
    spool_close(spool);
}

struct spool_look spool_fixture_look(struct spool *spool)
{
    struct spool_look look;

    spool_look(spool, &look);
    return look;
}

/* ---- the folder ------------------------------------------------------------------------------------------------- */

static bool ends_with(const char *name, const char *suffix)
{
    size_t bytes = strlen(name);
    size_t wanted = strlen(suffix);

    return bytes >= wanted && strcmp(name + bytes - wanted, suffix) == 0;
}

static const char *path_of(const struct spool_fixture *fixture, const char *name)
{
    static char path[512];

    snprintf(path, sizeof path, "%s/%s/%s", fixture->directory, fixture->name, name);
    return path;
}

static size_t look(const struct spool_fixture *fixture, const char *suffix, char first[256], char last[256])
{
    DIR *folder = opendir(path_of(fixture, ""));
    const struct dirent *entry;
    size_t count = 0;

    first[0] = last[0] = '\0';
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        if (!ends_with(entry->d_name, suffix))
            continue;
        if (count == 0 || strcmp(entry->d_name, first) < 0)
            snprintf(first, 256, "%s", entry->d_name);
        if (strcmp(entry->d_name, last) > 0)
            snprintf(last, 256, "%s", entry->d_name);
        count++;
    }
    if (folder != NULL)
        closedir(folder);
    return count;
}

size_t spool_fixture_count(const struct spool_fixture *fixture, const char *suffix)
{
    char first[256], last[256];

    return look(fixture, suffix, first, last);
}

const char *spool_fixture_path(const struct spool_fixture *fixture, const char *suffix, bool newest)
{
    char first[256], last[256];

    look(fixture, suffix, first, last);
    return first[0] == '\0' ? "" : path_of(fixture, newest ? last : first);
}

bool spool_fixture_is_there(const struct spool_fixture *fixture)
{
    return access(path_of(fixture, ""), F_OK) == 0;
}
