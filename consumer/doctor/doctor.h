/* doctor: what is wrong with this Redis and this PostgreSQL for this job, and the command that mends it.
 *
 *   ok    redis.version: 7.0.15
 *   WRONG redis.policy: keys are evicted when memory is full (allkeys-lru): an evicted stream is a lost stream
 *     do: redis-cli CONFIG SET maxmemory-policy noeviction; redis-cli CONFIG REWRITE
 *
 * Tables of checks: the settings of Redis (consumer/doctor/doctor_settings.c), what is in it and what we may do there
 * (consumer/doctor/doctor_stream.c, consumer/doctor/doctor_rights.c), PostgreSQL
 * (consumer/doctor/doctor_server_questions.c) and the ledger in it (consumer/doctor/doctor_ledger_questions.c). Each
 * row has a name, what is asked, how the answer is judged, and the cure. Nothing is changed anywhere. What cannot be
 * known for want of rights is a note, and so is what some want like that. */
#ifndef TASKLEDGER_CONSUMER_DOCTOR_DOCTOR_H
#define TASKLEDGER_CONSUMER_DOCTOR_DOCTOR_H

#include "consumer/daemon/configuration.h"
#include "proto/error.h"
#include "proto/exit_code.h"

#include <stdbool.h>

/* Examine both servers and print what was found. `*code`: EXIT_OK, EXIT_FINDINGS, or EXIT_UNREACHABLE when one of the
 * servers could not be examined. FATAL, "config"; "output" when nobody could read it. */
bool doctor_run(const struct configuration *configuration, enum exit_code *code, struct error *error);

#endif
