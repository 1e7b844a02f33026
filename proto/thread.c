#include "proto/thread.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>

bool thread_start(void *(*run)(void *), void *argument)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all;
    sigset_t before;

    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failure = pthread_create(&thread, &attributes, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    errno = failure;
    return failure == 0;
}

void thread_be_unobtrusive(void)
{
    struct sched_param parameters = {.sched_priority = 0};

    (void)sched_setscheduler(0, SCHED_BATCH, &parameters);
}
