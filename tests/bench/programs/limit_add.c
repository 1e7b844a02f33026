/* limit_add: what Redis takes at most: pipelined XADD, made ready before the clock starts.
 *
 *     limit_add
 *
 * Each event of the stream of REDIS_URL (unix://PATH) is added to the stream "limit" once more, over one connection
 * that is written and read at the same time. Prints "events N seconds S". */
#include "proto/event.h"
#include "tests/bench/programs/backlog.h"
#include "tests/bench/programs/moment.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

enum {
    COMMAND_BYTES_MAX = EVENT_BYTES_MAX + 100,
    ANSWER_BYTES = 64 * 1024,
    LINES_OF_AN_ANSWER = 2,
    PATIENCE_MS = 10000
};

#define UNIX_URL "unix://"

struct commands {
    char *bytes;
    size_t size;
    size_t capacity;
    size_t count;
};

static void fail(const char *what) __attribute__((noreturn));

static void fail(const char *what)
{
    fprintf(stderr, "limit_add: %s: %s\n", what, strerror(errno)); /* NOLINT(concurrency-mt-unsafe): no threads */
    exit(1);                                                       /* NOLINT(concurrency-mt-unsafe) */
}

static void add(struct commands *commands, struct slice payload)
{
    if (commands->capacity - commands->size < COMMAND_BYTES_MAX) {
        commands->capacity = 2 * commands->capacity + COMMAND_BYTES_MAX;
        commands->bytes = realloc(commands->bytes, commands->capacity);
        if (commands->bytes == NULL)
            fail("memory");
    }
    char *end = commands->bytes + commands->size;
    end += sprintf(end, "*5\r\n$4\r\nXADD\r\n$5\r\nlimit\r\n$1\r\n*\r\n$5\r\nevent\r\n$%zu\r\n", payload.size);
    memcpy(end, payload.data, payload.size);
    memcpy(end + payload.size, "\r\n", 2);
    commands->size = (size_t)(end + payload.size + 2 - commands->bytes);
    commands->count++;
}

static struct commands made_ready(void)
{
    struct commands commands = {.bytes = NULL};
    struct backlog *backlog = backlog_open();
    const struct entry *entries;
    size_t count;

    while ((count = backlog_read(backlog, BACKLOG_BATCH_MAX, &entries)) > 0) {
        for (size_t i = 0; i < count; i++)
            add(&commands, entries[i].payload);
    }
    backlog_close(backlog);
    return commands;
}

static int connected(void)
{
    const char *url = getenv("REDIS_URL"); /* NOLINT(concurrency-mt-unsafe): no threads */
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (url == NULL || strncmp(url, UNIX_URL, strlen(UNIX_URL)) != 0)
        fail("REDIS_URL is not unix://PATH");
    snprintf(address.sun_path, sizeof address.sun_path, "%s", url + strlen(UNIX_URL));
    int line = socket(AF_UNIX, SOCK_STREAM, 0);
    if (line < 0 || connect(line, (struct sockaddr *)&address, sizeof address) != 0)
        fail("no connection");
    return line;
}

/* How many lines of answers came; an error is one line, so with one of these the count is never reached. */
static size_t receive(int line)
{
    static char answers[ANSWER_BYTES];
    size_t lines = 0;
    ssize_t size = recv(line, answers, sizeof answers, MSG_DONTWAIT);

    if (size == 0 || (size < 0 && errno != EAGAIN))
        fail("the connection ended");
    for (ssize_t i = 0; i < size; i++)
        lines += answers[i] == '\n';
    return lines;
}

static void exchange(int line, const struct commands *commands)
{
    size_t sent = 0;
    size_t lines = 0;

    while (lines < commands->count * LINES_OF_AN_ANSWER) {
        struct pollfd ready = {.fd = line, .events = sent < commands->size ? POLLIN | POLLOUT : POLLIN};

        if (poll(&ready, 1, PATIENCE_MS) <= 0)
            fail("no answer");
        if (ready.revents & POLLOUT) {
            ssize_t size = send(line, commands->bytes + sent, commands->size - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
            if (size < 0 && errno != EAGAIN)
                fail("the connection ended");
            sent += size > 0 ? (size_t)size : 0;
        }
        if (ready.revents & (POLLIN | POLLHUP | POLLERR))
            lines += receive(line);
    }
}

int main(void)
{
    struct commands commands = made_ready();
    int line = connected();
    int64_t begun_ns = now_ns();

    exchange(line, &commands);
    printf("events %zu seconds %.6f\n", commands.count, seconds_since(begun_ns));
    free(commands.bytes);
    return 0;
}
