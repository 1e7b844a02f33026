/* producer: what the library's own files ask of a producer beside its public side. */
#ifndef TASKLEDGER_PRODUCER_INSIDE_H
#define TASKLEDGER_PRODUCER_INSIDE_H

#include "producer/lease/desk.h"
#include "producer/outbox.h"
#include "producer/settings.h"
#include "producer/taskledger/producer.h"

/* The one of this process, made when there is none yet, with a sender. NULL: disabled, or memory is short. */
struct outbox *producer_outbox(struct taskledger_producer *producer);

/* The one of this process, made when there is none yet. NULL: "config": disabled, or no producer; "memory" ... */
struct desk *producer_desk(struct taskledger_producer *producer, struct error *error);

const struct settings *producer_settings(const struct taskledger_producer *producer);

/* Who emits in this process when an event names nobody. */
void producer_worker(const struct taskledger_producer *producer, char worker[SETTINGS_WORKER_BYTES_MAX + 1]);

#endif
