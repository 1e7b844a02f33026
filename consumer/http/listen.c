#include "consumer/http/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 511, PORT_MAX = 65535 };

static bool is_port(const char *text)
{
    size_t length = strlen(text);

    return length >= 1 && length < LISTEN_PORT_BYTES_MAX && strspn(text, "0123456789") == length &&
           strtol(text, NULL, 10) <= PORT_MAX;
}

/* Brackets around an IPv6 address are not part of it. */
static bool copy_host(const char *text, size_t length, char host[LISTEN_HOST_BYTES_MAX])
{
    if (length >= 2 && text[0] == '[' && text[length - 1] == ']') {
        text++;
        length -= 2;
    } else if (memchr(text, ':', length) != NULL) {
        return false;
    }
    if (length >= LISTEN_HOST_BYTES_MAX)
        return false;
    memcpy(host, text, length);
    host[length] = '\0';
    return true;
}

bool listen_parse(const char *text, struct listen *listen, struct error *error)
{
    struct listen parsed;
    const char *colon = strrchr(text, ':');

    if (colon == NULL || !is_port(colon + 1) || !copy_host(text, (size_t)(colon - text), parsed.host))
        return error_set(error, ERROR_FATAL, "config", "cannot listen at \"%s\": expected HOST:PORT, as 127.0.0.1:9464",
                         text);
    snprintf(parsed.port, sizeof parsed.port, "%s", colon + 1);
    *listen = parsed;
    return true;
}

static void free_addresses(struct addrinfo **addresses)
{
    if (*addresses != NULL)
        freeaddrinfo(*addresses);
}

static int resolve(const char *host, const char *port, int flags, struct addrinfo **addresses)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags};

    return getaddrinfo(*host == '\0' ? NULL : host, port, &hints, addresses);
}

static int new_socket(const struct addrinfo *address)
{
    return socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, address->ai_protocol);
}

/* An IPv6 wildcard serves IPv4 as well, so it goes before the other. */
static const struct addrinfo *preferred(const struct addrinfo *addresses, bool wildcard)
{
    for (const struct addrinfo *address = addresses; wildcard && address != NULL; address = address->ai_next)
        if (address->ai_family == AF_INET6)
            return address;
    return addresses;
}

static int bound_socket(const struct addrinfo *address)
{
    const int yes = 1;
    const int no = 0;
    int descriptor = new_socket(address);

    if (descriptor < 0)
        return -1;
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (address->ai_family == AF_INET6)
        setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
    if (bind(descriptor, address->ai_addr, address->ai_addrlen) == 0 && listen(descriptor, BACKLOG) == 0)
        return descriptor;

    int why = errno;
    close(descriptor);
    errno = why;
    return -1;
}

static bool cannot_listen(const struct listen *listen, struct error *error)
{
    const char *advice = errno == EADDRINUSE ? "; --listen 127.0.0.1:0 takes a free port" : "";
    struct error why;

    error_set_errno(&why, ERROR_FATAL, "listen", "cannot listen at %s:%s", listen->host, listen->port);
    return error_set(error, why.kind, why.reason, "%s%s", why.text, advice);
}

bool listen_open(const struct listen *listen, int *descriptor, struct error *error)
{
    __attribute__((cleanup(free_addresses))) struct addrinfo *addresses = NULL;
    bool wildcard = listen->host[0] == '\0';
    int status = resolve(listen->host, listen->port, AI_PASSIVE, &addresses);

    if (status != 0)
        return error_set(error, ERROR_FATAL, "listen", "cannot listen at %s:%s: %s", listen->host, listen->port,
                         gai_strerror(status));

    int bound = bound_socket(preferred(addresses, wildcard));
    if (bound < 0 && wildcard)
        bound = bound_socket(addresses); /* a machine without IPv6 */
    if (bound < 0)
        return cannot_listen(listen, error);
    *descriptor = bound;
    return true;
}

static bool is_connected(int descriptor, int timeout_ms)
{
    struct pollfd writable = {.fd = descriptor, .events = POLLOUT};
    int failure = 0;
    socklen_t size = sizeof failure;

    if (poll(&writable, 1, timeout_ms) != 1) {
        errno = ETIMEDOUT;
        return false;
    }
    if (getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &failure, &size) != 0)
        return false;
    errno = failure;
    return failure == 0;
}

static int connected_socket(const struct addrinfo *address, int timeout_ms)
{
    int descriptor = new_socket(address);

    if (descriptor < 0)
        return -1;
    if (connect(descriptor, address->ai_addr, address->ai_addrlen) == 0 ||
        (errno == EINPROGRESS && is_connected(descriptor, timeout_ms)))
        return descriptor;

    int why = errno;
    close(descriptor);
    errno = why;
    return -1;
}

/* What stands for every address when listening is no address to connect to. */
static bool is_everything(const char *host)
{
    return *host == '\0' || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

bool listen_connect(const struct listen *listen, int timeout_ms, int *descriptor, struct error *error)
{
    __attribute__((cleanup(free_addresses))) struct addrinfo *addresses = NULL;
    const char *host = is_everything(listen->host) ? "localhost" : listen->host;
    int status = resolve(host, listen->port, 0, &addresses);
    int connected = -1;

    if (status != 0)
        return error_set(error, ERROR_TRANSIENT, "connection", "could not find %s: %s", host, gai_strerror(status));

    for (const struct addrinfo *address = addresses; connected < 0 && address != NULL; address = address->ai_next)
        connected = connected_socket(address, timeout_ms);
    if (connected < 0)
        return error_set_errno(error, ERROR_TRANSIENT, "connection", "could not connect to %s:%s", host, listen->port);
    *descriptor = connected;
    return true;
}

void listen_describe(int descriptor, char *text, size_t size)
{
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof address;
    char host[NI_MAXHOST] = "";
    char port[NI_MAXSERV] = "";

    getsockname(descriptor, (struct sockaddr *)&address, &length);
    getnameinfo((struct sockaddr *)&address, length, host, sizeof host, port, sizeof port,
                NI_NUMERICHOST | NI_NUMERICSERV);
    snprintf(text, size, strchr(host, ':') != NULL ? "[%s]:%s" : "%s:%s", host, port);
}
