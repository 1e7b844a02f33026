/* schema: the ledger's tables, created and upgraded; and whether this program can serve the ledger it finds.
 *
 * Migrations are the files deploy/schema/NNN_name.sql, compiled in. Each runs in one transaction, under an advisory
 * lock, so that any number of programs may start at once. They only add; one that older programs cannot serve tells
 * from which version on (column serves_from of taskledger.migration).
 *
 * Advisory locks of this house have the first key SCHEMA_LOCK_CLASS; the second is one of enum schema_lock. */
#ifndef TASKLEDGER_CONSUMER_LEDGER_SCHEMA_H
#define TASKLEDGER_CONSUMER_LEDGER_SCHEMA_H

#include "consumer/postgres/postgres.h"
#include "proto/error.h"

#include <stdbool.h>
#include <stddef.h>

enum { SCHEMA_LOCK_CLASS = 0x746c6467, SCHEMA_LOCK_WAIT_MS = 60 * 1000 };

enum schema_lock {
    SCHEMA_LOCK_MIGRATE = 1,
    SCHEMA_LOCK_PARTITIONS = 2, /* taken in SQL, by taskledger.ensure_partitions */
    SCHEMA_LOCK_WATERMARK = 3,  /* taken in consumer/recovery/watermark.c */
    SCHEMA_LOCK_REBUILD = 4,    /* taken by commands of replay/, each kind of work once at a time */
    SCHEMA_LOCK_RETENTION = 5,
    SCHEMA_LOCK_IMPORT = 6,
    SCHEMA_LOCK_REJECTED = 7,
};

struct schema_options {
    bool roles;                /* make the roles and give them their rights, together with what is migrated */
    bool roles_again;          /* also when there is nothing to migrate */
    int lock_wait_ms;          /* 0: SCHEMA_LOCK_WAIT_MS */
    const struct clock *clock; /* NULL: the machine's */
};

enum { SCHEMA_NAMES_MAX = 512 };

struct schema_report {
    int version_before; /* 0: there was no ledger */
    int version;
    size_t partitions_made;
    char partitions_blocked[SCHEMA_NAMES_MAX]; /* names, comma-separated: task_event_other holds events of theirs */
    char partitions_locked[SCHEMA_NAMES_MAX];  /* names: could not be made now, try again later */
};

/* The newest version that this program knows. */
int schema_version(void);

/* Bring the ledger to schema_version() and make the partitions of the next months. Nothing to migrate needs no rights
 * but a writer's. `report` may be NULL. Fails FATAL "schema" when the ledger is too new, FATAL "rights", TRANSIENT
 * "locked" when another program migrates for too long, or as the session does. */
bool schema_migrate(struct postgres *postgres, const struct schema_options *options, struct schema_report *report,
                    struct error *error);

/* Can this program work with the ledger? FATAL, "schema", when it is too new; "not_migrated" when it is too old or not
 * there. */
bool schema_check(struct postgres *postgres, struct error *error);

/* Make the partitions of this month and the next ones; good to be called once a day. Only fills the report's
 * partitions. */
bool schema_ensure_partitions(struct postgres *postgres, struct schema_report *report, struct error *error);

#endif
