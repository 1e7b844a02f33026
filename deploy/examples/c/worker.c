/* worker: counts the lines of a file, as a task that tells what it is doing.
 *
 *     cc worker.c $(pkg-config --cflags --libs taskledger) -o worker
 *     export REDIS_URL=redis://cache:6379/0
 *     ./worker /var/log/dpkg.log
 *     taskledger-replay history count:/var/log/dpkg.log
 *
 * Exit codes: 0 counted, 1 failed, 2 wrong usage or settings, 3 not begun: another is at it, or nobody can tell. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <taskledger/lease.h>
#include <taskledger/producer.h>

enum { COUNTED, FAILED, USAGE, NOT_BEGUN };

/* The work. Nothing of what it says about the task waits for Redis, or can fail it. */
static int count_lines(struct taskledger_task *task, const char *path)
{
    char block[65536], data[64];
    unsigned long lines = 0;
    FILE *file;
    size_t got, at;

    taskledger_task_step(task, "open");
    file = fopen(path, "r");
    if (file == NULL) {
        taskledger_task_fail(task, "OSError", strerror(errno), NULL);
        return FAILED;
    }

    taskledger_task_step(task, "count");
    while ((got = fread(block, 1, sizeof block, file)) > 0) {
        for (at = 0; at < got; at++)
            lines += block[at] == '\n';
    }
    if (ferror(file)) {
        taskledger_task_fail(task, "OSError", strerror(errno), NULL);
        fclose(file);
        return FAILED;
    }
    fclose(file);

    snprintf(data, sizeof data, "{\"lines\": %lu}", lines);
    taskledger_task_end(task, TASKLEDGER_SUCCESS, data); /* frees the task, as _fail does */
    printf("%lu %s\n", lines, path);
    return COUNTED;
}

/* A claim: nobody else has this task meanwhile. It gives the attempt number under which our events outrank those of all
 * claims before. Who does not need that calls taskledger_task_begin with attempt 1, and is done. */
static int count_once(struct taskledger_producer *producer, const char *path)
{
    char task_id[256];
    struct taskledger_claim_request request = TASKLEDGER_CLAIM_INIT;
    struct taskledger_holder holder = TASKLEDGER_HOLDER_INIT;
    struct taskledger_lease *claim;
    enum taskledger_lease_result answer;
    int code;

    snprintf(task_id, sizeof task_id, "count:%s", path);
    request.task_id = task_id;
    answer = taskledger_claim(producer, &request, &claim, &holder);
    if (answer == TASKLEDGER_HELD)
        fprintf(stderr, "worker: %s is already at it\n", holder.name);
    else if (answer != TASKLEDGER_GRANTED)
        fprintf(stderr, "worker: %s\n", taskledger_lease_reason());
    if (answer != TASKLEDGER_GRANTED)
        return NOT_BEGUN;

    code = count_lines(taskledger_task_begin(producer, task_id, "count_lines", taskledger_lease_attempt(claim)), path);
    taskledger_lease_release(claim);
    return code;
}

int main(int argc, char **argv)
{
    char reason[256];
    struct taskledger_options options = TASKLEDGER_OPTIONS_INIT;
    struct taskledger_producer *producer;
    int code;

    if (argc != 2) {
        fprintf(stderr, "usage: worker FILE\n");
        return USAGE;
    }
    if (taskledger_options_from_environment(&options, reason, sizeof reason) != 0) {
        fprintf(stderr, "worker: %s\n", reason);
        return USAGE;
    }
    producer = taskledger_open(&options, reason, sizeof reason);
    if (producer == NULL) /* work is more than its history: with NULL everything goes on, and says nothing */
        fprintf(stderr, "worker: %s\n", reason);

    code = count_once(producer, argv[1]);
    if (taskledger_close(producer, 2000) != 0) /* waits 2 s at most for Redis to take what is left */
        fprintf(stderr, "worker: part of the history is lost\n");
    return code;
}
