#include "tests/support/line_faults.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static _Thread_local enum line_fault fault;
static _Thread_local int countdown; /* calls until the one that fails */

void line_faults_begin(enum line_fault kind, int n)
{
    fault = kind;
    countdown = n;
}

void line_faults_end(void)
{
    fault = LINE_FAULT_NONE;
}

static bool strikes(enum line_fault kind)
{
    return fault == kind && countdown-- == 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
char *__real_strdup(const char *text);
int __real_socket(int family, int type, int protocol);
int __real_connect(int descriptor, const struct sockaddr *address, socklen_t size);
int __real_poll(struct pollfd *descriptors, nfds_t count, int timeout_ms);
ssize_t __real_send(int descriptor, const void *bytes, size_t size, int flags);
ssize_t __real_recv(int descriptor, void *buffer, size_t size, int flags);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
char *__wrap_strdup(const char *text);
int __wrap_socket(int family, int type, int protocol);
int __wrap_connect(int descriptor, const struct sockaddr *address, socklen_t size);
int __wrap_poll(struct pollfd *descriptors, nfds_t count, int timeout_ms);
ssize_t __wrap_send(int descriptor, const void *bytes, size_t size, int flags);
ssize_t __wrap_recv(int descriptor, void *buffer, size_t size, int flags);

void *__wrap_malloc(size_t size)
{
    return strikes(LINE_FAULT_MEMORY) ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return strikes(LINE_FAULT_MEMORY) ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    return strikes(LINE_FAULT_MEMORY) ? NULL : __real_realloc(memory, size);
}

char *__wrap_strdup(const char *text)
{
    return strikes(LINE_FAULT_MEMORY) ? NULL : __real_strdup(text);
}

/* A call of the kernel's fails, or is interrupted. */
static bool fails(void)
{
    if (strikes(LINE_FAULT_CALL)) {
        errno = EIO;
        return true;
    }
    if (strikes(LINE_FAULT_SIGNAL)) {
        errno = EINTR;
        return true;
    }
    return false;
}

static size_t trickle(size_t size)
{
    return fault == LINE_FAULT_TRICKLE ? 1 : size;
}

int __wrap_socket(int family, int type, int protocol)
{
    if (strikes(LINE_FAULT_CALL)) {
        errno = EMFILE;
        return -1;
    }
    return __real_socket(family, type, protocol);
}

int __wrap_connect(int descriptor, const struct sockaddr *address, socklen_t size)
{
    if (strikes(LINE_FAULT_CALL)) {
        errno = ENETUNREACH;
        return -1;
    }
    return __real_connect(descriptor, address, size);
}

int __wrap_poll(struct pollfd *descriptors, nfds_t count, int timeout_ms)
{
    return fails() ? -1 : __real_poll(descriptors, count, timeout_ms);
}

ssize_t __wrap_send(int descriptor, const void *bytes, size_t size, int flags)
{
    return fails() ? -1 : __real_send(descriptor, bytes, trickle(size), flags);
}

ssize_t __wrap_recv(int descriptor, void *buffer, size_t size, int flags)
{
    return fails() ? -1 : __real_recv(descriptor, buffer, trickle(size), flags);
}

/* ---- the memory of the TLS library ---- */

void *line_faults_tls_malloc(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return strikes(LINE_FAULT_TLS_MEMORY) ? NULL : __real_malloc(size);
}

void *line_faults_tls_realloc(void *memory, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return strikes(LINE_FAULT_TLS_MEMORY) ? NULL : __real_realloc(memory, size);
}

void line_faults_tls_free(void *memory, const char *file, int line)
{
    (void)file;
    (void)line;
    free(memory);
}
