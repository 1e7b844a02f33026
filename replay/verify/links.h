/* links: events in whatever order they come: which numbers of each producer are there, and does each event carry the
 * digest of the one before it?
 *
 * As they lie, an event mostly follows one of its producer that lies shortly before it. So what is kept of them is runs:
 * numbers that follow on each other, each event linked to the one before. What does not follow begins a run of its own;
 * runs that meet and are linked are made one when memory is full, and in the end. When that does not give half of the
 * memory back, the runs are written to a temporary file in their order, and merged in the end (replay/spill.h). */
#ifndef TASKLEDGER_REPLAY_VERIFY_LINKS_H
#define TASKLEDGER_REPLAY_VERIFY_LINKS_H

#include "proto/digest.h"
#include "proto/error.h"
#include "proto/slice.h"
#include "proto/uuid.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LINKS_BYTES = 24 * 1024 * 1024 /* of runs, in memory */ };

/* One event, as far as its neighbours are concerned. Borrowed for the call. */
struct link {
    struct uuid producer_id;
    uint64_t sequence;
    int64_t recorded_at_us;
    bool is_event;                /* else what it carries is not known */
    struct slice previous_digest; /* what it carries: a digest, or nothing */
    const struct digest *digest;  /* NULL: not known */
    bool is_end;                  /* its producer says that it is its last */
};

enum links_before { LINKS_NOTHING, LINKS_DIGEST, LINKS_UNKNOWN };

/* Numbers that follow on each other, each linked to the one before but the first. One that is an end is the last of its
 * run, and one of which is not known what it carries is the first. */
struct links_run {
    struct uuid producer_id;
    uint64_t first;
    uint64_t last;
    int64_t recorded_at_us; /* the latest of all */
    struct digest before;   /* what the first one carries, if it is a digest */
    struct digest digest;   /* of the last one */
    enum links_before carries;
    bool has_digest;
    bool is_end;
};

struct links;

/* `folder` is for the temporary file; borrowed. FATAL "memory". */
struct links *links_new(const char *folder, size_t bytes, struct error *error);
void links_free(struct links *links);

/* FATAL "memory", "disk". */
bool links_add(struct links *links, const struct link *link, struct error *error);

/* All is added. The next run in the order of (producer_id, first), or NULL behind the last one; lives until the next
 * call. A number that came twice is in two runs, and one below 1 is a run of its own. */
bool links_next(struct links *links, const struct links_run **next, struct error *error);

#endif
