/* shifted_clock: a program whose clock is off. Loaded before it by LD_PRELOAD; SHIFTED_CLOCK names a file that holds by
 * how many seconds, an int64_t, which may be changed at any time (tests/support/clocks.py). The monotonic clock is true. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SEEN __attribute__((visibility("default")))

static const volatile int64_t *shift_s;

__attribute__((constructor)) static void open_shift(void)
{
    const char *path = getenv("SHIFTED_CLOCK"); /* NOLINT(concurrency-mt-unsafe): no threads yet */
    int file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    const void *mapped = file < 0 ? MAP_FAILED : mmap(NULL, sizeof *shift_s, PROT_READ, MAP_SHARED, file, 0);

    if (mapped == MAP_FAILED)
        _exit(2);
    shift_s = mapped;
    close(file);
}

SEEN int clock_gettime(clockid_t id, struct timespec *now)
{
    long failed = syscall(SYS_clock_gettime, id, now);

    if (failed == 0 && shift_s != NULL && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
        now->tv_sec += *shift_s;
    return (int)failed;
}

SEEN int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec exact;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &exact);
    *now = (struct timeval){.tv_sec = exact.tv_sec, .tv_usec = exact.tv_nsec / 1000};
    return 0;
}

SEEN time_t time(time_t *copy)
{
    struct timespec exact;

    clock_gettime(CLOCK_REALTIME, &exact);
    if (copy != NULL)
        *copy = exact.tv_sec;
    return exact.tv_sec;
}
