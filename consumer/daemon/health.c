#include "consumer/daemon/health.h"

#include "consumer/http/listen.h"
#include "proto/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static bool wait_for(int descriptor, short events, int64_t deadline_us)
{
    struct pollfd waiting = {.fd = descriptor, .events = events};

    return poll(&waiting, 1, clock_left_ms(clock_system(), deadline_us)) == 1;
}

static bool say(int descriptor, const char *request, int64_t deadline_us)
{
    size_t left = strlen(request);

    while (left > 0) {
        ssize_t sent = send(descriptor, request, left, MSG_NOSIGNAL);

        if (sent < 0 && errno != EAGAIN && errno != EINTR)
            return false;
        if (sent < 0 && !wait_for(descriptor, POLLOUT, deadline_us))
            return false;
        if (sent > 0) {
            request += sent;
            left -= (size_t)sent;
        }
    }
    return true;
}

/* Until the other side closes, as we asked it to. */
static bool hear(int descriptor, char answer[HEALTH_ANSWER_MAX], int64_t deadline_us)
{
    size_t used = 0;

    while (used < HEALTH_ANSWER_MAX - 1) {
        ssize_t got = recv(descriptor, answer + used, HEALTH_ANSWER_MAX - 1 - used, 0);

        if (got == 0)
            break;
        if (got > 0)
            used += (size_t)got;
        else if ((errno != EAGAIN && errno != EINTR) || !wait_for(descriptor, POLLIN, deadline_us))
            return false;
    }
    answer[used] = '\0';
    return true;
}

static bool converse(int descriptor, const char *path, char answer[HEALTH_ANSWER_MAX], struct error *error)
{
    int64_t deadline_us = clock_deadline_us(clock_system(), HEALTH_TIMEOUT_MS);
    char request[256];

    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
    if (say(descriptor, request, deadline_us) && hear(descriptor, answer, deadline_us))
        return true;
    return error_set(error, ERROR_TRANSIENT, "timeout", "could not get an answer within %d ms", HEALTH_TIMEOUT_MS);
}

bool health_ask(const char *listen, const char *path, int *status, char body[HEALTH_ANSWER_MAX], struct error *error)
{
    struct listen where;
    char answer[HEALTH_ANSWER_MAX];
    int descriptor;

    if (!listen_parse(listen, &where, error) || !listen_connect(&where, HEALTH_TIMEOUT_MS, &descriptor, error))
        return false;
    bool heard = converse(descriptor, path, answer, error);
    close(descriptor);
    if (!heard)
        return false;

    const char *end_of_head = strstr(answer, "\r\n\r\n");
    if (strncmp(answer, "HTTP/1.", 7) != 0 || strlen(answer) < 12 || end_of_head == NULL)
        return error_set(error, ERROR_TRANSIENT, "protocol", "could not understand the answer: it is not HTTP");
    *status = atoi(answer + 9);
    snprintf(body, HEALTH_ANSWER_MAX, "%s", end_of_head + 4);
    return true;
}
