/* taskledger/lease.h: claims and permits, what one may hold for a while among all workers.
 *
 * A claim makes sure that a task is started once, however many workers were told to, and gives the attempt number under
 * which its events outrank those of every claim before it. A permit is one of N, for things of which only so many may
 * go on at once, counted over all processes: calls of a service, say.
 *
 *     struct taskledger_claim_request request = TASKLEDGER_CLAIM_INIT;
 *     struct taskledger_lease *claim;
 *     struct taskledger_task *task;
 *
 *     request.task_id = "order-4711";
 *     if (taskledger_claim(producer, &request, &claim, NULL) != TASKLEDGER_GRANTED)
 *         return;
 *     task = taskledger_task_begin(producer, "order-4711", "make_invoice", taskledger_lease_attempt(claim));
 *     ...
 *     taskledger_task_end(task, TASKLEDGER_SUCCESS, NULL);
 *     taskledger_lease_release(claim);
 *
 * Both are leases: Redis keeps them until they are released or run out, by its own clock, so the clocks of workers do
 * not matter. A thread of the library, started with the first request of a process, renews them every third of their
 * time. So a holder that dies loses them within a lease, and one that is cut off, or stopped for too long, loses them
 * too while it still runs: taskledger_lease_is_held() tells it, by how much time has passed on this machine, also while
 * Redis is away. A lease cannot stop what its holder does; of what a claim's loser still says the attempt number sees
 * to it that it changes nothing in the ledger.
 *
 * Attempts of claims are times: seconds since 2020 began (UTC), by the clock of Redis, or one more than the last one
 * where that is greater. So none falls behind one that was ever given, also when Redis was flushed or lost its tail, as
 * long as a task has no more than one attempt a second on average and a server that takes over from another has the same
 * time; a process that has seen a later time asks for no less. They are greater than any that is counted 1, 2, 3.
 *
 * These functions wait for Redis, unlike taskledger_emit: as long as the request says. Threads, strings and NULLs are
 * as in taskledger/producer.h: a NULL lease is not held, and waiting for it answers TASKLEDGER_AWAY. A child of fork()
 * holds nothing of what its parent holds: a lease of the parent is not held in it, and releasing it there only frees
 * memory. taskledger_close() gives back what was got from its producer, in its timeout, and ends waiting; leases that
 * are still to be released then are not held any more, and releasing them only frees memory. exit(3) gives back within
 * 200 ms; whoever is killed, by running out. At most 4,096 leases and requests of one producer in one process. */
#ifndef TASKLEDGER_LEASE_H
#define TASKLEDGER_LEASE_H

#include <taskledger/producer.h>

#ifdef __cplusplus
extern "C" {
#endif

enum taskledger_lease_result {
    TASKLEDGER_GRANTED = 0,
    TASKLEDGER_HELD, /* others have it, and did not give it back in the time to wait */
    TASKLEDGER_AWAY, /* who holds it is not known, taskledger_lease_reason() tells why: Redis did not answer in time, or
                        refused; the producer is disabled, being closed, or NULL; too many leases; no memory */
    TASKLEDGER_LEASE_INVALID, /* the request breaks a limit, see taskledger_lease_reason() */
    TASKLEDGER_WAITING,       /* not decided yet: answered by taskledger_claim_ask and what belongs to it only */
};

/* "granted", "held", ...; static storage. */
TASKLEDGER_API const char *taskledger_lease_result_name(enum taskledger_lease_result result);

/* Why this thread's last request, or wait, was not answered TASKLEDGER_GRANTED. Valid until its next one; "" before the
 * first. */
TASKLEDGER_API const char *taskledger_lease_reason(void);

/* What was granted, or is asked for. Any thread may look at it. It is to be released once. */
struct taskledger_lease;

/* ---- claims ------------------------------------------------------------------------------------------------------ */

/* Begin with TASKLEDGER_CLAIM_INIT. */
struct taskledger_claim_request {
    size_t struct_size;
    const char *task_id; /* 1 to 255 bytes */
    const char *holder;  /* what others are told, up to 255 bytes; NULL: the producer's worker */
    int32_t lease_ms;    /* 0: 30,000; 1,000 to 86,400,000 */
    int32_t wait_ms;     /* for another holder to give it back; 0: not at all */
    int32_t timeout_ms;  /* for Redis to answer, beside that; 0: 2,000 */
};

/* Who holds a claim. Begin with TASKLEDGER_HOLDER_INIT. */
struct taskledger_holder {
    size_t struct_size;
    char name[256];
    uint32_t attempt;
    int32_t left_ms;  /* of the lease, if it is not renewed */
    int64_t since_us; /* Unix time, by the clock of Redis */
};

/* On TASKLEDGER_GRANTED `*lease` is to be released; else it is NULL, and on TASKLEDGER_HELD `*holder`, unless that is
 * NULL, tells who has it. What is granted by an answer that comes too late is given back in the background. */
TASKLEDGER_API enum taskledger_lease_result taskledger_claim(struct taskledger_producer *producer,
                                                             const struct taskledger_claim_request *request,
                                                             struct taskledger_lease **lease,
                                                             struct taskledger_holder *holder);

/* The attempt of a claim, from when it is granted on; 0 of a permit. */
TASKLEDGER_API uint32_t taskledger_lease_attempt(struct taskledger_lease *lease);

/* Begin another attempt under the same claim, for a task that is tried again by its holder: the number after the
 * present one. 0 when the claim is lost, as it also is when Redis has forgotten it and given it to another: so it is
 * asked, unless more seconds went by than there were attempts. Without its answer in 200 ms the number is used all the
 * same while the lease lasts longer than there were attempts in seconds; beyond that there is none without it, and it is
 * waited for as long as the request's timeout_ms. */
TASKLEDGER_API uint32_t taskledger_lease_next_attempt(struct taskledger_lease *lease);

/* ---- permits ----------------------------------------------------------------------------------------------------- */

/* Begin with TASKLEDGER_PERMIT_INIT. */
struct taskledger_permit_request {
    size_t struct_size;
    const char *name;     /* 1 to 100 bytes, no braces */
    const char *holder;   /* as above */
    uint32_t limit;       /* how many at once, 1 to 10,000; where callers differ, each is held to its own */
    uint32_t local_limit; /* while Redis is away: so many at once in this process, counted here; 0: none */
    int32_t lease_ms;
    int32_t wait_ms; /* in a line, first come, first served; 0: not at all */
    int32_t timeout_ms;
};

/* As taskledger_claim. */
TASKLEDGER_API enum taskledger_lease_result taskledger_permit(struct taskledger_producer *producer,
                                                              const struct taskledger_permit_request *request,
                                                              struct taskledger_lease **lease);

/* 1: a permit by the local limit, since Redis was away. It stays one until it is released. */
TASKLEDGER_API int taskledger_lease_is_local(struct taskledger_lease *lease);

/* ---- asking without waiting -------------------------------------------------------------------------------------- */

/* Ask, and return at once: TASKLEDGER_WAITING, with a lease that is to be released whatever becomes of it; releasing it
 * early gives the request up. Or TASKLEDGER_AWAY or TASKLEDGER_LEASE_INVALID, with NULL. For event loops, and for
 * waiting that has to be interrupted. */
TASKLEDGER_API enum taskledger_lease_result taskledger_claim_ask(struct taskledger_producer *producer,
                                                                 const struct taskledger_claim_request *request,
                                                                 struct taskledger_lease **lease);
TASKLEDGER_API enum taskledger_lease_result taskledger_permit_ask(struct taskledger_producer *producer,
                                                                  const struct taskledger_permit_request *request,
                                                                  struct taskledger_lease **lease);

/* What became of it: TASKLEDGER_WAITING if it is not decided after `timeout_ms`; 0 only looks. What it says else it says
 * for good, also of a claim that was granted and is lost since. */
TASKLEDGER_API enum taskledger_lease_result taskledger_lease_wait(struct taskledger_lease *lease, int32_t timeout_ms,
                                                                  struct taskledger_holder *holder);

/* ---- while held -------------------------------------------------------------------------------------------------- */

/* 1 as long as nobody else can have it; 0 before it is granted, and from when it is lost, for good: whatever it guards
 * must stop. Costs a look at a clock. */
TASKLEDGER_API int taskledger_lease_is_held(struct taskledger_lease *lease);

/* How long it is held for sure without a further renewal; 0: not held; INT32_MAX: by the local limit. */
TASKLEDGER_API int32_t taskledger_lease_left_ms(struct taskledger_lease *lease);

/* Give it back and free it. Returns at once; Redis is told in the background. */
TASKLEDGER_API void taskledger_lease_release(struct taskledger_lease *lease);

/* ---- how the structs begin --------------------------------------------------------------------------------------- */

#ifdef __cplusplus

inline struct taskledger_claim_request taskledger_claim_init(void)
{
    struct taskledger_claim_request request = {};
    request.struct_size = sizeof request;
    return request;
}

inline struct taskledger_permit_request taskledger_permit_init(void)
{
    struct taskledger_permit_request request = {};
    request.struct_size = sizeof request;
    return request;
}

inline struct taskledger_holder taskledger_holder_init(void)
{
    struct taskledger_holder holder = {};
    holder.struct_size = sizeof holder;
    return holder;
}

#define TASKLEDGER_CLAIM_INIT  taskledger_claim_init()
#define TASKLEDGER_PERMIT_INIT taskledger_permit_init()
#define TASKLEDGER_HOLDER_INIT taskledger_holder_init()
}

#else

#define TASKLEDGER_CLAIM_INIT                                  \
    {                                                          \
        .struct_size = sizeof(struct taskledger_claim_request) \
    }
#define TASKLEDGER_PERMIT_INIT                                  \
    {                                                           \
        .struct_size = sizeof(struct taskledger_permit_request) \
    }
#define TASKLEDGER_HOLDER_INIT                          \
    {                                                   \
        .struct_size = sizeof(struct taskledger_holder) \
    }

#endif

#endif
