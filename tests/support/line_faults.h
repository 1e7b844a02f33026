/* line_faults: what a Redis line stands on fails at the n-th call, in this thread only: peers are left in peace.
 *
 * For a test that wraps malloc, calloc, realloc, strdup, socket, connect, poll, send and recv. */
#ifndef TASKLEDGER_TESTS_SUPPORT_LINE_FAULTS_H
#define TASKLEDGER_TESTS_SUPPORT_LINE_FAULTS_H

#include <stddef.h>

enum line_fault {
    LINE_FAULT_NONE,
    LINE_FAULT_MEMORY,     /* of ours */
    LINE_FAULT_TLS_MEMORY, /* of the TLS library, when that was given the functions below */
    LINE_FAULT_CALL,       /* of the kernel's fails */
    LINE_FAULT_SIGNAL,     /* a call is interrupted */
    LINE_FAULT_TRICKLE,    /* all bytes come and go one at a time */
};

/* Until the end, one call of this kind fails: the first is number 0. */
void line_faults_begin(enum line_fault kind, int n);
void line_faults_end(void);

/* For CRYPTO_set_mem_functions. */
void *line_faults_tls_malloc(size_t size, const char *file, int line);
void *line_faults_tls_realloc(void *memory, size_t size, const char *file, int line);
void line_faults_tls_free(void *memory, const char *file, int line);

#endif
