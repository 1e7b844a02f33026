#include "replay/settings.h"

#include "proto/completion.h"
#include "proto/stream_options.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#define AT(member) offsetof(struct settings, member)

/* clang-format off */
/* Those of some commands. */
static const struct option_spec own[] = {
    {"--as-of", NULL, OPTION_TEXT, AT(as_of), NULL, 0, 0, NULL, "TIME",
     "what was true then, as the workers said: RFC 3339, or back from now like -90s, -2h"},
    {"--known-at", NULL, OPTION_TEXT, AT(known_at), NULL, 0, 0, NULL, "TIME",
     "what the ledger knew then"},
    {"--status", NULL, OPTION_TEXT, AT(status), NULL, 0, 0, NULL, "STATUS",
     "those in this status, or in one of several: RUNNING,RETRY"},
    {"--name", NULL, OPTION_TEXT, AT(name), NULL, 0, 0, NULL, "NAME", "those of this kind"},
    {"--worker", NULL, OPTION_TEXT, AT(worker), NULL, 0, 0, NULL, "NAME", "of this worker; of tasks those that it spoke of last"},
    {"--queue", NULL, OPTION_TEXT, AT(queue), NULL, 0, 0, NULL, "NAME", "those of this queue"},
    {"--step", NULL, OPTION_TEXT, AT(step), NULL, 0, 0, NULL, "TEXT", "those in this step"},
    {"--follow", NULL, OPTION_BOOLEAN, AT(follow), NULL, 0, 0, NULL, NULL,
     "go on and show what comes, until the task has ended"},
    {"--raw", NULL, OPTION_BOOLEAN, AT(raw), NULL, 0, 0, NULL, NULL,
     "each event's bytes as they were received, and every field in them"},
    {"--reverse", NULL, OPTION_BOOLEAN, AT(reverse), NULL, 0, 0, NULL, NULL, "the newest first"},
    {"--tree", NULL, OPTION_BOOLEAN, AT(tree), NULL, 0, 0, NULL, NULL,
     "the task with its children, and theirs, instead of its events"},
    {"--older", NULL, OPTION_DURATION, AT(older_ms), "5m", 0, INT64_C(3650) * 86400000, NULL, NULL,
     "how long an active task may be silent"},
    {"--limit", "TASKLEDGER_LIMIT", OPTION_INTEGER, AT(limit), "20", 0, 1000000, NULL, NULL,
     "how many findings of each kind to show; all are counted"},
    {"--in-flight", "TASKLEDGER_IN_FLIGHT", OPTION_DURATION, AT(in_flight_ms), "5m", 0, 0, NULL, NULL,
     "holes of live producers that are younger than this may still fill"},
    {"--settle", "TASKLEDGER_SETTLE", OPTION_DURATION, AT(settle_ms), "10s", 0, 86400000, NULL, NULL,
     "how long to wait for the consumers before holes are judged"},
    {"--full", NULL, OPTION_BOOLEAN, AT(full), NULL, 0, 0, NULL, NULL,
     "hash every payload, compare every column and every task: what it does anyway"},
    {"--quick", NULL, OPTION_BOOLEAN, AT(quick), NULL, 0, 0, NULL, NULL,
     "only the checks that are cheap: no payload is read"},
    {"--subset", NULL, OPTION_TEXT, AT(subset), NULL, 0, 0, NULL, "N/M",
     "only this part of producers and tasks, like 1/7; all M parts are all of them"},
    {"--seal", NULL, OPTION_TEXT, AT(seal), NULL, 0, 0, NULL, "FILE", "a seal that was made earlier and kept elsewhere"},
    {"--key", NULL, OPTION_TEXT, AT(key), NULL, 0, 0, NULL, "FILE", "the private key that signs: Ed25519, PEM"},
    {"--public-key", NULL, OPTION_TEXT, AT(public_key), NULL, 0, 0, NULL, "FILE",
     "the public key of who must have signed the seal: PEM"},
    {"--since", NULL, OPTION_TEXT, AT(since), NULL, 0, 0, NULL, "TIME",
     "from then on: RFC 3339, or back from now like -90s, -2h; of tasks the latest event counts"},
    {"--until", NULL, OPTION_TEXT, AT(until), NULL, 0, 0, NULL, "TIME",
     "before then"},
    {"--encoding", "TASKLEDGER_ENCODING", OPTION_CHOICE, AT(encoding), "jsonl", 0, 0, "jsonl protobuf", NULL,
     "how an export is written: JSON lines, or length-delimited protobuf"},
    {"--cursor-file", NULL, OPTION_TEXT, AT(cursor_file), NULL, 0, 0, NULL, "FILE",
     "what was exported before, and is not exported again; made at the first run"},
    {"--from-stream", NULL, OPTION_BOOLEAN, AT(from_stream), NULL, 0, 0, NULL, NULL,
     "import what the stream holds"},
    {"--force", NULL, OPTION_BOOLEAN, AT(force), NULL, 0, 0, NULL, NULL,
     "go on where it would be refused"},
    {"--before", NULL, OPTION_TEXT, AT(before), NULL, 0, 0, NULL, "TIME", "what is older than this: RFC 3339, or back from now like -365d"},
    {"--export", NULL, OPTION_TEXT, AT(exported), NULL, 0, 0, NULL, "FILE",
     "an export that holds it: the file, or its manifest beside it"},
    {"--reason", NULL, OPTION_TEXT, AT(reason), NULL, 0, 0, NULL, "TEXT", "why; it is kept in the ledger"},
    {"--all", NULL, OPTION_BOOLEAN, AT(all), NULL, 0, 0, NULL, NULL, "those that were resolved or repaired, too"},
    {"--open", NULL, OPTION_BOOLEAN, AT(open), NULL, 0, 0, NULL, NULL, "only what is missing for certain"},
    {"--producer", NULL, OPTION_TEXT, AT(producer), NULL, 0, 0, NULL, "UUID", "of this producer"},
    {"--execute", NULL, OPTION_BOOLEAN, AT(execute), NULL, 0, 0, NULL, NULL, "do it; without it only the plan is shown"},
    {"--jobs", "TASKLEDGER_JOBS", OPTION_INTEGER, AT(jobs), "2", 1, 64, NULL, NULL, "how many sessions work at once"},
    {"--rollback", NULL, OPTION_BOOLEAN, AT(rollback), NULL, 0, 0, NULL, NULL,
     "go back to the previous table, brought up to date"},
    {"--drop", NULL, OPTION_BOOLEAN, AT(drop), NULL, 0, 0, NULL, NULL, "drop the previous table"},
    {"--abort", NULL, OPTION_BOOLEAN, AT(abort), NULL, 0, 0, NULL, NULL, "take back what is unfinished"},
    {"--lock-timeout", "TASKLEDGER_LOCK_TIMEOUT", OPTION_DURATION, AT(lock_timeout_ms), "500ms", 1, 4000, NULL, NULL,
     "how long to wait for a lock at a time: others wait behind"},
    {"--swap-within", "TASKLEDGER_SWAP_WITHIN", OPTION_DURATION, AT(swap_within_ms), "10m", 0, 0, NULL, NULL,
     "how long to try for a lock before giving up"},
};

/* For who lists rows and not findings. */
static const struct option_spec limit_of_rows = {
    "--limit", NULL, OPTION_INTEGER, AT(limit), "0", 0, INT64_MAX, NULL, NULL,
    "how many rows to show; 0: all. All are counted"};

/* Those of all. */
static const struct option_spec shared[] = {
    {"--format", "TASKLEDGER_FORMAT", OPTION_CHOICE, AT(format), "table", 0, 0, "table json jsonl csv", NULL,
     "how to write the answer"},
    {"--zone", "TASKLEDGER_ZONE", OPTION_TEXT, AT(zone), "UTC", 0, 0, NULL, "NAME",
     "the time zone of times shown, like Europe/Berlin"},
    {"--colour", "TASKLEDGER_COLOUR", OPTION_CHOICE, AT(colour), "auto", 0, 0, "auto always never", NULL,
     "auto: on terminals, unless NO_COLOR is set"},
    {"--progress", "TASKLEDGER_PROGRESS", OPTION_CHOICE, AT(progress), "auto", 0, 0, "auto plain json off", NULL,
     "how to tell on standard error how far it is; auto: one line that changes on a terminal, else plain lines"},
    {"--no-pager", "TASKLEDGER_NO_PAGER", OPTION_BOOLEAN, AT(no_pager), NULL, 0, 0, NULL, NULL,
     "long answers go to the terminal directly"},
    {NULL, "TASKLEDGER_PAGER", OPTION_TEXT, AT(pager), NULL, 0, 0, NULL, NULL,
     "the command that shows tables on a terminal; if not given, PAGER, else less"},
    {NULL, "TMPDIR", OPTION_TEXT, AT(temporary), "/tmp", 0, 0, NULL, NULL,
     "where verify, rebuild and prune keep what does not fit into memory: about 80 bytes an event"},
    {NULL, "DATABASE_URL", OPTION_SECRET, AT(database_url), NULL, 0, 0, NULL, NULL,
     "where the ledger is; if not given, libpq's own PG* variables"},
    {NULL, "DATABASE_URL_FILE", OPTION_FILE_OF, 0, NULL, 0, 0, NULL, NULL, "a file that holds the same"},
    STREAM_OPTIONS(AT, NULL, "it is not looked at"),
    {"--group", "TASKLEDGER_GROUP", OPTION_TEXT, AT(group), STREAM_GROUP_DEFAULT, 0, 0, NULL, "NAME",
     "the consumer group that feeds this ledger"},
    {"--help", NULL, OPTION_BOOLEAN, AT(help), NULL, 0, 0, NULL, NULL, "print this"},
};

/* Those of none: only before a command. The last two are for those who build and not shown. */
static const struct option_spec alone[] = {
    {"--version", NULL, OPTION_BOOLEAN, AT(version), NULL, 0, 0, NULL, NULL, "print the version"},
    {"--print-completion", NULL, OPTION_CHOICE, AT(print_completion), NULL, 0, 0, COMPLETION_SHELLS, "SHELL",
     "print what makes that shell complete commands and flags"},
    {"--print-configuration", NULL, OPTION_BOOLEAN, AT(print_configuration), NULL, 0, 0, NULL, NULL,
     "print all options as a table in Markdown"},
    {"--print-manual", NULL, OPTION_TEXT, AT(print_manual), NULL, 0, 0, NULL, "DIR",
     "write the pages of the manual into this folder, for scdoc"},
};
/* clang-format on */

enum {
    OWN_COUNT = sizeof own / sizeof *own,
    SHARED_COUNT = sizeof shared / sizeof *shared,
    ALONE_COUNT = sizeof alone / sizeof *alone,
    HIDDEN_COUNT = 2,
};

static_assert(OWN_COUNT + SHARED_COUNT + ALONE_COUNT <= SETTINGS_COUNT_MAX, "a part has room for all tables");

static void empty(struct settings_table *part)
{
    part->table = (struct options_table){.program = "taskledger-replay", .specs = part->specs, .count = 0};
}

static void add(struct settings_table *part, const struct option_spec *specs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        part->specs[part->table.count++] = specs[i];
}

static void add_own(struct settings_table *part, const char *const *flags)
{
    for (; *flags != NULL; flags++) {
        size_t i = 0;

        if (strcmp(*flags, SETTINGS_LIMIT_OF_ROWS) == 0) {
            add(part, &limit_of_rows, 1);
            continue;
        }
        while (i < OWN_COUNT && strcmp(own[i].flag, *flags) != 0)
            i++;
        assert(i < OWN_COUNT);
        add(part, &own[i], 1);
    }
}

void settings_of_program(struct settings_table *part)
{
    empty(part);
    add(part, shared, SHARED_COUNT);
    add(part, alone, ALONE_COUNT);
}

void settings_alone(struct settings_table *part)
{
    empty(part);
    add(part, alone, ALONE_COUNT - HIDDEN_COUNT);
}

void settings_shared(struct settings_table *part)
{
    empty(part);
    add(part, shared, SHARED_COUNT);
}

void settings_own(struct settings_table *part, const char *const *flags)
{
    empty(part);
    add_own(part, flags);
}

void settings_of_command(struct settings_table *part, const char *const *flags)
{
    settings_own(part, flags);
    add(part, shared, SHARED_COUNT);
}
