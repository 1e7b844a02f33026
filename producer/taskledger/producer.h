/* taskledger/producer.h: say what a task is doing, and know that it was heard.
 *
 * For code that lives inside somebody else's process: a Celery or RQ worker, a cron job, a server.
 *
 *     struct taskledger_options options = TASKLEDGER_OPTIONS_INIT;
 *     options.redis_url = "redis://cache:6379/0";
 *     struct taskledger_producer *producer = taskledger_open(&options, NULL, 0);
 *
 *     struct taskledger_task *task = taskledger_task_begin(producer, "order-4711", "make_invoice", 1);
 *     taskledger_task_step(task, "render");
 *     taskledger_task_end(task, TASKLEDGER_SUCCESS, NULL);
 *
 *     taskledger_close(producer, 2000);
 *
 * What this library promises its host:
 *   - emitting copies the event into memory and returns: it never waits for a lock held over I/O, for Redis, for DNS or,
 *     but with TASKLEDGER_SPOOL_ALWAYS, for a disk, raises no signal, changes no signal handler, prints nothing, never
 *     exits;
 *   - taskledger_open starts no thread and opens no socket or file; the sender's thread, and the spool's if there is a
 *     spool, start with the first emit in this process, with all signals blocked;
 *   - after fork() the child is a producer of its own with an empty queue and its own identity; the parent goes on.
 *     No call is needed on either side. fork() itself waits while a sender holds what would be missing to the child:
 *     while it computes TLS, 100 ms at most, and at the beginning of a name lookup, 20 ms at most. It does not wait for
 *     Redis or for a name server. Many forks at once let a sender that waits for them go first, 20 ms at most;
 *   - exit(3) is safe at any moment; with TLS it waits for senders that compute just then, 5 s at most;
 *   - memory is bounded by `queue_events` and `queue_bytes`, the spool by `spool_bytes`; what fits into neither is refused
 *     with TASKLEDGER_FULL, counted, and declared to the ledger as a hole;
 *   - a disk in any state (full, read-only, gone) never fails an emit: what cannot be spooled is kept in memory;
 *   - it reads no environment variable, except in taskledger_options_from_environment().
 *
 * Threads: every function may be called from any thread at any time, except that nothing may be called with a producer
 * or a task after, or while, it is being closed or ended. Strings are UTF-8 without NUL, borrowed for the call only. A
 * NULL producer or task is allowed everywhere and does nothing (TASKLEDGER_CLOSED), so that a worker whose open failed
 * runs on undisturbed. A thread that is cancelled (pthread_cancel) in a call of ours ends behind it. One that is stopped in
 * the midst of an emit, by a debugger say or for want of a processor, may hold up what is accepted later on its way until it
 * goes on, so that emits are refused once memory is full; seldom, where it has the lock, it holds up emits, too.
 *
 * ABI: structs that callers fill begin with struct_size, which the *_INIT macros set; newer libraries take older,
 * shorter structs. */
#ifndef TASKLEDGER_PRODUCER_H
#define TASKLEDGER_PRODUCER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define TASKLEDGER_API __attribute__((visibility("default")))
#else
#define TASKLEDGER_API
#endif

/* "0.1.0"; static storage. */
TASKLEDGER_API const char *taskledger_version(void);

enum taskledger_result {
    TASKLEDGER_ACCEPTED = 0, /* has its number and will be sent, or its loss declared */
    TASKLEDGER_FULL,         /* the queue is full: dropped, counted, and the hole is declared */
    TASKLEDGER_TOO_BIG,      /* more than 64 KiB encoded: refused, no number used */
    TASKLEDGER_INVALID,      /* a field breaks its limit: refused, no number used; see taskledger_invalid_reason() */
    TASKLEDGER_CLOSED,       /* closed, disabled, or NULL */
};

/* "accepted", "full", ...; static storage. */
TASKLEDGER_API const char *taskledger_result_name(enum taskledger_result result);

/* Why this thread's last emit was TASKLEDGER_INVALID or TASKLEDGER_TOO_BIG: names field, limit and what was found.
 * Valid until this thread's next emit; "" before the first. */
TASKLEDGER_API const char *taskledger_invalid_reason(void);

enum taskledger_status {
    TASKLEDGER_PENDING = 1, /* known, not yet queued */
    TASKLEDGER_QUEUED = 2,
    TASKLEDGER_RUNNING = 3,
    TASKLEDGER_RETRY = 4, /* failed, will be tried again */
    TASKLEDGER_SUCCESS = 5,
    TASKLEDGER_PARTIAL_FAILURE = 6, /* done, but parts failed; say which in `step` */
    TASKLEDGER_FAILURE = 7,
    TASKLEDGER_CANCELLED = 8,
};

/* ---- open -------------------------------------------------------------------------------------------------------- */

/* What the spool, a folder on disk, is for. "Nothing lost, whatever dies" needs TASKLEDGER_SPOOL_ALWAYS, a folder that
 * survives the container, and a later producer with the same folder or `taskledger-emit sweep`. */
enum taskledger_spool {
    TASKLEDGER_SPOOL_DEFAULT = 0, /* overflow */
    TASKLEDGER_SPOOL_OFF = 1,
    TASKLEDGER_SPOOL_OVERFLOW = 2, /* what does not fit into memory, or can't be sent, or is left at close */

    /* Every event is in the spool before emit returns (one write(2) into the page cache, under a lock that others wait
     * for 100 ms at most, and for 500 ms until the first one has made the spool), and stays until PostgreSQL holds it:
     * neither SIGKILL of the worker nor a wiped Redis loses it. While the disk refuses, events are in memory alone
     * (`unspooled`): a SIGKILL then loses those that Redis has not got, and who adopts the spool takes its end for
     * theirs, so the audit does not know of them. Should the disk get stuck while it is busy, the one thread that
     * writes just then is held for as long. */
    TASKLEDGER_SPOOL_ALWAYS = 3,
};

/* Begin with TASKLEDGER_OPTIONS_INIT; zeros and NULLs stand for the defaults. */
struct taskledger_options {
    size_t struct_size;
    const char *redis_url;        /* NULL: "redis://127.0.0.1:6379/0" */
    const char *stream;           /* NULL: "taskledger:events" */
    uint32_t shards;              /* 0: 1; must be the number that the consumers use */
    const char *worker;           /* who emits; NULL: host name and process number */
    uint32_t queue_events;        /* 0: 10,000 */
    size_t queue_bytes;           /* 0: 8 MiB; payloads and what keeping them costs, but for 8 bytes an event */
    int32_t connect_timeout_ms;   /* 0: 1,000 */
    int32_t request_timeout_ms;   /* 0: 2,000 */
    int32_t backoff_base_ms;      /* 0: 100; the wait after a failure is drawn from 0 up to this, doubling */
    int32_t backoff_cap_ms;       /* 0: 10,000 */
    const char *ca_file;          /* rediss://; NULL: the system's certificates */
    const char *certificate_file; /* rediss://; NULL: none */
    const char *key_file;
    int32_t disabled; /* not 0: every emit answers TASKLEDGER_CLOSED and nothing else happens */

    enum taskledger_spool spool;
    const char *spool_dir; /* NULL: "/var/lib/taskledger"; made when it is missing */
    uint64_t spool_bytes;  /* 0: 256 MiB; of one process */
    int32_t spool_sync_ms; /* 0: 1,000; how often `always` is synced to the disk; negative: never */
    int32_t confirm_ms;    /* 0: 30,000; `always`: after so long without news from the ledger Redis is asked whether it
                              still has what it was given */
    uint32_t reports;      /* so many delivery reports are kept for taskledger_poll_reports; 0: none */

    /* Which Redis the spool's events are for, in words that are only compared: who adopts takes what names the same.
     * NULL: "host:port/db" of redis_url, or the first of its sentinels and the service, or of a cluster's nodes and
     * "cluster", without user and password. At most 447 bytes. */
    const char *spool_target;
};

/* Fill the fields that are still zero from REDIS_URL, REDIS_URL_FILE, TASKLEDGER_STREAM, TASKLEDGER_SHARDS,
 * TASKLEDGER_WORKER, TASKLEDGER_QUEUE_EVENTS, TASKLEDGER_QUEUE_BYTES, TASKLEDGER_SPOOL (off, overflow, always),
 * TASKLEDGER_SPOOL_DIR (else $XDG_STATE_HOME/taskledger), TASKLEDGER_SPOOL_TARGET, TASKLEDGER_SPOOL_BYTES,
 * TASKLEDGER_CONFIRM_MS, TASKLEDGER_ENABLED and TASKLEDGER_REDIS_CA_FILE, _CERTIFICATE_FILE and _KEY_FILE. Returns 0,
 * or -1 with the reason in `reason`; `options` is then unchanged. Numbers of bytes may have units: 64MiB, 2G. The texts
 * point into the environment or into memory that lives as long as the process. Not while another thread changes the
 * environment. */
TASKLEDGER_API int taskledger_options_from_environment(struct taskledger_options *options, char *reason,
                                                       size_t reason_size);

struct taskledger_producer;

/* A new producer, or NULL with the reason in `reason` (may be NULL; cut to `reason_size`). NULL options take all
 * defaults. Copies what it needs. */
TASKLEDGER_API struct taskledger_producer *taskledger_open(const struct taskledger_options *options, char *reason,
                                                           size_t reason_size);

/* ---- emit -------------------------------------------------------------------------------------------------------- */

/* Begin with TASKLEDGER_EVENT_INIT. */
struct taskledger_event {
    size_t struct_size;
    const char *task_id; /* 1 to 255 bytes */
    enum taskledger_status status;
    uint32_t attempt;      /* 1, 2, ...; 0 means 1. A greater attempt outranks all of a smaller one */
    const char *task_name; /* NULL or "" for not given, here and below */
    const char *worker;    /* NULL: the producer's */
    const char *step;
    double progress; /* 0 to 1; negative: not given */
    const char *message;
    const char *error_type;
    const char *error_message;
    const char *error_traceback;
    const char *data_json;      /* a JSON object; one that is too large is cut, with a mark and its SHA-256 */
    const char *traceparent;    /* W3C Trace Context */
    const char *parent_task_id; /* up to 255 bytes */
    const char *queue;
    int64_t occurred_at_us; /* Unix time, microseconds; 0: now */
};

TASKLEDGER_API enum taskledger_result taskledger_emit(struct taskledger_producer *producer,
                                                      const struct taskledger_event *event);

/* ---- tasks: one line per change ---------------------------------------------------------------------------------- */

/* Remembers task_id, name, worker, attempt, queue, parent_task_id, traceparent, step and progress between calls: all
 * its events say them. Its worker is the one who began it, in a child of fork() too. Belongs to one thread at a
 * time. */
struct taskledger_task;

/* Emits RUNNING. NULL only when the producer is, when memory is short, or when an argument is invalid
 * (taskledger_invalid_reason()). `name` may be NULL; attempt 0 means 1. */
TASKLEDGER_API struct taskledger_task *taskledger_task_begin(struct taskledger_producer *producer, const char *task_id,
                                                             const char *name, uint32_t attempt);

/* The same with a first event of any kind; status 0 means RUNNING. Message, error, data_json and occurred_at_us are
 * said once only. */
TASKLEDGER_API struct taskledger_task *taskledger_task_begin_with(struct taskledger_producer *producer,
                                                                  const struct taskledger_event *first);

/* RUNNING with a new step, or with progress in the present step; `message` may be NULL. */
TASKLEDGER_API enum taskledger_result taskledger_task_step(struct taskledger_task *task, const char *step);
TASKLEDGER_API enum taskledger_result taskledger_task_progress(struct taskledger_task *task, double progress,
                                                               const char *message);

/* RETRY, and then the next attempt: what follows counts as attempt + 1. */
TASKLEDGER_API enum taskledger_result taskledger_task_retry(struct taskledger_task *task, const char *error_type,
                                                            const char *error_message);

/* FAILURE at the present step. Frees the task. */
TASKLEDGER_API enum taskledger_result taskledger_task_fail(struct taskledger_task *task, const char *error_type,
                                                           const char *error_message, const char *traceback);

/* SUCCESS, PARTIAL_FAILURE, FAILURE or CANCELLED with an optional JSON object. SUCCESS says the step "completed", the
 * others the present step. Frees the task. */
TASKLEDGER_API enum taskledger_result taskledger_task_end(struct taskledger_task *task, enum taskledger_status status,
                                                          const char *data_json);

/* Frees the task and says nothing. */
TASKLEDGER_API void taskledger_task_forget(struct taskledger_task *task);

/* ---- flush, close, look ------------------------------------------------------------------------------------------ */

/* Wait until Redis has answered for everything that was accepted before the call, at most `timeout_ms`. Returns how
 * many of those are still unanswered, and of those that were lost in the spool (`spool_lost`) what no call has told
 * yet: 0 is success. */
TASKLEDGER_API uint64_t taskledger_flush(struct taskledger_producer *producer, int32_t timeout_ms);

/* Say goodbye (ProducerClosed), flush within `timeout_ms` (with TASKLEDGER_SPOOL_ALWAYS until the ledger has it), write
 * what is left to the spool, stop the sender, free. Returns how many accepted events neither Redis nor the spool has;
 * they are lost, those that were lost in the spool among them. Always returns in time: a sender that hangs in a name
 * lookup is left behind. */
TASKLEDGER_API uint64_t taskledger_close(struct taskledger_producer *producer, int32_t timeout_ms);

/* Begin with TASKLEDGER_COUNTERS_INIT. */
struct taskledger_counters {
    size_t struct_size;
    uint64_t accepted;         /* events that have a number, the producer's own included */
    uint64_t sent;             /* of these, answered by Redis */
    uint64_t queued;           /* of these, still in memory */
    uint64_t retried;          /* sends that were repeated */
    uint64_t timed_out;        /* attempts that met a deadline */
    uint64_t refused;          /* attempts that Redis or the network refused */
    uint64_t dropped_full;     /* emits answered TASKLEDGER_FULL */
    uint64_t dropped_memory;   /* the same because malloc failed */
    uint64_t rejected_invalid; /* emits answered TASKLEDGER_INVALID */
    uint64_t rejected_too_big; /* emits answered TASKLEDGER_TOO_BIG */
    uint64_t cut;              /* events whose data_json was cut */
    uint64_t sent_bytes;       /* payload bytes of `sent` */
    uint64_t queued_bytes;
    uint64_t connects;    /* connections that became usable */
    int32_t connected;    /* 1 or 0 */
    char producer_id[37]; /* of this process; "" before its first emit */
    char last_error[256]; /* "" when there was none; never holds a password */

    /* Not 0 while last_error is one that only an operator can mend, and sending is tried again in vain: 1 for what
     * Redis refuses (password, rights), 2 for what we were told (a certificate file, the db, a key that holds no
     * stream). */
    int32_t refused_for_good;

    uint64_t spooled;        /* accepted events that are in the spool and not yet with Redis */
    uint64_t spool_bytes;    /* what the spool takes on disk */
    uint64_t spool_written;  /* events written to it */
    uint64_t unspooled;      /* `always`: events whose emit returned before they were in the spool: the disk refused */
    uint64_t unprotected;    /* given up at the cap: Redis has them, the ledger perhaps not yet */
    uint64_t confirmed;      /* `always`: events that the ledger is known to hold */
    uint64_t resent;         /* `always`: events sent again since Redis had lost them */
    uint64_t adopted;        /* events of producers that are gone, sent from their spools */
    uint64_t adopted_spools; /* of these, spools that are done with */
    uint64_t reports_lost;   /* reports that nobody polled in time */
    int32_t spool_works;     /* 1: the spool takes what it is given; 0: there is none, or the disk refuses */
    char spool_error[256];   /* why it did not the last time; "" when there was nothing */

    uint64_t spool_lost;      /* accepted events that were lost in the spool: it is damaged, or somebody removed it */
    uint64_t adopted_damaged; /* segments of producers that are gone which were damaged or removed: part of what was in
                                 them is lost; nobody knows how many events */

    /* Claims and permits, taskledger/lease.h. */
    uint64_t claims_granted;
    uint64_t claims_held; /* refused: another had it */
    uint64_t claims_lost; /* while they were held here */
    uint64_t permits_granted;
    uint64_t permits_local;     /* granted by the local limit, since Redis was away */
    uint64_t permits_timed_out; /* refused: there was none in the time to wait */
    uint64_t permits_lost;
    uint64_t leases_away;    /* requests to which Redis gave no answer */
    uint64_t leases_held;    /* now, claims and permits */
    uint64_t leases_waiting; /* now, for an answer or in a line */
    int32_t lease_connected; /* 1 or 0: the line for them, which there is while there are any */
    char lease_error[256];   /* the last one on it; "" when there was none */

    uint64_t spool_bytes_max; /* what the spool may take on disk; 0 while there is none */
};

/* Since this process first emitted. */
TASKLEDGER_API void taskledger_counters(struct taskledger_producer *producer, struct taskledger_counters *counters);

/* ---- reports ----------------------------------------------------------------------------------------------------- */

enum taskledger_report_kind {
    TASKLEDGER_REPORT_SENT = 1,  /* Redis has them */
    TASKLEDGER_REPORT_SPOOLED,   /* the spool has them */
    TASKLEDGER_REPORT_CONFIRMED, /* the ledger has them */
    TASKLEDGER_REPORT_DROPPED,   /* they will never come; the hole is declared, but with the reason "spool" */
};

/* What became of consecutive numbers of one producer. */
struct taskledger_report {
    enum taskledger_report_kind kind;
    char producer_id[37];
    uint64_t first_sequence;
    uint64_t last_sequence;
    char reason[16]; /* of TASKLEDGER_REPORT_DROPPED: "full", "memory"; "spool": lost there after they were accepted */
};

/* What this thread's last TASKLEDGER_ACCEPTED emit became: its identity in the ledger. `sequence` is 0 before the
 * first. */
struct taskledger_identity {
    char producer_id[37];
    uint64_t sequence;
};

TASKLEDGER_API void taskledger_last_identity(struct taskledger_identity *identity);

/* Take up to `count` reports, oldest first; returns how many. `report_size` is sizeof(struct taskledger_report). Never
 * waits. When `reports` of the options are kept and nobody polls, the oldest are dropped and counted. */
TASKLEDGER_API size_t taskledger_poll_reports(struct taskledger_producer *producer, struct taskledger_report *reports,
                                              size_t count, size_t report_size);

/* ---- sweep ------------------------------------------------------------------------------------------------------- */

/* Send what producers that are gone left in the spool folder for the same Redis (`spool_target`): all of it, or what
 * can be done within `timeout_ms`. Returns how many of their events are still there: 0 is success. What living
 * producers have there is theirs. Any producer does this now and then by itself. */
TASKLEDGER_API uint64_t taskledger_sweep(struct taskledger_producer *producer, int32_t timeout_ms);

/* ---- how the structs begin --------------------------------------------------------------------------------------- */

#ifdef __cplusplus

inline struct taskledger_options taskledger_options_init(void)
{
    struct taskledger_options options = {};
    options.struct_size = sizeof options;
    return options;
}

inline struct taskledger_event taskledger_event_init(void)
{
    struct taskledger_event event = {};
    event.struct_size = sizeof event;
    event.progress = -1.0;
    return event;
}

inline struct taskledger_counters taskledger_counters_init(void)
{
    struct taskledger_counters counters = {};
    counters.struct_size = sizeof counters;
    return counters;
}

#define TASKLEDGER_OPTIONS_INIT  taskledger_options_init()
#define TASKLEDGER_EVENT_INIT    taskledger_event_init()
#define TASKLEDGER_COUNTERS_INIT taskledger_counters_init()
}

#else

#define TASKLEDGER_OPTIONS_INIT                          \
    {                                                    \
        .struct_size = sizeof(struct taskledger_options) \
    }
#define TASKLEDGER_EVENT_INIT                                            \
    {                                                                    \
        .struct_size = sizeof(struct taskledger_event), .progress = -1.0 \
    }
#define TASKLEDGER_COUNTERS_INIT                          \
    {                                                     \
        .struct_size = sizeof(struct taskledger_counters) \
    }

#endif

#endif
