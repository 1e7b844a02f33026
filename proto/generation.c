#include "proto/generation.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

/* The generation of this process, 0 in a child that has not asked yet. On a page that the kernel clears in a child,
 * however it was made; where there is no such page, on this one, which the handler below clears after fork(). */
static _Atomic(uint64_t) on_any_page;
static _Atomic(uint64_t) *present = &on_any_page;

/* The greatest generation among this process and its ancestors. */
static _Atomic(uint64_t) greatest;

static bool watching;

static void enter_child(void)
{
    atomic_store(present, 0);
}

static void prepare(void)
{
    void *page = mmap(NULL, sizeof *present, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (page != MAP_FAILED && madvise(page, sizeof *present, MADV_WIPEONFORK) == 0)
        present = page;
    watching = pthread_atfork(NULL, NULL, enter_child) == 0;
}

bool generation_watch(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, prepare);
    return watching;
}

uint64_t generation_present(void)
{
    uint64_t generation = atomic_load_explicit(present, memory_order_acquire);

    if (generation != 0)
        return generation;

    /* Of threads that ask at once the first decides. */
    uint64_t next = atomic_fetch_add(&greatest, 1) + 1;
    return atomic_compare_exchange_strong(present, &generation, next) ? next : generation;
}
