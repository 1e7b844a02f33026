#include "tests/support/spooling.h"

#include "producer/parcel.h"
#include "producer/spool/spool.h"
#include "tests/support/fake_line.h"
#include "tests/support/producing.h"
#include "tests/support/scratch.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

char spooling_folder[300];
static char folder[200];

/* ---- the disk ---------------------------------------------------------------------------------------------------- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t change = PTHREAD_COND_INITIALIZER;
static _Atomic(enum spooling_disk) disk; /* changed with the lock held */
static unsigned writes;

ssize_t __real_pwritev64(int file, const struct iovec *parts, int count, off_t offset);
ssize_t __wrap_pwritev64(int file, const struct iovec *parts, int count, off_t offset);

ssize_t __wrap_pwritev64(int file, const struct iovec *parts, int count, off_t offset)
{
    pthread_mutex_lock(&lock);
    writes++;
    pthread_cond_broadcast(&change);
    while (disk == SPOOLING_DISK_STUCK)
        pthread_cond_wait(&change, &lock);
    bool full = disk == SPOOLING_DISK_FULL;
    pthread_mutex_unlock(&lock);
    while (atomic_load(&disk) == SPOOLING_DISK_STARVED)
        continue;
    errno = ENOSPC;
    return full ? -1 : __real_pwritev64(file, parts, count, offset);
}

void spooling_set_disk(enum spooling_disk next)
{
    pthread_mutex_lock(&lock);
    disk = next;
    pthread_cond_broadcast(&change);
    pthread_mutex_unlock(&lock);
}

unsigned spooling_writes(void)
{
    pthread_mutex_lock(&lock);
    unsigned now = writes;
    pthread_mutex_unlock(&lock);
    return now;
}

void spooling_wait_for_write(unsigned before)
{
    pthread_mutex_lock(&lock);
    while (writes == before)
        pthread_cond_wait(&change, &lock);
    pthread_mutex_unlock(&lock);
}

/* ---- a producer -------------------------------------------------------------------------------------------------- */

struct taskledger_options spooling_options(enum taskledger_spool spool)
{
    struct taskledger_options options = producing_options();

    options.spool = spool;
    options.spool_dir = spooling_folder;
    options.queue_events = SPOOLING_RING;
    return options;
}

void spooling_begin(enum taskledger_spool spool)
{
    struct taskledger_options options = spooling_options(spool);

    producing_reopen(&options);
}

int spooling_setup(void **state)
{
    scratch_make(folder, sizeof folder);
    snprintf(spooling_folder, sizeof spooling_folder, "%s/spool", folder);
    spooling_set_disk(SPOOLING_DISK_GOOD);
    return producing_begin(state);
}

int spooling_teardown(void **state)
{
    spooling_set_disk(SPOOLING_DISK_GOOD);
    producing_end(state);
    /* A sender that is left behind must not meet the next test's line. */
    assert_true(fake_line_wait_for_freed());
    scratch_remove(folder);
    return 0;
}

uint64_t spooling_close(int32_t timeout_ms)
{
    struct taskledger_producer *producer = producing.producer;

    producing.producer = NULL;
    return taskledger_close(producer, timeout_ms);
}

/* ---- waiting ----------------------------------------------------------------------------------------------------- */

struct taskledger_counters spooling_wait_for(bool (*is_so)(const struct taskledger_counters *now))
{
    int64_t end_ms = producing_now_ms() + PRODUCING_ENOUGH_MS;
    struct taskledger_counters now;

    do {
        now = producing_counters();
        assert_true(producing_now_ms() < end_ms);
        usleep(1000);
    } while (!is_so(&now));
    return now;
}

bool spooling_is_safe(const struct taskledger_counters *now)
{
    return now->spooled + now->sent == now->accepted;
}

bool spooling_is_refused(const struct taskledger_counters *now)
{
    return now->spool_works == 0 && now->spool_error[0] != '\0';
}

bool spooling_is_safe_or_refused(const struct taskledger_counters *now)
{
    return spooling_is_safe(now) || spooling_is_refused(now);
}

bool spooling_works(const struct taskledger_counters *now)
{
    return now->spool_works == 1;
}

bool spooling_memory_is_empty(const struct taskledger_counters *now)
{
    return now->queued == 0;
}

bool spooling_is_empty(const struct taskledger_counters *now)
{
    return now->spooled == 0 && now->spool_bytes == 0 && now->spool_written > 0;
}

/* ---- what was left behind ---------------------------------------------------------------------------------------- */

static char found_name[SPOOL_NAME_BYTES];
static size_t found_count;

static bool note(void *self, const char *name)
{
    (void)self;
    snprintf(found_name, sizeof found_name, "%s", name);
    found_count++;
    return true;
}

size_t spooling_folders(void)
{
    struct error error;

    found_count = 0;
    assert_true(spool_list(spooling_folder, note, NULL, &error));
    return found_count;
}

/* The one that there is, as soon as its owner is gone. */
static struct spool *adopt(void)
{
    struct spool_options options = {
        .directory = spooling_folder, .stream = STREAM_DEFAULT, .target = "127.0.0.1:6379/0"};
    int64_t end_ms = producing_now_ms() + PRODUCING_ENOUGH_MS;
    struct spool *spool;
    struct error error;

    assert_int_equal(spooling_folders(), 1);
    do {
        assert_true(spool_adopt(&options, found_name, &spool, &error));
        assert_true(producing_now_ms() < end_ms);
    } while (spool == NULL);
    return spool;
}

size_t spooling_audit(void)
{
    struct spool *spool = adopt();
    struct parcel parcel;
    struct error error;
    uint64_t from = 1;

    assert_true(parcel_init(&parcel));
    do {
        parcel_reset(&parcel);
        assert_true(spool_read(spool, from, &parcel, &error));
        for (size_t i = 0; i < parcel.count; i++)
            auditor_read(&producing.auditor, parcel_payload(&parcel, &parcel.items[i]));
        from += parcel.count;
    } while (parcel.count > 0);
    parcel_close(&parcel);
    spool_close(spool);
    return from - 1;
}
