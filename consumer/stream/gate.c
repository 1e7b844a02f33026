#include "consumer/stream/gate.h"

#include <string.h>

enum { PARTITIONS_EVERY_MS = 24 * 60 * 60 * 1000, PARTITIONS_AGAIN_MS = 60 * 1000 };

/* Partitions that could not be made now are tried again soon: without them events go to the default one. */
static void note_report(struct gate *gate, const struct schema_report *report)
{
    bool again = report->partitions_locked[0] != '\0';

    gate->report = *report;
    gate->reports++;
    gate->partitions_due_us = clock_deadline_us(gate->clock, again ? PARTITIONS_AGAIN_MS : PARTITIONS_EVERY_MS);
}

static bool migrate(struct gate *gate, struct error *error)
{
    const struct schema_options options = {.roles = gate->roles, .clock = gate->clock};
    struct schema_report report = {0};

    if (!schema_migrate(gate->postgres, &options, &report, error))
        return false;
    note_report(gate, &report);
    return true;
}

static bool wait_for_migration(struct gate *gate, struct error *error)
{
    if (schema_check(gate->postgres, error))
        return true;
    if (strcmp(error->reason, "not_migrated") == 0)
        error->kind = ERROR_TRANSIENT;
    return false;
}

static bool look_at_ledger(struct gate *gate, struct error *error)
{
    if (gate->session == postgres_session(gate->postgres))
        return true;

    bool good = gate->migrates ? migrate(gate, error) : wait_for_migration(gate, error);
    if (!good)
        return false;
    gate->session = postgres_session(gate->postgres);
    gate->sessions++;
    return true;
}

static bool look_at_partitions(struct gate *gate, struct error *error)
{
    struct schema_report report = gate->report;

    if (gate->clock->monotonic_us(gate->clock->self) < gate->partitions_due_us)
        return true;
    if (!schema_ensure_partitions(gate->postgres, &report, error))
        return false;
    report.version_before = report.version;
    note_report(gate, &report);
    return true;
}

static bool hold(void *self, struct group_name *name, struct error *error)
{
    struct gate *gate = self;

    gate->closed = true;
    if (!postgres_open(gate->postgres, error) || !look_at_ledger(gate, error) || !look_at_partitions(gate, error) ||
        !slot_hold(gate->slot, name, error))
        return false;
    gate->closed = false;
    return true;
}

struct group_slot gate_slot(struct gate *gate)
{
    return (struct group_slot){.hold = hold, .self = gate};
}
