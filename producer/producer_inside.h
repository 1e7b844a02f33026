/* producer: what the library's own files ask of a producer beside its public side. */
#ifndef TASKLEDGER_PRODUCER_INSIDE_H
#define TASKLEDGER_PRODUCER_INSIDE_H

#include "producer/settings.h"
#include "producer/taskledger/producer.h"

/* Who emits in this process when an event names nobody. */
void producer_worker(const struct taskledger_producer *producer, char worker[SETTINGS_WORKER_BYTES_MAX + 1]);

#endif
