/* step: where a task is, told by one process of a host to another.
 *
 * `taskledger-emit run` says again and again that its command lives, and in the end what became of it; what the command
 * said of itself in between, by `taskledger-emit status` or `lines`, must not be forgotten over that. So these tell it
 * to the run too, if there is one: a datagram to a socket named after task and attempt, holding an encoded event.
 * Nobody waits for anybody, and nothing depends on it but the step, progress and message that the run repeats. Only
 * processes of the same user and of root are believed. */
#ifndef TASKLEDGER_PRODUCER_EMIT_STEP_H
#define TASKLEDGER_PRODUCER_EMIT_STEP_H

#include "producer/taskledger/producer.h"
#include "proto/arena.h"

#include <stdbool.h>
#include <stdint.h>

/* What was told last. */
struct step {
    int fd; /* is readable when there is something to hear; negative: nobody can tell us anything */
    const char *task_id;
    uint32_t attempt;
    struct arena arena;
    const char *name; /* NULL: none */
    const char *message;
    double progress; /* negative: none */
};

/* Begin to listen for one attempt, 1 or greater, of a task; its id is borrowed. */
void step_open(struct step *step, const char *task_id, uint32_t attempt);

/* Take in all that has been told by now. */
void step_hear(struct step *step);

/* Step and progress, as far as there are any, go into `event`, which borrows from `step` until it hears more. */
void step_repeat(const struct step *step, struct taskledger_event *event);

void step_close(struct step *step);

/* Tell whoever listens for the event's task and attempt, if it is RUNNING. */
void step_tell(const struct taskledger_event *event);

#endif
