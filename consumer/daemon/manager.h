/* manager: what the service manager that started this program is told, in the protocol of sd_notify(3).
 *
 *   READY=1      it does its work, or knows what it waits for: who waits for the service goes on
 *   STATUS=...   one line for people, which `systemctl status` shows
 *   WATCHDOG=1   the loop turns; where it stands still for WatchdogSec= the manager ends the process and starts another
 *   STOPPING=1   it is on its way out
 *
 * Each word is a datagram to a socket that the manager names in the environment; where it names none, nobody is told.
 * Nothing here waits: what the manager's queue does not take now is told at the next turn. */
#ifndef TASKLEDGER_CONSUMER_DAEMON_MANAGER_H
#define TASKLEDGER_CONSUMER_DAEMON_MANAGER_H

#include "proto/clock.h"
#include "proto/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { MANAGER_STATUS_BYTES_MAX = 256 };

/* Variables of the environment, as they are there; NULL: it is not there. */
struct manager_terms {
    const char *socket;       /* NOTIFY_SOCKET: a path, or "@" and a name without a file */
    const char *watchdog_us;  /* WATCHDOG_USEC: after how long without a word it steps in */
    const char *watchdog_pid; /* WATCHDOG_PID: the one process that this is for; NULL: whoever is told */
};

struct manager_news {
    bool ready;
    bool stopping;
    char status[MANAGER_STATUS_BYTES_MAX];
};

/* Zeroed there is nobody to tell. */
struct manager {
    const struct clock *clock;
    int descriptor; /* 0: none */
    struct sockaddr_un address;
    socklen_t address_bytes;
    int64_t watchdog_us; /* how often to say that the loop turns; 0: nobody wants to know */
    int64_t watchdog_due_us;
    struct manager_news now;
    struct manager_news told;
};

/* FATAL, "config": a socket that cannot be spoken to from here; the manager is then as if zeroed. A watchdog's time that
 * is no number is none. Borrows the clock. */
bool manager_open(struct manager *manager, const struct manager_terms *terms, const struct clock *clock,
                  struct error *error);
void manager_close(struct manager *manager);

/* What is so from now on. It is told at the next turn; what does not change is not told again. */
void manager_ready(struct manager *manager);
void manager_stopping(struct manager *manager);
void manager_status(struct manager *manager, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The loop turns: tell what is new, and that it does. */
void manager_tick(struct manager *manager);

#endif
