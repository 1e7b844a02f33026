#include "producer/environment.h"

#include "producer/confirm.h"
#include "producer/queue.h"
#include "producer/spool/spool.h"
#include "producer/taskledger/producer.h"
#include "proto/options.h"
#include "proto/stream_options.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct environment {
    const char *redis_url;
    const char *stream;
    const char *worker;
    const char *spool;
    const char *spool_dir;
    const char *spool_target;
    const char *state_home;
    const char *redis_ca_file;
    const char *redis_certificate_file;
    const char *redis_key_file;
    int64_t shards;
    int64_t queue_events;
    int64_t queue_bytes;
    int64_t spool_bytes;
    int64_t confirm_ms;
    bool enabled;
};

#define AT(member) offsetof(struct environment, member)
#define NUMBER(name, member, least, most, about)                                                                 \
    {                                                                                                            \
        .variable = (name), .type = OPTION_INTEGER, .offset = AT(member), .minimum = (least), .maximum = (most), \
        .help = (about)                                                                                          \
    }
#define BYTES(name, member, least, about)                                                                             \
    {                                                                                                                 \
        .variable = (name), .type = OPTION_BYTES, .offset = AT(member), .minimum = (least), .maximum = INT64_MAX - 1, \
        .help = (about)                                                                                               \
    }

static const struct option_spec specs[] = {
    STREAM_OPTIONS_VARIABLES(AT),
    {.variable = "TASKLEDGER_WORKER",
     .type = OPTION_TEXT,
     .offset = AT(worker),
     .help = "who emits; if not given, host name and process number"},
    NUMBER("TASKLEDGER_QUEUE_EVENTS", queue_events, QUEUE_EVENTS_MIN, UINT32_MAX,
           "so many events wait in memory at most; if not given, 10000"),
    BYTES("TASKLEDGER_QUEUE_BYTES", queue_bytes, QUEUE_BYTES_MIN,
          "so much memory they take at most; if not given, 8MiB"),
    {.variable = "TASKLEDGER_SPOOL",
     .type = OPTION_CHOICE,
     .choices = "off overflow always",
     .offset = AT(spool),
     .help = "what goes to disk: nothing; what memory cannot hold and what cannot be sent; everything; if not given, "
             "overflow"},
    {.variable = "TASKLEDGER_SPOOL_DIR",
     .type = OPTION_TEXT,
     .offset = AT(spool_dir),
     .help = "the folder for it; if not given, taskledger in XDG_STATE_HOME, else /var/lib/taskledger"},
    {.variable = "TASKLEDGER_SPOOL_TARGET",
     .type = OPTION_TEXT,
     .offset = AT(spool_target),
     .help = "which Redis what is there is for, in words that are only compared; if not given, the URL's host:port/db"},
    {.variable = "XDG_STATE_HOME",
     .type = OPTION_TEXT,
     .offset = AT(state_home),
     .help = "where programs of this user keep their state"},
    BYTES("TASKLEDGER_SPOOL_BYTES", spool_bytes, SPOOL_BYTES_MIN,
          "so much disk a process takes at most; if not given, 256MiB"),
    NUMBER("TASKLEDGER_CONFIRM_MS", confirm_ms, 1, CONFIRM_PATIENCE_MAX_MS,
           "spool always: after so long without news from the ledger Redis is asked what it still has; if not given, "
           "30000"),
    {.variable = "TASKLEDGER_ENABLED",
     .type = OPTION_BOOLEAN,
     .offset = AT(enabled),
     .help = "0 emits nothing; if not given, yes"},
};

const struct options_table environment_table = {
    .program = "libtaskledger",
    .specs = specs,
    .count = sizeof specs / sizeof specs[0],
};

/* ---- the spool's folder ------------------------------------------------------------------------------------------ */

/* Texts that were put together, kept for the rest of the process; in a list so that a leak checker sees they are
 * wanted. */
struct kept {
    struct kept *next;
    char text[];
};

static _Atomic(struct kept *) all_kept;

static const char *find_kept(const char *text)
{
    for (const struct kept *kept = atomic_load(&all_kept); kept != NULL; kept = kept->next)
        if (strcmp(kept->text, text) == 0)
            return kept->text;
    return NULL;
}

/* NULL when memory is short. */
static const char *keep(const char *text)
{
    const char *found = find_kept(text);
    size_t size = strlen(text) + 1;

    if (found != NULL)
        return found;
    struct kept *kept = malloc(sizeof *kept + size);
    if (kept == NULL)
        return NULL;
    memcpy(kept->text, text, size);
    kept->next = atomic_load(&all_kept);
    while (!atomic_compare_exchange_weak(&all_kept, &kept->next, kept))
        continue;
    return kept->text;
}

/* The environment's own; what is put together counts only where nothing was given. */
static bool find_spool_dir(struct environment *found)
{
    char path[4096];

    if (found->spool_dir != NULL || found->state_home == NULL)
        return true;
    int length = snprintf(path, sizeof path, "%s/taskledger", found->state_home);
    if (length < 0 || (size_t)length >= sizeof path)
        return false;
    found->spool_dir = keep(path);
    return found->spool_dir != NULL;
}

/* ---- filling ----------------------------------------------------------------------------------------------------- */

static enum taskledger_spool spool_of(const char *word)
{
    static const char *const words[] = {
        [TASKLEDGER_SPOOL_OFF] = "off",
        [TASKLEDGER_SPOOL_OVERFLOW] = "overflow",
        [TASKLEDGER_SPOOL_ALWAYS] = "always",
    };

    for (int spool = TASKLEDGER_SPOOL_OFF; word != NULL && spool <= TASKLEDGER_SPOOL_ALWAYS; spool++)
        if (strcmp(words[spool], word) == 0)
            return (enum taskledger_spool)spool;
    return TASKLEDGER_SPOOL_DEFAULT;
}

static void fill_text(const char **option, const char *found)
{
    if (*option == NULL)
        *option = found;
}

static void fill(struct taskledger_options *options, const struct environment *found)
{
    fill_text(&options->redis_url, found->redis_url);
    fill_text(&options->stream, found->stream);
    fill_text(&options->worker, found->worker);
    fill_text(&options->ca_file, found->redis_ca_file);
    fill_text(&options->certificate_file, found->redis_certificate_file);
    fill_text(&options->key_file, found->redis_key_file);
    if (options->shards == 0)
        options->shards = (uint32_t)found->shards;
    if (options->queue_events == 0)
        options->queue_events = (uint32_t)found->queue_events;
    if (options->queue_bytes == 0)
        options->queue_bytes = (size_t)found->queue_bytes;
    fill_text(&options->spool_dir, found->spool_dir);
    fill_text(&options->spool_target, found->spool_target);
    if (options->spool == TASKLEDGER_SPOOL_DEFAULT)
        options->spool = spool_of(found->spool);
    if (options->spool_bytes == 0)
        options->spool_bytes = (uint64_t)found->spool_bytes;
    if (options->confirm_ms == 0)
        options->confirm_ms = (int32_t)found->confirm_ms;
    if (options->disabled == 0)
        options->disabled = !found->enabled;
}

static int refuse(const char *text, char *reason, size_t reason_size)
{
    if (reason != NULL && reason_size > 0)
        snprintf(reason, reason_size, "%s", text);
    return -1;
}

int taskledger_options_from_environment(struct taskledger_options *options, char *reason, size_t reason_size)
{
    struct environment found = {.enabled = true};
    struct taskledger_options filled = TASKLEDGER_OPTIONS_INIT;
    struct error error;

    if (options == NULL || options->struct_size < sizeof options->struct_size)
        return refuse("struct_size: not set; begin with TASKLEDGER_OPTIONS_INIT", reason, reason_size);
    if (!options_from_environment(&environment_table, &found, &error))
        return refuse(error.text, reason, reason_size);
    if (!find_spool_dir(&found))
        return refuse("XDG_STATE_HOME: cannot be a folder's path", reason, reason_size);

    /* A caller built against an older header has a shorter struct: what it lacks is not told. */
    size_t size = options->struct_size < sizeof filled ? options->struct_size : sizeof filled;
    memcpy(&filled, options, size);
    fill(&filled, &found);
    memcpy(options, &filled, size);
    return 0;
}
