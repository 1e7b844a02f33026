#include "proto/deadline.h"

#include <errno.h>
#include <poll.h>

bool deadline_wait(const struct deadline *deadline, int descriptor, short events, struct error *error)
{
    struct pollfd waiting[] = {
        {.fd = descriptor, .events = events},
        {.fd = deadline->cancel_descriptor, .events = POLLIN},
    };
    nfds_t count = deadline->cancel_descriptor > 0 ? 2 : 1;

    for (;;) {
        int left_ms = clock_left_ms(deadline->clock, deadline->at_us);
        int ready = poll(waiting, count, left_ms);

        if (ready < 0 && errno != EINTR)
            return error_set_errno(error, ERROR_TRANSIENT, "connection", "could not wait");
        if (ready > 0 && count == 2 && waiting[1].revents != 0)
            return error_set(error, ERROR_TRANSIENT, "canceled", "canceled");
        if (ready > 0)
            return true;
        if (left_ms == 0)
            return error_set(error, ERROR_TRANSIENT, "timeout", "timed out");
    }
}
