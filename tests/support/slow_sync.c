/* slow_sync: preloaded into a server, its disk is a busy one: each fdatasync takes SLOW_SYNC_MS longer. */
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

__attribute__((visibility("default"))) int fdatasync(int fildes)
{
    const char *text = getenv("SLOW_SYNC_MS"); /* NOLINT(concurrency-mt-unsafe): nobody changes it */
    long ms = text == NULL ? 0 : strtol(text, NULL, 10);

    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
    return (int)syscall(SYS_fdatasync, fildes);
}
