#include "producer/emit/run/process.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STAT_BYTES_MAX = 1024, PATH_BYTES_MAX = 32 };

/* Numbered as in proc(5), which counts from 1. */
enum { FIELD_STATE = 3, FIELD_PARENT = 4, FIELD_RSS = 24, FIELDS = FIELD_RSS + 1 };
enum { FIELD_UTIME = 14, FIELD_STIME = 15, FIELD_CUTIME = 16, FIELD_CSTIME = 17 };
enum { FIELD_THREADS = 20, FIELD_STARTED = 22 };

/* The numbers behind the state. Negative ones (nobody we ask for is) come out as large ones. */
static bool parse_numbers(const char *text, uint64_t numbers[FIELDS])
{
    for (int field = FIELD_PARENT; field < FIELDS; field++) {
        char *end;

        numbers[field] = strtoull(text, &end, 10);
        if (end == text)
            return false;
        text = end;
    }
    return true;
}

bool process_parse(struct slice text, struct process *process)
{
    char copy[STAT_BYTES_MAX];
    uint64_t numbers[FIELDS] = {0};

    if (text.size >= sizeof copy)
        return false;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';

    /* A process chooses its name, which may hold anything, parentheses too. */
    const char *behind = strrchr(copy, ')');
    char *end;
    long pid = strtol(copy, &end, 10);

    if (behind == NULL || end == copy || pid < 1 || strlen(behind) < sizeof ") S " - 1 ||
        !parse_numbers(behind + 3, numbers))
        return false;
    *process = (struct process){
        .pid = (pid_t)pid,
        .parent = (pid_t)numbers[FIELD_PARENT],
        .state = behind[2],
        .threads = numbers[FIELD_THREADS],
        .started = numbers[FIELD_STARTED],
        .user_ticks = numbers[FIELD_UTIME] + numbers[FIELD_CUTIME],
        .system_ticks = numbers[FIELD_STIME] + numbers[FIELD_CSTIME],
        .resident_pages = numbers[FIELD_RSS],
    };
    return true;
}

bool process_read(int proc_fd, pid_t pid, struct process *process)
{
    char path[PATH_BYTES_MAX];
    char text[STAT_BYTES_MAX];

    snprintf(path, sizeof path, "%d/stat", (int)pid);
    int fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;

    ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    return got > 0 && process_parse(slice_of(text, (size_t)got), process);
}

bool process_is_dead(const struct process *process)
{
    return process->state == 'X' || (process->state == 'Z' && process->threads <= 1);
}
