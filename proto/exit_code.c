#include "proto/exit_code.h"

#include <stddef.h>
#include <string.h>

static const struct {
    const char *reason;
    enum exit_code code;
} rows[] = {
    {"config", EXIT_USAGE},
    {"usage", EXIT_USAGE},
    {"listen", EXIT_USAGE},
    {"shards", EXIT_USAGE},
    {"schema", EXIT_USAGE},
    {"not_migrated", EXIT_USAGE},
    {"pooler", EXIT_USAGE},
    {"version", EXIT_USAGE},
    {"wrongtype", EXIT_USAGE},
    {"crossslot", EXIT_USAGE},
    {"db", EXIT_USAGE},
    {"service", EXIT_USAGE},
    {"seal", EXIT_USAGE},
    {"key", EXIT_USAGE},
    {"locked", EXIT_LOCKED},
    {"diverged", EXIT_DIVERGED},
    {"unreadable", EXIT_FINDINGS},
    {"differs", EXIT_FINDINGS},
    {"noauth", EXIT_UNREACHABLE},
    {"wrongpass", EXIT_UNREACHABLE},
    {"nopassword", EXIT_UNREACHABLE},
    {"noperm", EXIT_UNREACHABLE},
    {"denied", EXIT_UNREACHABLE},
    {"tls", EXIT_UNREACHABLE},
    {"authentication", EXIT_UNREACHABLE},
    {"rights", EXIT_UNREACHABLE},
    {"no_database", EXIT_UNREACHABLE},
    {"output", EXIT_INCOMPLETE},
    {"archive", EXIT_INCOMPLETE},
};

enum exit_code exit_code_of(const struct error *error)
{
    if (error->kind == ERROR_TRANSIENT)
        return EXIT_UNREACHABLE;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(error->reason, rows[i].reason) == 0)
            return rows[i].code;
    return EXIT_BUG;
}
