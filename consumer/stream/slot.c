#include "consumer/stream/slot.h"

#include "proto/crc32c.h"

#include <arpa/inet.h>
#include <endian.h>
#include <stdio.h>
#include <string.h>

enum { CLASS_TEXT_BYTES = 300 };

/* Numbers are tried one after the other, and none behind the first free one. */
static const struct postgres_statement take_lowest = {
    .name = "slot_take_lowest",
    .sql = "SELECT n FROM generate_series(1, $2::int) AS n WHERE pg_try_advisory_lock($1::int, n) LIMIT 1",
};

static const struct postgres_statement take = {
    .name = "slot_take",
    .sql = "SELECT pg_try_advisory_lock($1::int, $2::int)",
};

static const struct postgres_statement give_back = {
    .name = "slot_give_back",
    .sql = "SELECT pg_advisory_unlock($1::int, $2::int)",
};

#define SLOTS_OF_GROUP                                                                             \
    " WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND l.granted AND l.classid = $1::int::oid" \
    "   AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())"

/* Sessions of others that hold a slot. */
#define HOLDERS                                                                                       \
    " FROM pg_catalog.pg_locks AS l JOIN pg_catalog.pg_stat_activity AS a USING (pid)" SLOTS_OF_GROUP \
    "   AND pid <> pg_catalog.pg_backend_pid()"

/* Those that have left the server waiting for as long as $2 ms: in mid-transaction no
 * timeout of the server's would end them. A silent client and one that waits for a lock are not the same. Of a session
 * that we may not look at nothing but its lock is known. */
#define SILENT_HOLDERS               \
    HOLDERS                          \
    "   AND (a.state_change IS NULL" \
    "     OR (a.wait_event_type = 'Client' AND a.state_change < now() - $2::bigint * interval '1 ms'))"

static const struct postgres_statement silent_holders = {
    .name = "slot_silent_holders",
    .sql = "SELECT l.objid::int" SILENT_HOLDERS " ORDER BY 1",
};

/* Who looks after a dead one holds its slot, too, for a moment. */
static const struct postgres_statement live_holders = {
    .name = "slot_live_holders",
    .sql = "SELECT min(l.objid::int)" HOLDERS
           "   AND (a.state_change IS NULL OR a.wait_event_type IS DISTINCT FROM 'Client'"
           "     OR a.state_change >= now() - $2::bigint * interval '1 ms')"
           " GROUP BY pid ORDER BY 1",
};

static const struct postgres_statement all_held = {
    .name = "slot_held",
    .sql = "SELECT DISTINCT l.objid::int FROM pg_catalog.pg_locks AS l" SLOTS_OF_GROUP " ORDER BY 1",
};

/* It must still be as silent as it was when it was found. */
static const struct postgres_statement end_holder = {
    .name = "slot_end_holder",
    .sql = "SELECT pg_catalog.pg_terminate_backend(pid)" SILENT_HOLDERS " AND l.objid = $3::int::oid",
};

void slot_init(struct slot *slot, struct postgres *postgres, const char *group)
{
    char text[CLASS_TEXT_BYTES];

    snprintf(text, sizeof text, "slot:%s", group);
    *slot = (struct slot){.postgres = postgres, .lock_class = (int32_t)crc32c(slice_from_text(text))};
}

static bool ask(struct slot *slot, const struct postgres_statement *statement, int32_t number,
                struct postgres_result **result, struct error *error)
{
    uint32_t lock_class = htonl((uint32_t)slot->lock_class);
    uint32_t wanted = htonl((uint32_t)number);
    const struct postgres_parameter parameters[] = {
        {.value = slice_of(&lock_class, sizeof lock_class)},
        {.value = slice_of(&wanted, sizeof wanted)},
    };

    return postgres_query(slot->postgres, statement, parameters, 2, result, error);
}

static bool take_one(struct slot *slot, struct error *error)
{
    AUTO_POSTGRES_RESULT result = NULL;
    struct slice value;

    if (!ask(slot, &take_lowest, SLOT_NUMBER_MAX, &result, error))
        return false;
    if (postgres_rows(result) == 0 || !postgres_value(result, 0, 0, &value))
        return error_set(error, ERROR_TRANSIENT, "slot", "could not get a slot, all %d are taken", SLOT_NUMBER_MAX);

    slot->number = postgres_read_int32(value);
    slot->session = postgres_session(slot->postgres);
    return true;
}

bool slot_hold(struct slot *slot, struct group_name *name, struct error *error)
{
    if (!slot_is_held(slot) && !take_one(slot, error))
        return false;

    snprintf(name->consumer, sizeof name->consumer, "c-%d", slot->number);
    name->tenure = slot->session;
    return true;
}

bool slot_is_held(const struct slot *slot)
{
    return slot->number != 0 && slot->session == postgres_session(slot->postgres);
}

bool slot_try(struct slot *slot, unsigned number, bool *taken, struct error *error)
{
    AUTO_POSTGRES_RESULT result = NULL;
    struct slice value;

    if (!ask(slot, &take, (int32_t)number, &result, error))
        return false;
    *taken = postgres_rows(result) == 1 && postgres_value(result, 0, 0, &value) && postgres_read_boolean(value);
    return true;
}

bool slot_give_back(struct slot *slot, unsigned number, struct error *error)
{
    return ask(slot, &give_back, (int32_t)number, NULL, error);
}

static void read_numbers(const struct postgres_result *result, struct slot_numbers *numbers)
{
    numbers->count = 0;
    for (size_t i = 0; i < postgres_rows(result) && numbers->count < SLOT_NUMBER_MAX; i++) {
        struct slice value;

        if (postgres_value(result, i, 0, &value))
            numbers->numbers[numbers->count++] = (unsigned)postgres_read_int32(value);
    }
}

static bool list(struct slot *slot, const struct postgres_statement *statement, int64_t silent_ms,
                 struct slot_numbers *numbers, struct error *error)
{
    AUTO_POSTGRES_RESULT result = NULL;
    uint32_t lock_class = htonl((uint32_t)slot->lock_class);
    uint64_t silent = htobe64((uint64_t)silent_ms);
    const struct postgres_parameter parameters[] = {
        {.value = slice_of(&lock_class, sizeof lock_class)},
        {.value = slice_of(&silent, sizeof silent)},
    };

    if (!postgres_query(slot->postgres, statement, parameters, 2, &result, error))
        return false;
    read_numbers(result, numbers);
    return true;
}

bool slot_held_numbers(struct slot *slot, struct slot_numbers *numbers, struct error *error)
{
    AUTO_POSTGRES_RESULT result = NULL;
    uint32_t lock_class = htonl((uint32_t)slot->lock_class);
    const struct postgres_parameter parameter = {.value = slice_of(&lock_class, sizeof lock_class)};

    if (!postgres_query(slot->postgres, &all_held, &parameter, 1, &result, error))
        return false;
    read_numbers(result, numbers);
    return true;
}

bool slot_silent(struct slot *slot, int64_t silent_ms, struct slot_numbers *numbers, struct error *error)
{
    return list(slot, &silent_holders, silent_ms, numbers, error);
}

bool slot_live(struct slot *slot, int64_t silent_ms, struct slot_numbers *numbers, struct error *error)
{
    return list(slot, &live_holders, silent_ms, numbers, error);
}

bool slot_end(struct slot *slot, unsigned number, int64_t silent_ms, bool *ended, struct error *error)
{
    AUTO_POSTGRES_RESULT result = NULL;
    uint32_t lock_class = htonl((uint32_t)slot->lock_class);
    uint32_t wanted = htonl(number);
    uint64_t silent = htobe64((uint64_t)silent_ms);
    const struct postgres_parameter parameters[] = {
        {.value = slice_of(&lock_class, sizeof lock_class)},
        {.value = slice_of(&silent, sizeof silent)},
        {.value = slice_of(&wanted, sizeof wanted)},
    };
    struct slice value;

    if (!postgres_query(slot->postgres, &end_holder, parameters, 3, &result, error))
        return false;
    *ended = postgres_rows(result) > 0 && postgres_value(result, 0, 0, &value) && postgres_read_boolean(value);
    return true;
}

unsigned slot_number(struct slice consumer)
{
    unsigned number = 0;

    if (consumer.size < 3 || consumer.size > 6 || memcmp(consumer.data, "c-", 2) != 0 || consumer.data[2] == '0')
        return 0;
    for (size_t i = 2; i < consumer.size; i++) {
        if (consumer.data[i] < '0' || consumer.data[i] > '9')
            return 0;
        number = 10 * number + (unsigned)(consumer.data[i] - '0');
    }
    return number <= SLOT_NUMBER_MAX ? number : 0;
}
