#include "consumer/daemon/manager.h"

#include "proto/decimal.h"

#include <ctype.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    SENTENCE_BYTES_MAX = MANAGER_STATUS_BYTES_MAX + 64,
    TELLS_A_WATCH = 3, /* so that one that comes late, or is not taken, does no harm */
};

/* ---- opening ----------------------------------------------------------------------------------------------------- */

/* A name that begins with "@" has a NUL in its place, and none at its end. */
static bool read_address(struct manager *manager, const char *socket_name, struct error *error)
{
    size_t size = strlen(socket_name);

    if (size < 2 || (socket_name[0] != '/' && socket_name[0] != '@'))
        return error_set(error, ERROR_FATAL, "config",
                         "cannot tell the service manager anything: NOTIFY_SOCKET \"%s\" is no path", socket_name);
    if (size >= sizeof manager->address.sun_path)
        return error_set(error, ERROR_FATAL, "config",
                         "cannot tell the service manager anything: NOTIFY_SOCKET is longer than %zu bytes",
                         sizeof manager->address.sun_path - 1);

    manager->address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(manager->address.sun_path, socket_name, size);
    if (socket_name[0] == '@')
        manager->address.sun_path[0] = '\0';
    manager->address_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size + (socket_name[0] == '/'));
    return true;
}

static int64_t watchdog_of(const struct manager_terms *terms)
{
    uint64_t us = 0;
    uint64_t pid = 0;

    if (terms->watchdog_us == NULL || !decimal_read(slice_from_text(terms->watchdog_us), INT64_MAX, &us))
        return 0;
    if (terms->watchdog_pid != NULL &&
        (!decimal_read(slice_from_text(terms->watchdog_pid), INT32_MAX, &pid) || (pid_t)pid != getpid()))
        return 0;
    return (int64_t)us / TELLS_A_WATCH;
}

bool manager_open(struct manager *manager, const struct manager_terms *terms, const struct clock *clock,
                  struct error *error)
{
    struct manager opened = {.clock = clock, .watchdog_us = watchdog_of(terms)};

    *manager = (struct manager){.clock = clock};
    if (terms->socket == NULL || terms->socket[0] == '\0')
        return true;
    if (!read_address(&opened, terms->socket, error))
        return false;
    opened.descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (opened.descriptor < 0)
        return error_set_errno(error, ERROR_FATAL, "config", "cannot tell the service manager anything: socket");
    *manager = opened;
    return true;
}

void manager_close(struct manager *manager)
{
    if (manager->descriptor > 0)
        close(manager->descriptor);
    *manager = (struct manager){.clock = manager->clock};
}

/* ---- what is so -------------------------------------------------------------------------------------------------- */

void manager_ready(struct manager *manager)
{
    manager->now.ready = true;
}

void manager_stopping(struct manager *manager)
{
    manager->now.stopping = true;
}

/* A line feed would begin another assignment. */
void manager_status(struct manager *manager, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(manager->now.status, sizeof manager->now.status, format, arguments);
    va_end(arguments);
    for (char *at = manager->now.status; *at != '\0'; at++)
        if (iscntrl((unsigned char)*at))
            *at = ' ';
}

/* ---- telling ----------------------------------------------------------------------------------------------------- */

static bool is_watchdog_due(const struct manager *manager)
{
    return manager->watchdog_us > 0 && manager->clock->monotonic_us(manager->clock->self) >= manager->watchdog_due_us;
}

/* Empty when there is nothing to say. */
static size_t compose(const struct manager *manager, bool watchdog, char sentence[SENTENCE_BYTES_MAX])
{
    const struct manager_news *now = &manager->now;
    const struct manager_news *told = &manager->told;
    bool status = strcmp(now->status, told->status) != 0;

    int size = snprintf(sentence, SENTENCE_BYTES_MAX, "%s%s%s%s%s%s", now->ready && !told->ready ? "READY=1\n" : "",
                        now->stopping && !told->stopping ? "STOPPING=1\n" : "", status ? "STATUS=" : "",
                        status ? now->status : "", status ? "\n" : "", watchdog ? "WATCHDOG=1\n" : "");
    return (size_t)size;
}

/* By its address each time: a manager that was started anew listens at the same one. */
static bool send_sentence(const struct manager *manager, const char *sentence, size_t size)
{
    const struct sockaddr *address = (const struct sockaddr *)&manager->address;

    return sendto(manager->descriptor, sentence, size, MSG_NOSIGNAL | MSG_DONTWAIT, address, manager->address_bytes) ==
           (ssize_t)size;
}

void manager_tick(struct manager *manager)
{
    char sentence[SENTENCE_BYTES_MAX];

    if (manager->descriptor <= 0)
        return;
    bool watchdog = is_watchdog_due(manager);
    size_t size = compose(manager, watchdog, sentence);
    if (size == 0 || !send_sentence(manager, sentence, size))
        return;
    manager->told = manager->now;
    if (watchdog)
        manager->watchdog_due_us = manager->clock->monotonic_us(manager->clock->self) + manager->watchdog_us;
}
