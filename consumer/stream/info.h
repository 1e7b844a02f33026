/* info: fields of what XINFO answers: names and values in turns. */
#ifndef TASKLEDGER_CONSUMER_STREAM_INFO_H
#define TASKLEDGER_CONSUMER_STREAM_INFO_H

#include "proto/redis.h"

#include <stdbool.h>

/* The value of a field; NULL when there is none of that name. */
const struct reply *info_field(const struct reply *fields, const char *name);

/* False, and *value untouched, when the field is missing or not of that type. */
bool info_integer(const struct reply *fields, const char *name, int64_t *value);
bool info_text(const struct reply *fields, const char *name, struct slice *value);

#endif
