#include "producer/lease/terms.h"

#include "proto/slice.h"
#include "proto/utf8.h"

#include <string.h>

enum {
    LEASE_MS = 30000,
    LEASE_MS_MIN = 1000,
    LEASE_MS_MAX = 86400000,
    TIMEOUT_MS = 2000,
};

static bool take_text(const char *what, const char *given, size_t bytes_max, char *taken, struct error *error)
{
    struct slice text = slice_from_text(given);

    if (text.size > bytes_max)
        return error_set(error, ERROR_REJECTED, "invalid", "%s: %zu bytes, at most %zu", what, text.size, bytes_max);
    if (utf8_check(text) != text.size)
        return error_set(error, ERROR_REJECTED, "invalid", "%s: byte %zu is not UTF-8", what, utf8_check(text));
    memcpy(taken, text.size == 0 ? "" : given, text.size + 1);
    return true;
}

static bool take_name(const char *what, const char *given, size_t bytes_max, struct terms *terms, struct error *error)
{
    if (given == NULL || given[0] == '\0')
        return error_set(error, ERROR_REJECTED, "invalid", "%s: missing", what);
    return take_text(what, given, bytes_max, terms->name, error);
}

static bool take_holder(const char *given, const char *worker, struct terms *terms, struct error *error)
{
    const char *holder = given == NULL || given[0] == '\0' ? worker : given;

    return take_text("holder", holder, TERMS_HOLDER_BYTES_MAX, terms->holder, error);
}

static bool take_times(int32_t lease_ms, int32_t wait_ms, int32_t timeout_ms, struct terms *terms, struct error *error)
{
    terms->lease_ms = lease_ms == 0 ? LEASE_MS : lease_ms;
    terms->wait_ms = wait_ms;
    terms->timeout_ms = timeout_ms == 0 ? TIMEOUT_MS : timeout_ms;
    if (terms->lease_ms < LEASE_MS_MIN || terms->lease_ms > LEASE_MS_MAX)
        return error_set(error, ERROR_REJECTED, "invalid",
                         "lease_ms: expected 0 for the default, or %d to %d, found %d", LEASE_MS_MIN, LEASE_MS_MAX,
                         terms->lease_ms);
    if (wait_ms < 0 || timeout_ms < 0)
        return error_set(error, ERROR_REJECTED, "invalid", "%s: %d is negative", wait_ms < 0 ? "wait_ms" : "timeout_ms",
                         wait_ms < 0 ? wait_ms : timeout_ms);
    return true;
}

/* Into `said`, which is zero, as this library knows the struct: a caller built against an older header has a shorter
 * one. */
static bool take_struct(const void *request, size_t struct_size, void *said, size_t size, struct error *error)
{
    if (struct_size < sizeof(size_t))
        return error_set(error, ERROR_REJECTED, "invalid", "struct_size: not set; begin with TASKLEDGER_*_INIT");
    memcpy(said, request, struct_size < size ? struct_size : size);
    return true;
}

bool terms_of_claim(const struct taskledger_claim_request *request, const char *worker, struct terms *terms,
                    struct error *error)
{
    struct taskledger_claim_request said = {.task_id = NULL};
    struct terms made = {.is_permit = false};

    if (request == NULL)
        return error_set(error, ERROR_REJECTED, "invalid", "request: missing");
    if (!take_struct(request, request->struct_size, &said, sizeof said, error) ||
        !take_name("task_id", said.task_id, TERMS_NAME_BYTES_MAX, &made, error) ||
        !take_holder(said.holder, worker, &made, error) ||
        !take_times(said.lease_ms, said.wait_ms, said.timeout_ms, &made, error))
        return false;
    *terms = made;
    return true;
}

/* A brace would move the keys to another slot of a cluster than the one that they must share. */
static bool take_permit(const struct taskledger_permit_request *said, struct terms *terms, struct error *error)
{
    if (!take_name("name", said->name, TERMS_PERMIT_BYTES_MAX, terms, error))
        return false;
    if (strpbrk(terms->name, "{}") != NULL)
        return error_set(error, ERROR_REJECTED, "invalid", "name: braces are not allowed");
    if (said->limit < 1 || said->limit > TERMS_LIMIT_MAX)
        return error_set(error, ERROR_REJECTED, "invalid", "limit: expected 1 to %d, found %u", TERMS_LIMIT_MAX,
                         said->limit);
    terms->limit = said->limit;
    terms->local_limit = said->local_limit;
    return true;
}

bool terms_of_permit(const struct taskledger_permit_request *request, const char *worker, struct terms *terms,
                     struct error *error)
{
    struct taskledger_permit_request said = {.name = NULL};
    struct terms made = {.is_permit = true};

    if (request == NULL)
        return error_set(error, ERROR_REJECTED, "invalid", "request: missing");
    if (!take_struct(request, request->struct_size, &said, sizeof said, error) || !take_permit(&said, &made, error) ||
        !take_holder(said.holder, worker, &made, error) ||
        !take_times(said.lease_ms, said.wait_ms, said.timeout_ms, &made, error))
        return false;
    *terms = made;
    return true;
}
