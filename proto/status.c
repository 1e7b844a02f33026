#include "proto/status.h"

#include <string.h>
#include <strings.h>

static const char *const status_names[] = {
    [STATUS_UNSPECIFIED] = "UNSPECIFIED",
    [STATUS_PENDING] = "PENDING",
    [STATUS_QUEUED] = "QUEUED",
    [STATUS_RUNNING] = "RUNNING",
    [STATUS_RETRY] = "RETRY",
    [STATUS_SUCCESS] = "SUCCESS",
    [STATUS_PARTIAL_FAILURE] = "PARTIAL_FAILURE",
    [STATUS_FAILURE] = "FAILURE",
    [STATUS_CANCELLED] = "CANCELLED",
};

const char *status_name(enum status status)
{
    if (status > STATUS_CANCELLED)
        return status_names[STATUS_UNSPECIFIED];
    return status_names[status];
}

static bool names_equal(struct slice name, const char *wanted)
{
    return name.size == strlen(wanted) && strncasecmp((const char *)name.data, wanted, name.size) == 0;
}

enum status status_parse(struct slice name)
{
    static const char prefix[] = "STATUS_";
    enum { PREFIX_BYTES = sizeof prefix - 1 };

    if (name.size > PREFIX_BYTES && strncasecmp((const char *)name.data, prefix, PREFIX_BYTES) == 0)
        name = slice_of(name.data + PREFIX_BYTES, name.size - PREFIX_BYTES);

    for (enum status status = STATUS_PENDING; status <= STATUS_CANCELLED; status++)
        if (names_equal(name, status_names[status]))
            return status;
    return STATUS_UNSPECIFIED;
}

enum phase status_phase(enum status status)
{
    if (status <= STATUS_QUEUED)
        return PHASE_WAITING;
    if (status <= STATUS_RETRY)
        return PHASE_ACTIVE;
    return PHASE_FINAL;
}
