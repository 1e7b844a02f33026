#include "producer/emit/stop.h"

#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>

bool stop_open(int *stop_fd, struct error *error)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action;
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (sigaction(signals[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            sigaddset(&set, signals[i]);
    pthread_sigmask(SIG_BLOCK, &set, NULL);

    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return error_set_errno(error, ERROR_FATAL, "signal", "could not watch for signals");
    *stop_fd = fd;
    return true;
}

bool stop_is_wanted(int stop_fd)
{
    struct pollfd polled = {.fd = stop_fd, .events = POLLIN};

    return poll(&polled, 1, 0) > 0;
}
