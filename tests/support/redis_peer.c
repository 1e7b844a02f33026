#include "tests/support/redis_peer.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { HEARD_MAX = 64 * 1024, INPUT_MAX = 256 * 1024 };

struct redis_peer {
    const struct redis_peer_answer *answers;
    size_t count;
    size_t next;
    char folder[32]; /* empty: it is on a port */
    char path[64];
    unsigned port;
    char url[80];
    int listener;
    int stop; /* eventfd */
    pthread_t thread;
    char input[INPUT_MAX];

    pthread_mutex_t lock; /* of what follows */
    size_t connections;
    char heard[HEARD_MAX];
    size_t heard_bytes;
};

/* False when the peer is to end. */
static bool wait_for(const struct redis_peer *peer, int descriptor, short events)
{
    struct pollfd waiting[] = {{.fd = descriptor, .events = events}, {.fd = peer->stop, .events = POLLIN}};

    return poll(waiting, 2, -1) > 0 && waiting[1].revents == 0;
}

static bool send_all(const struct redis_peer *peer, int line, const char *bytes, size_t size)
{
    while (size > 0) {
        if (!wait_for(peer, line, POLLOUT))
            return false;
        ssize_t sent = send(line, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent <= 0)
            return false;
        bytes += sent;
        size -= (size_t)sent;
    }
    return true;
}

static bool send_fill(const struct redis_peer *peer, int line, size_t size)
{
    char filling[16 * 1024];

    memset(filling, 'x', sizeof filling);
    while (size > 0) {
        size_t part = size < sizeof filling ? size : sizeof filling;

        if (!send_all(peer, line, filling, part))
            return false;
        size -= part;
    }
    return true;
}

/* The pause ends early when the peer is stopped. */
static bool drip(const struct redis_peer *peer, int line, const struct redis_peer_answer *what)
{
    struct pollfd stopped = {.fd = peer->stop, .events = POLLIN};

    for (size_t i = 0; i < what->fill_bytes; i++)
        if (!send_all(peer, line, "x", 1) || poll(&stopped, 1, what->drip_ms) > 0)
            return false;
    return true;
}

/* False when the connection has ended. */
static bool answer(struct redis_peer *peer, int line)
{
    if (peer->next == peer->count)
        return true;

    const struct redis_peer_answer *next = &peer->answers[peer->next++];
    const char *bytes = next->bytes == NULL ? "" : next->bytes;
    const char *after = next->after == NULL ? "" : next->after;
    return send_all(peer, line, bytes, next->size == 0 ? strlen(bytes) : next->size) &&
           (next->drip_ms > 0 ? drip(peer, line, next) : send_fill(peer, line, next->fill_bytes)) &&
           send_all(peer, line, after, strlen(after)) && !next->hangs_up;
}

static void hear(struct redis_peer *peer, const char *bytes, size_t size)
{
    pthread_mutex_lock(&peer->lock);
    for (size_t i = 0; i < size && peer->heard_bytes + 1 < sizeof peer->heard; i++)
        peer->heard[peer->heard_bytes++] = bytes[i];
    pthread_mutex_unlock(&peer->lock);
}

/* "<type><number>\r\n" at *at. */
static bool read_number(const struct redis_peer *peer, size_t size, size_t *at, size_t *number)
{
    const char *end = memchr(peer->input + *at, '\n', size - *at);

    if (end == NULL)
        return false;
    *number = strtoul(peer->input + *at + 1, NULL, 10);
    *at = (size_t)(end - peer->input) + 1;
    return true;
}

/* The size of the whole command at the front of the input, 0 when it is not all there. With `told`, it is heard. */
static size_t scan_command(struct redis_peer *peer, size_t size, bool told)
{
    size_t at = 0;
    size_t words;
    size_t bytes;

    if (!read_number(peer, size, &at, &words))
        return 0;
    for (size_t i = 0; i < words; i++) {
        if (!read_number(peer, size, &at, &bytes) || size - at < bytes + 2)
            return 0;
        if (told) {
            hear(peer, peer->input + at, bytes);
            hear(peer, i + 1 == words ? "\n" : " ", 1);
        }
        at += bytes + 2;
    }
    return at;
}

static void serve(struct redis_peer *peer, int line)
{
    size_t size = 0;

    while (wait_for(peer, line, POLLIN)) {
        ssize_t count = recv(line, peer->input + size, sizeof peer->input - size, 0);
        if (count <= 0)
            return;
        size += (size_t)count;

        for (size_t used; (used = scan_command(peer, size, false)) > 0; size -= used) {
            scan_command(peer, size, true);
            memmove(peer->input, peer->input + used, size - used);
            if (!answer(peer, line))
                return;
        }
    }
}

/* A Unix socket does not know this, and needs it not. */
static void send_at_once(int line)
{
    int on = 1;

    (void)setsockopt(line, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static void *run(void *self)
{
    struct redis_peer *peer = self;

    while (wait_for(peer, peer->listener, POLLIN)) {
        int line = accept(peer->listener, NULL, NULL);
        if (line < 0)
            break;
        send_at_once(line);

        pthread_mutex_lock(&peer->lock);
        peer->connections++;
        pthread_mutex_unlock(&peer->lock);
        serve(peer, line);
        close(line);
    }
    return NULL;
}

static void listen_at_path(struct redis_peer *peer)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(peer->folder, sizeof peer->folder, "/tmp/tl-peer-XXXXXX");
    if (mkdtemp(peer->folder) == NULL)
        abort();
    snprintf(peer->path, sizeof peer->path, "%s/s", peer->folder);
    snprintf(peer->url, sizeof peer->url, "unix://%s", peer->path);
    memcpy(address.sun_path, peer->path, sizeof peer->path);

    peer->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(peer->listener, (const struct sockaddr *)&address, sizeof address) != 0 || listen(peer->listener, 8) != 0)
        abort();
}

static void listen_at_port(struct redis_peer *peer)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;

    peer->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(peer->listener, (const struct sockaddr *)&address, size) != 0 || listen(peer->listener, 8) != 0 ||
        getsockname(peer->listener, (struct sockaddr *)&address, &size) != 0)
        abort();
    peer->port = ntohs(address.sin_port);
    snprintf(peer->url, sizeof peer->url, "redis://127.0.0.1:%u", peer->port);
}

static struct redis_peer *start(const struct redis_peer_answer *answers, size_t count,
                                void (*listen_there)(struct redis_peer *))
{
    struct redis_peer *peer = calloc(1, sizeof *peer);

    if (peer == NULL)
        abort();
    peer->answers = answers;
    peer->count = count;
    listen_there(peer);
    peer->stop = eventfd(0, EFD_CLOEXEC);
    pthread_mutex_init(&peer->lock, NULL);
    if (pthread_create(&peer->thread, NULL, run, peer) != 0)
        abort();
    return peer;
}

struct redis_peer *redis_peer_start(const struct redis_peer_answer *answers, size_t count)
{
    return start(answers, count, listen_at_path);
}

struct redis_peer *redis_peer_start_on_port(const struct redis_peer_answer *answers, size_t count)
{
    return start(answers, count, listen_at_port);
}

void redis_peer_stop(struct redis_peer *peer)
{
    eventfd_write(peer->stop, 1);
    pthread_join(peer->thread, NULL);
    pthread_mutex_destroy(&peer->lock);
    close(peer->listener);
    close(peer->stop);
    if (peer->port == 0) {
        unlink(peer->path);
        rmdir(peer->folder);
    }
    free(peer);
}

const char *redis_peer_url(const struct redis_peer *peer)
{
    return peer->url;
}

unsigned redis_peer_port(const struct redis_peer *peer)
{
    return peer->port;
}

const char *redis_peer_heard(struct redis_peer *peer)
{
    pthread_mutex_lock(&peer->lock);
    peer->heard[peer->heard_bytes] = '\0';
    pthread_mutex_unlock(&peer->lock);
    return peer->heard;
}

size_t redis_peer_connections(struct redis_peer *peer)
{
    pthread_mutex_lock(&peer->lock);
    size_t connections = peer->connections;
    pthread_mutex_unlock(&peer->lock);
    return connections;
}
