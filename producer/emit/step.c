#include "producer/emit/step.h"

#include "proto/clock.h"
#include "proto/crc32c.h"
#include "proto/event.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { STEP_BYTES_MAX = EVENT_BYTES_MAX };

/* More than a socket keeps. Whoever tells without a pause must not keep us from everything else. */
enum { HEARD_MAX = 1024 };

/* A name of the abstract namespace: it goes with its socket, and needs no folder. Two tasks may share one: what comes
 * says of which task it is. */
static socklen_t address_of(struct sockaddr_un *address, const char *task_id, uint32_t attempt)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    int length = snprintf(address->sun_path + 1, sizeof address->sun_path - 1, "taskledger-run/%08" PRIx32 "/%" PRIu32,
                          crc32c(slice_from_text(task_id)), attempt_effective(attempt));

    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
}

/* ---- listening --------------------------------------------------------------------------------------------------- */

void step_open(struct step *step, const char *task_id, uint32_t attempt)
{
    const int on = 1;
    struct sockaddr_un address;
    socklen_t size = address_of(&address, task_id, attempt);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    *step = (struct step){.fd = fd, .task_id = task_id, .attempt = attempt, .progress = -1.0};
    if (fd < 0)
        return;
    if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0 &&
        bind(fd, (const struct sockaddr *)&address, size) == 0)
        return;
    close(fd);
    step->fd = -1;
}

static bool is_to_be_believed(struct msghdr *message)
{
    const struct cmsghdr *control = CMSG_FIRSTHDR(message);
    struct ucred sender;

    if (control == NULL || control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_CREDENTIALS)
        return false;
    memcpy(&sender, CMSG_DATA(control), sizeof sender);
    return sender.uid == 0 || sender.uid == geteuid();
}

/* The next datagram; empty when it is nothing for us. False when there is none. */
static bool receive(const struct step *step, uint8_t bytes[STEP_BYTES_MAX], struct slice *payload)
{
    union {
        struct cmsghdr aligned;
        char bytes[CMSG_SPACE(sizeof(struct ucred))];
    } control;
    struct iovec part = {.iov_base = bytes, .iov_len = STEP_BYTES_MAX};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t got = recvmsg(step->fd, &message, MSG_CMSG_CLOEXEC);

    if (got < 0)
        return false;
    *payload = slice_of(bytes, is_to_be_believed(&message) ? (size_t)got : 0);
    return true;
}

static const char *keep(struct arena *arena, struct slice text)
{
    char *copy = text.size == 0 ? NULL : arena_take(arena, text.size + 1);

    if (copy == NULL)
        return NULL;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    return copy;
}

static void take_over(struct step *step, const struct task_status *said)
{
    arena_reset(&step->arena, STEP_BYTES_MAX);
    step->name = keep(&step->arena, said->step);
    step->message = keep(&step->arena, said->message);
    step->progress = said->has_progress ? said->progress : -1.0;
}

void step_hear(struct step *step)
{
    uint8_t bytes[STEP_BYTES_MAX];
    struct slice payload;
    struct event event;
    struct error error;
    bool has_identity;

    for (int heard = 0; heard < HEARD_MAX && step->fd >= 0 && receive(step, bytes, &payload); heard++) {
        if (!event_decode(payload, &event, &has_identity, &error) || event.body != EVENT_TASK_STATUS)
            continue;
        const struct task_status *said = &event.task_status;
        if (slice_equal(said->task_id, slice_from_text(step->task_id)) &&
            attempt_effective(said->attempt) == step->attempt)
            take_over(step, said);
    }
}

void step_repeat(const struct step *step, struct taskledger_event *event)
{
    event->step = step->name;
    event->progress = step->progress;
}

void step_close(struct step *step)
{
    if (step->fd >= 0)
        close(step->fd);
    arena_close(&step->arena);
    *step = (struct step){.fd = -1, .progress = -1.0};
}

/* ---- telling ----------------------------------------------------------------------------------------------------- */

static void send_to(const struct taskledger_event *told, struct slice payload)
{
    struct sockaddr_un address;
    socklen_t size = address_of(&address, told->task_id, told->attempt);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return;
    (void)sendto(fd, payload.data, payload.size, MSG_NOSIGNAL, (const struct sockaddr *)&address, size);
    close(fd);
}

void step_tell(const struct taskledger_event *event)
{
    const struct clock *clock = clock_system();
    struct event said = {
        .sequence = 1,
        .occurred_at_us = clock->unix_us(clock->self),
        .body = EVENT_TASK_STATUS,
        .task_status = {.task_id = slice_from_text(event->task_id),
                        .status = STATUS_RUNNING,
                        .attempt = event->attempt,
                        .step = slice_from_text(event->step),
                        .message = slice_from_text(event->message),
                        .has_progress = event->progress >= 0.0,
                        .progress = event->progress},
    };
    struct arena arena;
    struct slice payload;
    struct error error;

    if (event->status != TASKLEDGER_RUNNING)
        return;
    arena_init(&arena, 0);
    if (event_encode(&said, &arena, &payload, &error))
        send_to(event, payload);
    arena_close(&arena);
}
