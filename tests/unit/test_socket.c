/* socket: every address has its chance, every wait its end, and what exec starts inherits nothing. */
#include "proto/socket.h"

#include "proto/redis_error.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { SHORT_MS = 1000, LONG_MS = 20000, ADDRESSES_MAX = 4 };

/* ---- the addresses that a host has, in place of the C library's resolver ---- */

static struct sockaddr_in socket_addresses[ADDRESSES_MAX];
static struct addrinfo addresses[ADDRESSES_MAX];
static size_t address_count;

int getaddrinfo(const char *host, const char *port, const struct addrinfo *wanted, struct addrinfo **found)
{
    (void)host;
    (void)port;
    (void)wanted;
    for (size_t i = 0; i < address_count; i++)
        addresses[i] = (struct addrinfo){
            .ai_family = AF_INET,
            .ai_socktype = SOCK_STREAM,
            .ai_addr = (struct sockaddr *)&socket_addresses[i],
            .ai_addrlen = sizeof socket_addresses[i],
            .ai_next = i + 1 == address_count ? NULL : &addresses[i + 1],
        };
    *found = addresses;
    return 0;
}

void freeaddrinfo(struct addrinfo *unused)
{
    (void)unused;
}

static void add_address(const char *address, in_port_t port)
{
    struct sockaddr_in *added = &socket_addresses[address_count++];

    *added = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = port};
    assert_int_equal(inet_pton(AF_INET, address, &added->sin_addr), 1);
}

/* ---- peers ---- */

struct listener {
    int descriptor;
    in_port_t port; /* in network order */
};

static struct listener listen_on(const char *address, int backlog)
{
    struct sockaddr_in name = {.sin_family = AF_INET};
    socklen_t size = sizeof name;
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    assert_int_equal(inet_pton(AF_INET, address, &name.sin_addr), 1);
    assert_int_equal(bind(descriptor, (const struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(listen(descriptor, backlog), 0);
    assert_int_equal(getsockname(descriptor, (struct sockaddr *)&name, &size), 0);
    return (struct listener){.descriptor = descriptor, .port = name.sin_port};
}

/* A listener whose queue is full neither accepts nor refuses: it swallows. */
static void fill_queue(const struct listener *listener, const char *address, int *fillers, size_t count)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = listener->port};

    assert_int_equal(inet_pton(AF_INET, address, &name.sin_addr), 1);
    for (size_t i = 0; i < count; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)connect(fillers[i], (const struct sockaddr *)&name, sizeof name);
    }
}

static struct deadline in_ms(int timeout_ms)
{
    return (struct deadline){.clock = clock_system(), .at_us = clock_deadline_us(clock_system(), timeout_ms)};
}

static bool open_socket(struct socket *socket, int timeout_ms, struct error *error)
{
    struct deadline deadline = in_ms(timeout_ms);

    socket_init(socket);
    return socket_open_tcp(socket, "host", "1", &deadline, error);
}

static in_port_t peer_port(const struct socket *socket)
{
    struct sockaddr_in name;
    socklen_t size = sizeof name;

    assert_int_equal(getpeername(atomic_load(&socket->descriptor), (struct sockaddr *)&name, &size), 0);
    return name.sin_port;
}

static int forget_addresses(void **state)
{
    (void)state;
    address_count = 0;
    return 0;
}

/* ---- the stories ---- */

static void addresses_that_refuse_are_passed_over(void **state)
{
    struct listener listener = listen_on("127.0.0.1", 8);
    struct socket socket;
    struct error error = {.kind = ERROR_NONE};

    (void)state;
    add_address("127.0.0.7", listener.port);
    add_address("127.0.0.8", listener.port);
    add_address("127.0.0.1", listener.port);
    assert_true(open_socket(&socket, LONG_MS, &error));
    assert_int_equal(peer_port(&socket), listener.port);
    assert_int_equal(error.kind, ERROR_NONE);
    socket_free(&socket);
    close(listener.descriptor);
}

static void an_address_that_swallows_leaves_time_for_the_next(void **state)
{
    struct listener deaf = listen_on("127.0.0.9", 0);
    struct listener listener = listen_on("127.0.0.1", 8);
    struct deadline deadline;
    struct socket socket;
    struct error error = {.kind = ERROR_NONE};
    int fillers[4];

    (void)state;
    fill_queue(&deaf, "127.0.0.9", fillers, 4);
    add_address("127.0.0.9", deaf.port);
    add_address("127.0.0.1", listener.port);
    socket_init(&socket);
    deadline = in_ms(4 * SHORT_MS);
    assert_true(socket_open_tcp(&socket, "host", "1", &deadline, &error));
    assert_true(clock_left_ms(deadline.clock, deadline.at_us) > 0);
    assert_int_equal(peer_port(&socket), listener.port);
    socket_free(&socket);
    for (size_t i = 0; i < 4; i++)
        close(fillers[i]);
    close(deaf.descriptor);
    close(listener.descriptor);
}

static void when_all_fail_the_last_tells_why(void **state)
{
    struct listener deaf = listen_on("127.0.0.9", 0);
    struct socket socket;
    struct error error;
    int fillers[4];

    (void)state;
    fill_queue(&deaf, "127.0.0.9", fillers, 4);
    add_address("127.0.0.7", deaf.port);
    assert_false(open_socket(&socket, LONG_MS, &error));
    assert_true(redis_error_is(&error, "connection"));
    assert_string_equal(error.text, "could not connect: Connection refused");

    add_address("127.0.0.9", deaf.port);
    assert_false(open_socket(&socket, SHORT_MS, &error));
    assert_true(redis_error_is(&error, "timeout"));
    assert_int_equal(atomic_load(&socket.descriptor), -1);
    socket_free(&socket);
    for (size_t i = 0; i < 4; i++)
        close(fillers[i]);
    close(deaf.descriptor);
}

static int option(const struct socket *socket, int level, int name)
{
    int value = -1;
    socklen_t size = sizeof value;

    assert_int_equal(getsockopt(atomic_load(&socket->descriptor), level, name, &value, &size), 0);
    return value;
}

static void a_connection_is_private_prompt_and_watched(void **state)
{
    struct listener listener = listen_on("127.0.0.1", 8);
    struct socket socket;
    struct error error;

    (void)state;
    add_address("127.0.0.1", listener.port);
    assert_true(open_socket(&socket, LONG_MS, &error));
    int descriptor = atomic_load(&socket.descriptor);
    assert_true(fcntl(descriptor, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(descriptor, F_GETFL) & O_NONBLOCK);
    assert_int_equal(option(&socket, IPPROTO_TCP, TCP_NODELAY), 1);
    assert_int_equal(option(&socket, SOL_SOCKET, SO_KEEPALIVE), 1);
    assert_int_equal(option(&socket, IPPROTO_TCP, TCP_KEEPIDLE), 15);
    assert_int_equal(option(&socket, IPPROTO_TCP, TCP_KEEPINTVL), 5);
    assert_int_equal(option(&socket, IPPROTO_TCP, TCP_KEEPCNT), 3);
    assert_int_equal(option(&socket, IPPROTO_TCP, TCP_USER_TIMEOUT), 30000);
    socket_free(&socket);
    close(listener.descriptor);
}

static void a_reset_is_an_error_and_no_signal(void **state)
{
    struct listener listener = listen_on("127.0.0.1", 8);
    const struct linger hard = {.l_onoff = 1};
    struct socket socket;
    struct deadline deadline = in_ms(LONG_MS);
    struct error error;
    char byte;
    size_t size;

    (void)state;
    add_address("127.0.0.1", listener.port);
    assert_true(open_socket(&socket, LONG_MS, &error));
    int peer = accept(listener.descriptor, NULL, NULL);
    setsockopt(peer, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(peer);

    assert_false(socket_receive(&socket, &byte, 1, &size, &deadline, &error));
    assert_true(redis_error_is(&error, "connection"));
    assert_false(socket_send(&socket, slice_of("x", 1), &deadline, &error));
    assert_true(redis_error_is(&error, "connection"));
    socket_free(&socket);
    close(listener.descriptor);
}

static void a_closed_socket_can_be_opened_again(void **state)
{
    struct listener listener = listen_on("127.0.0.1", 8);
    struct deadline deadline = in_ms(LONG_MS);
    struct socket socket;
    struct error error;

    (void)state;
    add_address("127.0.0.1", listener.port);
    assert_true(open_socket(&socket, LONG_MS, &error));
    socket_close(&socket);
    socket_close(&socket);
    assert_true(socket_open_tcp(&socket, "host", "1", &deadline, &error));
    socket_free(&socket);
    close(listener.descriptor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(addresses_that_refuse_are_passed_over, forget_addresses),
        cmocka_unit_test_setup(an_address_that_swallows_leaves_time_for_the_next, forget_addresses),
        cmocka_unit_test_setup(when_all_fail_the_last_tells_why, forget_addresses),
        cmocka_unit_test_setup(a_connection_is_private_prompt_and_watched, forget_addresses),
        cmocka_unit_test_setup(a_reset_is_an_error_and_no_signal, forget_addresses),
        cmocka_unit_test_setup(a_closed_socket_can_be_opened_again, forget_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
