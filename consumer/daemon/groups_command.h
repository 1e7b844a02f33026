/* groups_command: who reads the streams, for people; and removing one who does not any more.
 *
 *   groups             a row for each group on each shard
 *   groups drop NAME   destroys the group of that name on all shards: what it had not settled is settled for it. Refused
 *                      while it has pending entries or was active in the last minute, and when it is ours, unless forced */
#ifndef TASKLEDGER_CONSUMER_DAEMON_GROUPS_COMMAND_H
#define TASKLEDGER_CONSUMER_DAEMON_GROUPS_COMMAND_H

#include "consumer/daemon/configuration.h"
#include "proto/error.h"
#include "proto/exit_code.h"

#include <stdbool.h>

/* `*code`: EXIT_OK; EXIT_FINDINGS when dropping was refused; EXIT_INCOMPLETE when a part was. Fails FATAL, "usage", for
 * words that mean nothing and a group that is not there; as the line does. */
bool groups_command_run(const struct configuration *configuration, enum exit_code *code, struct error *error);

#endif
