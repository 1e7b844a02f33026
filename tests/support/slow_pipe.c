/* slow_pipe: preloaded into a program, half a second passes before it has a pipe, and so before a child that it has one
 * with. */
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

__attribute__((visibility("default"))) int pipe2(int pipedes[2], int flags)
{
    nanosleep(&(struct timespec){.tv_nsec = 500000000}, NULL);
    return (int)syscall(SYS_pipe2, pipedes, flags);
}
