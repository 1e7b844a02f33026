/* pace: no faster than Redis takes it.
 *
 * The library never waits: what does not fit into its queue is dropped. A worker wants that; a program that reads a
 * file wants to wait. So before each emit the pace makes sure that there is room, and waits for it as long as anything
 * gets through to Redis. Between two looks at the counters it reckons with the most that each event can cost. */
#ifndef TASKLEDGER_PRODUCER_EMIT_PACE_H
#define TASKLEDGER_PRODUCER_EMIT_PACE_H

#include "producer/taskledger/producer.h"

#include <stddef.h>
#include <stdint.h>

enum pace_result {
    PACE_GO,
    PACE_STALLED, /* nothing got through for `timeout_ms` */
    PACE_REFUSED, /* nothing will get through before an operator has acted */
    PACE_STOPPED, /* `stop_fd` became readable */
};

struct pace {
    struct taskledger_producer *producer; /* borrowed */
    int stop_fd;                          /* borrowed; negative: none */
    int64_t timeout_ms;
    uint64_t events;       /* there is room for so many more, */
    uint64_t bytes;        /* and for so many bytes */
    int64_t look_again_us; /* at the counters, even if there is room */
};

void pace_init(struct pace *pace, struct taskledger_producer *producer, int stop_fd, int64_t timeout_ms);

/* Look at the counters: PACE_GO, or PACE_REFUSED. */
enum pace_result pace_look(struct pace *pace);

/* Until there is room for one more event, made from `text_bytes` of text. */
enum pace_result pace_wait(struct pace *pace, size_t text_bytes);

/* Until Redis has answered for everything. */
enum pace_result pace_drain(struct pace *pace);

#endif
