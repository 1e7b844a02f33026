#include "proto/resolve.h"

#include "proto/descriptors.h"
#include "proto/gate.h"
#include "proto/thread.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* Shared by the thread that looks up and the one that waits; the last of them frees it. */
struct resolve_lookup {
    atomic_uint owners;
    int done; /* an eventfd; readable when code and addresses are there */
    char *host;
    char *port;
    int code; /* of getaddrinfo */
    int code_errno;
    struct addrinfo *addresses;
};

static void release(struct resolve_lookup *lookup)
{
    if (atomic_fetch_sub(&lookup->owners, 1) > 1)
        return;
    if (lookup->addresses != NULL)
        freeaddrinfo(lookup->addresses);
    if (lookup->done >= 0)
        close(lookup->done);
    free(lookup->host);
    free(lookup->port);
    free(lookup);
}

static int look_up(const char *host, const char *port, int flags, struct addrinfo **addresses)
{
    const struct addrinfo wanted = {
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = AI_NUMERICSERV | flags,
    };

    return getaddrinfo(host, port, &wanted, addresses);
}

static void *look_up_on_thread(void *self)
{
    struct resolve_lookup *lookup = self;

    gate_enter(GATE_LOOKUP);
    lookup->code = look_up(lookup->host, lookup->port, 0, &lookup->addresses);
    lookup->code_errno = errno;
    gate_leave(GATE_LOOKUP);
    eventfd_write(lookup->done, 1);
    release(lookup);
    return NULL;
}

static struct resolve_lookup *new_lookup(const char *host, const char *port)
{
    struct resolve_lookup *lookup = calloc(1, sizeof *lookup);

    if (lookup == NULL)
        return NULL;
    atomic_init(&lookup->owners, 1);
    lookup->host = strdup(host);
    lookup->port = strdup(port);
    lookup->done = descriptors_lift(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (lookup->host == NULL || lookup->port == NULL || lookup->done < 0) {
        release(lookup);
        return NULL;
    }
    return lookup;
}

static struct resolve_lookup *start(const char *host, const char *port)
{
    struct resolve_lookup *lookup = new_lookup(host, port);

    if (lookup == NULL)
        return NULL;
    atomic_store(&lookup->owners, 2);
    if (thread_start(look_up_on_thread, lookup))
        return lookup;

    atomic_store(&lookup->owners, 1);
    release(lookup);
    return NULL;
}

static bool verdict(int code, int code_errno, struct error *error)
{
    if (code == 0)
        return true;
    errno = code_errno;
    if (code == EAI_SYSTEM)
        return error_set_errno(error, ERROR_TRANSIENT, "lookup", "could not look up the host");
    return error_set(error, ERROR_TRANSIENT, "lookup", "could not look up the host: %s", gai_strerror(code));
}

static bool is_for(const struct resolve_lookup *lookup, const char *host, const char *port)
{
    return strcmp(lookup->host, host) == 0 && strcmp(lookup->port, port) == 0;
}

/* Its thread has ended. */
static bool has_ended(struct resolve_lookup *lookup)
{
    return atomic_load(&lookup->owners) == 1;
}

static void forget(struct resolve_lookup **place)
{
    if (*place != NULL)
        release(*place);
    *place = NULL;
}

/* Where the lookup of this host is, or is to be: NULL when there is no room. What was found for others and nobody came
 * for is forgotten: it grows old. */
static struct resolve_lookup **find_place(struct resolve *resolve, const char *host, const char *port)
{
    struct resolve_lookup **found = NULL;

    for (size_t i = 0; i < RESOLVE_LOOKUPS_MAX; i++) {
        struct resolve_lookup **place = &resolve->lookups[i];

        if (*place != NULL && is_for(*place, host, port))
            return place;
        if (*place != NULL && has_ended(*place))
            forget(place);
        if (*place == NULL && found == NULL)
            found = place;
    }
    return found;
}

/* A lookup that is done. */
static bool take_result(struct resolve_lookup *lookup, struct addrinfo **addresses, struct error *error)
{
    eventfd_t seen;

    eventfd_read(lookup->done, &seen); /* what the thread wrote before is ours to read now */
    if (!verdict(lookup->code, lookup->code_errno, error))
        return false;
    *addresses = lookup->addresses;
    lookup->addresses = NULL;
    return true;
}

bool resolve_host(struct resolve *resolve, const char *host, const char *port, const struct deadline *deadline,
                  struct addrinfo **addresses, struct error *error)
{
    if (look_up(host, port, AI_NUMERICHOST, addresses) == 0)
        return true;

    struct resolve_lookup **place = find_place(resolve, host, port);
    if (place == NULL)
        return error_set(error, ERROR_TRANSIENT, "lookup", "could not look up the host: too many lookups hang");
    if (*place == NULL)
        *place = start(host, port);
    if (*place == NULL)
        return error_set(error, ERROR_TRANSIENT, "memory", "could not look up the host: out of memory");

    if (!deadline_wait(deadline, (*place)->done, POLLIN, error))
        return error_wrap(error, "could not look up the host");
    bool found = take_result(*place, addresses, error);
    forget(place);
    return found;
}

void resolve_close(struct resolve *resolve)
{
    for (size_t i = 0; i < RESOLVE_LOOKUPS_MAX; i++)
        forget(&resolve->lookups[i]);
}
