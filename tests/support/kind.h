/* kind: the name of a kind of error, for what tests print. */
#ifndef TASKLEDGER_TESTS_KIND_H
#define TASKLEDGER_TESTS_KIND_H

#include "proto/error.h"

static inline const char *kind_name(enum error_kind kind)
{
    static const char *const names[] = {
        [ERROR_NONE] = "none",
        [ERROR_TRANSIENT] = "transient",
        [ERROR_REJECTED] = "rejected",
        [ERROR_FATAL] = "fatal",
    };

    return names[kind];
}

#endif
