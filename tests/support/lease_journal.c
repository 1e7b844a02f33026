#include "tests/support/lease_journal.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { LOOK_NS = 2000000 };

static struct lease_record *journal;
static size_t journaled;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct lease_place *looked_after;
static size_t places_count;

int64_t lease_journal_now_us(void)
{
    struct timespec now;

    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static bool map(const char *path)
{
    int file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    const size_t size = LEASE_JOURNAL_RECORDS * sizeof *journal;

    if (file < 0 || ftruncate(file, (off_t)size) != 0)
        return false;
    journal = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    return journal != MAP_FAILED;
}

static void look(const struct lease_place *place)
{
    int64_t before_us = lease_journal_now_us();

    if (place->lease == NULL || atomic_load(&place->record->gone_us) != 0)
        return;
    if (taskledger_lease_is_held(place->lease))
        atomic_store(&place->record->sure_us, before_us);
    else
        atomic_store(&place->record->gone_us, lease_journal_now_us());
}

static void *look_all_the_time(void *unused)
{
    const struct timespec pause = {.tv_nsec = LOOK_NS};

    for (;;) {
        pthread_mutex_lock(&lock);
        for (size_t i = 0; i < places_count; i++)
            look(&looked_after[i]);
        pthread_mutex_unlock(&lock);
        nanosleep(&pause, NULL);
    }
    return unused;
}

bool lease_journal_open(const char *path, struct lease_place *places, size_t count)
{
    pthread_t looking;

    looked_after = places;
    places_count = count;
    return map(path) && pthread_create(&looking, NULL, look_all_the_time, NULL) == 0;
}

void lease_journal_keep(struct lease_place *place, struct taskledger_lease *lease, const char *name, int64_t asked_us)
{
    if (journaled == LEASE_JOURNAL_RECORDS)
        _exit(4);
    struct lease_record *record = &journal[journaled++];

    record->asked_us = asked_us;
    record->attempt = taskledger_lease_attempt(lease);
    record->is_local = (uint32_t)taskledger_lease_is_local(lease);
    snprintf(record->name, sizeof record->name, "%s", name);
    record->granted_us = lease_journal_now_us();

    pthread_mutex_lock(&lock);
    *place = (struct lease_place){.lease = lease, .record = record};
    look(place);
    pthread_mutex_unlock(&lock);
}

struct taskledger_lease *lease_journal_take(struct lease_place *place)
{
    pthread_mutex_lock(&lock);
    struct taskledger_lease *lease = place->lease;
    look(place);
    if (lease != NULL)
        place->record->released_us = lease_journal_now_us();
    place->lease = NULL;
    pthread_mutex_unlock(&lock);
    return lease;
}
