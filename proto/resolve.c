#include "proto/resolve.h"

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
    lookup->done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
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

bool resolve_host(struct resolve *resolve, const char *host, const char *port, const struct deadline *deadline,
                  struct addrinfo **addresses, struct error *error)
{
    if (look_up(host, port, AI_NUMERICHOST, addresses) == 0)
        return true;

    if (resolve->lookup == NULL)
        resolve->lookup = start(host, port);
    if (resolve->lookup == NULL)
        return error_set(error, ERROR_TRANSIENT, "memory", "could not look up the host: out of memory");

    if (!deadline_wait(deadline, resolve->lookup->done, POLLIN, error))
        return error_wrap(error, "could not look up the host");

    struct resolve_lookup *lookup = resolve->lookup;
    resolve->lookup = NULL;

    eventfd_t seen;
    eventfd_read(lookup->done, &seen); /* what the thread wrote before is ours to read now */
    bool found = verdict(lookup->code, lookup->code_errno, error);
    if (found) {
        *addresses = lookup->addresses;
        lookup->addresses = NULL;
    }
    release(lookup);
    return found;
}

void resolve_close(struct resolve *resolve)
{
    if (resolve->lookup != NULL)
        release(resolve->lookup);
    resolve->lookup = NULL;
}
