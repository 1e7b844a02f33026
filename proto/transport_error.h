/* transport_error: what the TLS library means when it fails.
 *
 * That memory ran out, anywhere on the way, is TRANSIENT, "memory", whatever else went wrong: that says nothing about
 * anybody then. All of these return false, and forget what the library had noted. */
#ifndef TASKLEDGER_PROTO_TRANSPORT_ERROR_H
#define TASKLEDGER_PROTO_TRANSPORT_ERROR_H

#include "proto/error.h"

#include <stdbool.h>

/* `what` failed, and the library says why. */
bool transport_error_set(struct error *error, enum error_kind kind, const char *reason, const char *what);

/* FATAL, "config": this kind of file cannot be used. */
bool transport_error_set_file(struct error *error, const char *what, const char *file);

/* An operation on a session is neither done nor waiting for bytes: by SSL_get_error, and SSL_get_verify_result. The
 * server was found to be in order before, or not. */
bool transport_error_set_end(struct error *error, int status, long verdict, bool established);

#endif
