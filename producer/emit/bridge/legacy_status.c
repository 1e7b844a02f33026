#include "producer/emit/bridge/legacy_status.h"

#include "proto/status.h"

#include <string.h>

/* tests/support/legacy_cases.json has the same words for whoever speaks another language. */
static const struct {
    const char *word;
    enum taskledger_status status;
} common[] = {
    {"created", TASKLEDGER_PENDING},
    {"new", TASKLEDGER_PENDING},
    {"submitted", TASKLEDGER_PENDING},
    {"waiting", TASKLEDGER_PENDING},
    {"deferred", TASKLEDGER_PENDING},
    {"enqueued", TASKLEDGER_QUEUED},
    {"scheduled", TASKLEDGER_QUEUED},
    {"sent", TASKLEDGER_QUEUED},
    {"received", TASKLEDGER_QUEUED},
    {"started", TASKLEDGER_RUNNING},
    {"processing", TASKLEDGER_RUNNING},
    {"in_progress", TASKLEDGER_RUNNING},
    {"progress", TASKLEDGER_RUNNING},
    {"active", TASKLEDGER_RUNNING},
    {"executing", TASKLEDGER_RUNNING},
    {"retrying", TASKLEDGER_RETRY},
    {"retried", TASKLEDGER_RETRY},
    {"succeeded", TASKLEDGER_SUCCESS},
    {"successful", TASKLEDGER_SUCCESS},
    {"completed", TASKLEDGER_SUCCESS},
    {"complete", TASKLEDGER_SUCCESS},
    {"finished", TASKLEDGER_SUCCESS},
    {"done", TASKLEDGER_SUCCESS},
    {"ok", TASKLEDGER_SUCCESS},
    {"partial_success", TASKLEDGER_PARTIAL_FAILURE},
    {"partially_failed", TASKLEDGER_PARTIAL_FAILURE},
    {"partially_completed", TASKLEDGER_PARTIAL_FAILURE},
    {"completed_with_errors", TASKLEDGER_PARTIAL_FAILURE},
    {"partial", TASKLEDGER_PARTIAL_FAILURE},
    {"failed", TASKLEDGER_FAILURE},
    {"fail", TASKLEDGER_FAILURE},
    {"error", TASKLEDGER_FAILURE},
    {"errored", TASKLEDGER_FAILURE},
    {"timeout", TASKLEDGER_FAILURE},
    {"timed_out", TASKLEDGER_FAILURE},
    {"canceled", TASKLEDGER_CANCELLED},
    {"revoked", TASKLEDGER_CANCELLED},
    {"aborted", TASKLEDGER_CANCELLED},
    {"stopped", TASKLEDGER_CANCELLED},
    {"terminated", TASKLEDGER_CANCELLED},
};

static uint8_t fold(uint8_t byte)
{
    if (byte == '-' || byte == ' ')
        return '_';
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte - 'A' + 'a') : byte;
}

static bool are_equal(struct slice a, struct slice b)
{
    if (a.size != b.size)
        return false;
    for (size_t i = 0; i < a.size; i++)
        if (fold(a.data[i]) != fold(b.data[i]))
            return false;
    return true;
}

/* One of the eight. */
static bool find_name(struct slice word, enum taskledger_status *status)
{
    for (enum status named = STATUS_PENDING; named <= STATUS_CANCELLED; named++)
        if (are_equal(word, slice_from_text(status_name(named)))) {
            *status = (enum taskledger_status)named;
            return true;
        }
    return false;
}

bool legacy_status_find(const struct legacy_status_map *map, struct slice word, enum taskledger_status *status)
{
    for (size_t i = 0; i < map->count; i++)
        if (are_equal(word, map->own[i].word)) {
            *status = map->own[i].status;
            return true;
        }
    for (size_t i = 0; i < sizeof common / sizeof *common; i++)
        if (are_equal(word, slice_from_text(common[i].word))) {
            *status = common[i].status;
            return true;
        }
    return find_name(word, status);
}

/* One OLD=NEW. */
static bool read_pair(struct legacy_status_map *map, struct slice pair, struct error *error)
{
    const uint8_t *equals = pair.size == 0 ? NULL : memchr(pair.data, '=', pair.size);

    if (equals == NULL || equals == pair.data)
        return error_set(error, ERROR_FATAL, "usage", "--status-map: expected OLD=NEW, found \"%.*s\"",
                         SLICE_PRINT(pair));
    if (map->count == LEGACY_STATUS_OWN_MAX)
        return error_set(error, ERROR_FATAL, "usage", "--status-map: at most %d pairs", LEGACY_STATUS_OWN_MAX);

    struct slice word = slice_of(pair.data, (size_t)(equals - pair.data));
    struct slice name = slice_of(equals + 1, pair.size - word.size - 1);
    if (!find_name(name, &map->own[map->count].status))
        return error_set(error, ERROR_FATAL, "usage",
                         "--status-map: expected one of PENDING, QUEUED, RUNNING, RETRY, SUCCESS, PARTIAL_FAILURE, "
                         "FAILURE and CANCELLED behind %.*s=, found \"%.*s\"",
                         SLICE_PRINT(word), SLICE_PRINT(name));
    map->own[map->count++].word = word;
    return true;
}

bool legacy_status_read(struct legacy_status_map *map, const char *text, struct error *error)
{
    while (text != NULL) {
        size_t size = strcspn(text, ",");

        if (!read_pair(map, slice_of(text, size), error))
            return false;
        text = text[size] == ',' ? text + size + 1 : NULL;
    }
    return true;
}
