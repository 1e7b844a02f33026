/* feed_filter: which events a client wants.
 *
 * Conditions as in the address of the feed: task=ID, status=RUNNING or status=RUNNING,RETRY, name=NAME. Values of one
 * name are alternatives, conditions of several names must all hold; a zeroed filter wants everything. An ID or a name
 * may hold a comma, so there each value is given by itself. What is compared is what the event says: one that does not
 * repeat its task's name does not have one. */
#ifndef TASKLEDGER_REPLAY_WEB_FEED_FEED_FILTER_H
#define TASKLEDGER_REPLAY_WEB_FEED_FEED_FILTER_H

#include "proto/error.h"
#include "proto/slice.h"
#include "proto/status.h"

#include <stdbool.h>
#include <stddef.h>

enum { FEED_FILTER_VALUES_MAX = 64, FEED_FILTER_VALUE_BYTES_MAX = 512 };

/* What of an event is asked about. */
struct feed_subject {
    enum status status;
    struct slice task_id;
    struct slice task_name; /* empty: not said */
};

/* Alternatives; none: any. */
struct feed_filter_values {
    struct slice *values; /* owned, their bytes too */
    size_t count;
};

struct feed_filter {
    unsigned statuses; /* a bit each; none: any */
    struct feed_filter_values tasks;
    struct feed_filter_values names;
};

/* One more condition. REJECTED "bad_request" with a text for the client: no such name or status, an empty value, too
 * long, too many. TRANSIENT "memory". */
bool feed_filter_add(struct feed_filter *filter, struct slice name, struct slice value, struct error *error);

bool feed_filter_matches(const struct feed_filter *filter, const struct feed_subject *subject);

/* The filter is then zeroed. */
void feed_filter_close(struct feed_filter *filter);

#endif
