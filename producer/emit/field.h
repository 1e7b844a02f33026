/* field: a field of an event, read from the text in which a flag or a line tells it.
 *
 * Only what the library cannot be handed as it stands; all other limits are the library's to check. REJECTED,
 * "invalid", naming the field as people wrote it, what was expected and what was found. */
#ifndef TASKLEDGER_PRODUCER_EMIT_FIELD_H
#define TASKLEDGER_PRODUCER_EMIT_FIELD_H

#include "producer/taskledger/producer.h"
#include "proto/error.h"

#include <stdbool.h>
#include <stdint.h>

enum { FIELD_FOUND_BYTES_MAX = 80 }; /* as much of what was found is shown */

/* One of the eight, in any case. */
bool field_status(const char *name, const char *text, enum taskledger_status *status, struct error *error);

/* 1 to 2^31 - 1. Not 0, as the library takes it for 1: whoever counts from 0 would have two attempts of one number. */
bool field_attempt(const char *name, const char *text, uint32_t *attempt, struct error *error);

/* A decimal number from 0 to 1. */
bool field_progress(const char *name, const char *text, double *progress, struct error *error);

/* RFC 3339, after 1970 began. */
bool field_occurred_at(const char *name, const char *text, int64_t *occurred_at_us, struct error *error);

/* A field of the library's, and what people called it. */
struct field_name {
    const char *field;
    const char *name;
};

/* What the library says is wrong, in the names that people used; the list ends with a NULL field. */
void field_reword(const char *reason, const struct field_name *names, char text[ERROR_TEXT_MAX]);

#endif
