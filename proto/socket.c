#include "proto/socket.h"

#include "proto/descriptors.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    KEEPALIVE_IDLE_S = 15,
    KEEPALIVE_INTERVAL_S = 5,
    KEEPALIVE_COUNT = 3,
    USER_TIMEOUT_MS = 30000,
    ADDRESS_SHARE_MIN_MS = 100, /* less is no chance */
};

/* The kernel's word: a deadline of its own (keepalive, user timeout), or the loss of the connection. */
static bool fail(struct error *error, int code, const char *what)
{
    errno = code;
    return error_set_errno(error, ERROR_TRANSIENT, code == ETIMEDOUT ? "timeout" : "connection", "%s", what);
}

void socket_init(struct socket *socket)
{
    *socket = (struct socket){.resolve = {{NULL}}};
    atomic_init(&socket->descriptor, -1);
}

static void set_option(int descriptor, int level, int option, int value)
{
    /* A kernel that refuses one of these still carries bytes, and our own deadlines hold. */
    (void)setsockopt(descriptor, level, option, &value, sizeof value);
}

static void set_tcp_options(int descriptor)
{
    set_option(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
    set_option(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
    set_option(descriptor, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT);
    set_option(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS);
}

static bool finish_connect(int descriptor, const struct deadline *deadline, struct error *error)
{
    int code = 0;
    socklen_t size = sizeof code;

    if (!deadline_wait(deadline, descriptor, POLLOUT, error))
        return error_wrap(error, "could not connect");
    if (getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size) != 0)
        code = errno;
    return code == 0 || fail(error, code, "could not connect");
}

/* One attempt. The descriptor is known to socket_abandon as soon as there is one. */
static bool open_address(struct socket *opened, const struct sockaddr *address, socklen_t size,
                         const struct deadline *deadline, struct error *error)
{
    int descriptor = descriptors_lift(socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));

    if (descriptor < 0)
        return fail(error, errno, "could not make a socket");
    atomic_store(&opened->descriptor, descriptor);
    if (address->sa_family != AF_UNIX)
        set_tcp_options(descriptor);

    bool connected = connect(descriptor, address, size) == 0;
    if (!connected && errno != EINPROGRESS && errno != EINTR)
        fail(error, errno, "could not connect");
    else
        connected = connected || finish_connect(descriptor, deadline, error);

    if (!connected)
        socket_close(opened);
    return connected;
}

static unsigned count_addresses(const struct addrinfo *address)
{
    unsigned count = 0;

    for (; address != NULL; address = address->ai_next)
        count++;
    return count;
}

/* An address that swallows everything must not use up the time of the others. */
static struct deadline share_of(const struct deadline *deadline, unsigned addresses)
{
    struct deadline share = *deadline;
    int64_t part_ms = clock_left_ms(deadline->clock, deadline->at_us) / (int)addresses;

    if (part_ms < ADDRESS_SHARE_MIN_MS)
        part_ms = ADDRESS_SHARE_MIN_MS;
    share.at_us = clock_deadline_us(deadline->clock, part_ms);
    if (share.at_us > deadline->at_us)
        share.at_us = deadline->at_us;
    return share;
}

bool socket_open_tcp(struct socket *socket, const char *host, const char *port, const struct deadline *deadline,
                     struct error *error)
{
    struct addrinfo *addresses = NULL;
    struct error why = {.kind = ERROR_NONE};
    bool connected = false;

    assert(atomic_load(&socket->descriptor) < 0);
    if (!resolve_host(&socket->resolve, host, port, deadline, &addresses, error))
        return false;

    unsigned left = count_addresses(addresses);
    for (const struct addrinfo *next = addresses; next != NULL && !connected; next = next->ai_next) {
        struct deadline share = share_of(deadline, left--);

        connected = open_address(socket, next->ai_addr, next->ai_addrlen, &share, &why);
        if (!connected && strcmp(why.reason, "canceled") == 0)
            break;
    }
    freeaddrinfo(addresses);
    if (!connected)
        *error = why;
    return connected;
}

bool socket_open_unix(struct socket *socket, const char *path, const struct deadline *deadline, struct error *error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    assert(atomic_load(&socket->descriptor) < 0);
    assert(strlen(path) < sizeof address.sun_path);
    memcpy(address.sun_path, path, strlen(path));

    return open_address(socket, (const struct sockaddr *)&address, sizeof address, deadline, error);
}

bool socket_send(struct socket *socket, struct slice bytes, const struct deadline *deadline, struct error *error)
{
    int descriptor = atomic_load(&socket->descriptor);

    while (bytes.size > 0) {
        ssize_t sent = send(descriptor, bytes.data, bytes.size, MSG_NOSIGNAL);

        if (sent >= 0) {
            bytes = slice_of(bytes.data + sent, bytes.size - (size_t)sent);
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN)
            return fail(error, errno, "could not send");
        if (!deadline_wait(deadline, descriptor, POLLOUT, error))
            return error_wrap(error, "could not send");
    }
    return true;
}

bool socket_receive(struct socket *socket, void *buffer, size_t size, size_t *received, const struct deadline *deadline,
                    struct error *error)
{
    int descriptor = atomic_load(&socket->descriptor);

    for (;;) {
        ssize_t count = recv(descriptor, buffer, size, 0);

        if (count > 0) {
            *received = (size_t)count;
            return true;
        }
        if (count == 0)
            return error_set(error, ERROR_TRANSIENT, "connection", "the server closed the connection");
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN)
            return fail(error, errno, "could not receive");
        if (!deadline_wait(deadline, descriptor, POLLIN, error))
            return error_wrap(error, "could not receive");
    }
}

bool socket_has_input(const struct socket *socket)
{
    struct pollfd wanted = {.fd = atomic_load(&socket->descriptor), .events = POLLIN};

    return poll(&wanted, 1, 0) > 0;
}

void socket_close(struct socket *socket)
{
    socket_abandon(socket);
}

void socket_free(struct socket *socket)
{
    socket_close(socket);
    resolve_close(&socket->resolve);
}

void socket_abandon(struct socket *socket)
{
    int descriptor = atomic_exchange(&socket->descriptor, -1);

    if (descriptor >= 0)
        close(descriptor);
}
