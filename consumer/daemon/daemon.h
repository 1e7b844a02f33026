/* daemon: everything that a running consumer consists of, put together.
 *
 *     gate ──▶ group ──▶ pump ──▶ suspects ──▶ apply        the stream into the ledger
 *                          │
 *                          └─▶ housekeeping, report        in moments between two turns
 *
 * One thread, but for that of the HTTP library, which sees only what is published. */
#ifndef TASKLEDGER_CONSUMER_DAEMON_DAEMON_H
#define TASKLEDGER_CONSUMER_DAEMON_DAEMON_H

#include "consumer/daemon/configuration.h"
#include "consumer/daemon/http.h"
#include "consumer/daemon/manager.h"
#include "consumer/daemon/outage.h"
#include "consumer/ledger/apply.h"
#include "consumer/ledger/suspects.h"
#include "consumer/log.h"
#include "consumer/postgres/postgres.h"
#include "consumer/pump.h"
#include "consumer/stream/gate.h"
#include "consumer/stream/group.h"
#include "consumer/stream/slot.h"
#include "consumer/tally.h"
#include "consumer/upkeep/housekeeping.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    DAEMON_BACKOFF_BASE_MS = 20,
    DAEMON_BACKOFF_CAP_MS = 500,
    DAEMON_LIVE_MS = 120 * 1000, /* a migration may wait a minute for another program's */
    DAEMON_PUBLISH_MS = 200,
    DAEMON_PROBE_MS = 1000,
    DAEMON_PROBE_TIMEOUT_MS = 2000,
    DAEMON_REASONS_MAX = 3,
};

/* Why not ready: "stopping", "starting", and the names of outages. None: ready. */
struct daemon_reasons {
    const char *words[DAEMON_REASONS_MAX];
    size_t count;
};

struct daemon {
    const struct configuration *configuration;
    const struct clock *clock;
    const volatile sig_atomic_t *stop;
    int stop_descriptor;
    struct log log;
    struct http *http;
    struct manager manager;

    struct postgres *postgres;
    struct slot slot;
    struct gate gate;
    struct group *group;
    struct apply *apply;
    struct suspects *suspects;
    struct sink sink; /* the suspects' */
    struct housekeeping housekeeping;
    struct pump pump;

    struct outage redis_outage;
    struct outage postgresql_outage;
    int64_t probe_due_us;

    /* What was told, so that it is not told twice. */
    struct tally housekeeping_told; /* reasons, since it last went well */
    char consumer[GROUP_CONSUMER_BYTES_MAX];
    unsigned reports;
    uint64_t groups_lost;
    uint64_t groups_made;
    bool shards_away;
    struct claim_counters claimed;
    struct gaps_counters gaps;
    bool memory_short;
    bool trim_blind;
    bool strays_told;
    char blocker[CENSUS_NAME_MAX]; /* the group that holds back trimming; "": none */
    struct heads_counters heads;
    uint64_t setbacks;
    uint64_t retraces;
    uint64_t crashing;
    uint64_t reprieved;
    bool late_told;

    bool sink_failed; /* the last call of the sink */
    bool turn_failed; /* the last one */
    bool has_turned;  /* once, well */
    bool said_ready;
    bool said_stopping;
    int64_t publish_due_us;
    struct daemon_reasons published;
    int64_t start_us; /* Unix */
    struct tally retries;
};

/* The log that the configuration asks for. */
struct log daemon_log(const struct configuration *configuration);

/* How it is told to stop. */
struct daemon_stop {
    volatile sig_atomic_t *flag; /* set by a signal handler ... */
    int descriptor;              /* ... which then makes this readable, so that waiting ends; <= 0: it ends by itself */
};

/* Run until told to stop; the exit code. Everything that happens is logged, and told to the service manager, if one is
 * there. */
int daemon_run(const struct configuration *configuration, const struct daemon_stop *stop,
               const struct manager_terms *manager);

/* A session with the ledger, as all commands open it. NULL: FATAL, "config". */
struct postgres *daemon_open_ledger(const struct configuration *configuration, struct error *error);

/* A line to Redis, as all commands open it. Borrows from the configuration. */
struct redis_options daemon_redis_options(const struct configuration *configuration);

/* In consumer/daemon/daemon_servers.c: which of the two servers is there, by how a turn went, and by asking the one
 * that turns do not get to while the other is away. */
void daemon_note_failure(struct daemon *daemon, const struct error *error);
void daemon_note_success(struct daemon *daemon);
void daemon_probe(struct daemon *daemon);

/* In consumer/daemon/daemon_tell.c: log what has changed since the last turn. */
void daemon_tell_changes(struct daemon *daemon);
void daemon_tell_fatal(struct daemon *daemon, const struct error *error);
void daemon_tell_stopped(const struct daemon *daemon);
void daemon_tell_housekeeping(struct daemon *daemon, const struct error *error);

/* In consumer/daemon/daemon_publish.c: what HTTP shows from now on. */
void daemon_publish(struct daemon *daemon);
void daemon_publish_disabled(struct daemon *daemon);

#endif
