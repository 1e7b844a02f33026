#include "producer/fork.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

/* The generation of this process, 0 in a child that has not asked yet. On a page that the kernel clears in a child,
 * however it was made; where there is no such page, on this one, which the handler below clears after fork(). */
static _Atomic(uint64_t) on_any_page;
static _Atomic(uint64_t) *present = &on_any_page;

/* The greatest generation among this process and its ancestors. */
static _Atomic(uint64_t) greatest;

/* A child sees this table as it was at the instant of the fork, so the order of the stores matters: when there is a line
 * in a place, the descriptor beside it is that line's. */
static struct owned {
    atomic_bool taken;
    atomic_int descriptor;
    _Atomic(struct redis *) line;
} owned[FORK_SENDERS_MAX];

static void enter_child(void)
{
    atomic_store(present, 0);
    for (size_t i = 0; i < FORK_SENDERS_MAX; i++) {
        struct redis *line = atomic_exchange(&owned[i].line, NULL);

        if (line != NULL) {
            redis_abandon(line);
            close(atomic_load(&owned[i].descriptor));
        }
        atomic_store(&owned[i].taken, false);
    }
}

static bool watching;

static void prepare(void)
{
    void *page = mmap(NULL, sizeof *present, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (page != MAP_FAILED && madvise(page, sizeof *present, MADV_WIPEONFORK) == 0)
        present = page;
    watching = pthread_atfork(NULL, NULL, enter_child) == 0;
}

bool fork_watch(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, prepare);
    return watching;
}

uint64_t fork_generation(void)
{
    uint64_t generation = atomic_load_explicit(present, memory_order_acquire);

    if (generation != 0)
        return generation;

    /* Of threads that ask at once the first decides. */
    uint64_t next = atomic_fetch_add(&greatest, 1) + 1;
    return atomic_compare_exchange_strong(present, &generation, next) ? next : generation;
}

int fork_own(struct redis *redis, int descriptor)
{
    for (int place = 0; place < FORK_SENDERS_MAX; place++) {
        if (atomic_exchange(&owned[place].taken, true))
            continue;
        atomic_store(&owned[place].descriptor, descriptor);
        atomic_store(&owned[place].line, redis);
        return place;
    }
    return -1;
}

void fork_disown(int place)
{
    if (place < 0)
        return;
    atomic_store(&owned[place].line, NULL);
    atomic_store(&owned[place].taken, false);
}
