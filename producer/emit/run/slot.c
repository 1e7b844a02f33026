#include "producer/emit/run/slot.h"

#include "proto/crc32c.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static bool is_bound(int fd, const char *name, int64_t number)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int length = snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "taskledger-permit/%08" PRIx32 "/%" PRId64,
                          crc32c(slice_from_text(name)), number);

    return bind(fd, (const struct sockaddr *)&address,
                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length)) == 0;
}

int slot_take(const char *name, int64_t limit)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    for (int64_t i = 0; fd >= 0 && i < limit; i++)
        if (is_bound(fd, name, i))
            return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}
