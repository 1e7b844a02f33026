/* doctor_redis: the examination of Redis, as its files share it: rows of checks and the line that they ask over. */
#ifndef TASKLEDGER_CONSUMER_DOCTOR_DOCTOR_REDIS_H
#define TASKLEDGER_CONSUMER_DOCTOR_DOCTOR_REDIS_H

#include "consumer/daemon/configuration.h"
#include "consumer/doctor/doctor_report.h"
#include "proto/arena.h"
#include "proto/redis.h"
#include "proto/redis_url.h"

#include <stdbool.h>
#include <stddef.h>

struct doctor_redis {
    const struct configuration *configuration;
    struct doctor_report *report;
    struct redis *line;
    struct redis_url url;

    /* Of the check that is being made. */
    struct doctor_finding finding;
    struct reply answer;
    struct error why; /* the last question was not answered */
    struct arena arena;
};

/* One row. `question` is the command that is sent, its words parted by spaces; NULL: the judge asks himself. He is
 * called when it was answered, and fills the finding from the answer. */
struct doctor_check {
    const char *name;
    const char *question;
    void (*judge)(struct doctor_redis *redis);
    const char *cure;
};

/* The rows, in the order in which they are told; each ends with a row without a name. */
extern const struct doctor_check doctor_settings_checks[];
extern const struct doctor_check doctor_stream_checks[];
extern const struct doctor_check doctor_rights_checks[];

/* Reach Redis and run all checks. FATAL, "config". */
bool doctor_redis_examine(const struct configuration *configuration, struct doctor_report *report, struct error *error);

/* Ask something: the words of the question, and a key behind them unless it is NULL. The answer lives as long as the
 * check. False: `why` tells why not, and the finding that it is not known. */
bool doctor_redis_ask(struct doctor_redis *redis, const char *question, const char *key);

/* Is the server on this machine, as its URL says? */
bool doctor_redis_is_local(const struct doctor_redis *redis);

#endif
