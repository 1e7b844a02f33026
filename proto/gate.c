#include "proto/gate.h"

#include "proto/clock.h"
#include "proto/generation.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

enum { GATES = GATE_SPOOL + 1, NAP_US = 100, COUNT_BITS = 32 };

static const int patience_ms[GATES] = {
    [GATE_TLS] = GATE_TLS_PATIENCE_MS,
    [GATE_LOOKUP] = GATE_LOOKUP_PATIENCE_MS,
    [GATE_SPOOL] = GATE_SPOOL_PATIENCE_MS,
};

/* How many threads of this process: its generation in the upper half, their number in the lower. What stands there for
 * another generation is 0. */
struct count {
    _Atomic(uint64_t) word;
};

static struct count inside[GATES];
static struct count waiting;               /* outside, for forks */
static struct count forks;                 /* under way, perhaps in several threads */
static _Atomic(int64_t) entered_us[GATES]; /* when the last one went in */
static atomic_bool closed[GATES];

static uint64_t nobody(void)
{
    return generation_present() << COUNT_BITS;
}

static uint32_t number(struct count *count)
{
    uint64_t word = atomic_load(&count->word);

    return word >> COUNT_BITS == nobody() >> COUNT_BITS ? (uint32_t)word : 0;
}

static void add(struct count *count, int threads)
{
    uint64_t zero = nobody();
    uint64_t before = atomic_load(&count->word);
    uint64_t after;

    do {
        bool ours = before >> COUNT_BITS == zero >> COUNT_BITS;

        after = (ours ? before : zero) + (uint64_t)(int64_t)threads;
    } while (!atomic_compare_exchange_weak(&count->word, &before, after));
}

/* ---- waiting ---- */

static int64_t in_ms(int64_t wait_ms)
{
    return clock_deadline_us(clock_system(), wait_ms);
}

static int64_t now_us(void)
{
    return in_ms(0);
}

static void nap(void)
{
    const struct clock *clock = clock_system();

    clock->sleep_us(clock->self, NAP_US);
}

static void wait_for_none(struct count *count, int64_t deadline_us)
{
    while (number(count) > 0 && now_us() < deadline_us)
        nap();
}

/* ---- forks ---- */

/* Those who come while a fork is under way step back, so the last one who went in is known. */
static void wait_until_outside(enum gate gate, int64_t deadline_us)
{
    int64_t patient_until_us = atomic_load(&entered_us[gate]) + INT64_C(1000) * patience_ms[gate];

    wait_for_none(&inside[gate], patient_until_us < deadline_us ? patient_until_us : deadline_us);
}

static void before_fork(void)
{
    int64_t deadline_us = in_ms(GATE_FORK_WAIT_MS);

    wait_for_none(&waiting, in_ms(GATE_TURN_MS));
    add(&forks, 1);
    wait_until_outside(GATE_SPOOL, deadline_us);
    wait_until_outside(GATE_LOOKUP, deadline_us);
    wait_until_outside(GATE_TLS, deadline_us);
}

/* In the child there is nobody: it has another generation. */
static void after_fork_in_parent(void)
{
    add(&forks, -1);
}

static void watch(void)
{
    (void)generation_watch();
    (void)pthread_atfork(before_fork, after_fork_in_parent, NULL);
}

static void ensure_watch(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, watch);
}

/* ---- in and out ---- */

/* The order matters: one of the two, who goes in or who forks, sees the other. */
static bool go_in(enum gate gate, bool in_spite_of_forks)
{
    atomic_store(&entered_us[gate], now_us());
    add(&inside[gate], 1);
    if ((in_spite_of_forks || number(&forks) == 0) && !atomic_load(&closed[gate]))
        return true;
    add(&inside[gate], -1);
    return false;
}

static void wait_outside(enum gate gate, int64_t deadline_us)
{
    add(&waiting, 1);
    wait_for_none(&forks, deadline_us);
    add(&waiting, -1);
    while (atomic_load(&closed[gate]))
        pause();
}

void gate_enter(enum gate gate)
{
    ensure_watch();
    if (go_in(gate, false))
        return;

    int64_t deadline_us = in_ms(GATE_ENTER_WAIT_MS);
    do
        wait_outside(gate, deadline_us);
    while (!go_in(gate, now_us() >= deadline_us));
}

void gate_leave(enum gate gate)
{
    add(&inside[gate], -1);
}

void gate_close(enum gate gate, int wait_ms)
{
    ensure_watch();
    atomic_store(&closed[gate], true);
    wait_for_none(&inside[gate], in_ms(wait_ms));
}
