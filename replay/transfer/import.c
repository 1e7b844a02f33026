#include "replay/transfer/import.h"

#include "consumer/pump.h"
#include "consumer/recovery/watermark.h"

#include <inttypes.h>
#include <string.h>

enum { BACKOFF_BASE_MS = 100, BACKOFF_CAP_MS = 5000 };

/* ---- is the file what it should be ------------------------------------------------------------------------------ */

static bool check_file(struct import *import, const char *path, struct manifest *manifest, struct error *error)
{
    struct digest digest;
    uint64_t bytes;

    if (!manifest_read(path, manifest, error) || !frames_digest(path, &digest, &bytes, error))
        return false;
    if (bytes != manifest->bytes)
        return error_set(error, ERROR_FATAL, "archive",
                         "\"%s\" has %" PRIu64 " bytes, and should have %" PRIu64 "; it is not what was exported", path,
                         bytes, manifest->bytes);
    if (!digest_equal(&digest, &manifest->digest))
        return error_set(error, ERROR_FATAL, "archive",
                         "the SHA-256 of \"%s\" is not that of its manifest; it is not what was exported", path);
    import->expected = archive_records(manifest->counts);
    return true;
}

/* Without a manifest all of it is read once before anything is applied. */
static bool check_records(struct import *import, const char *path, enum archive_encoding encoding, struct error *error)
{
    struct record record;
    bool good = frames_open(&import->frames, path, encoding, error);

    while (good && !import->frames.is_over) {
        arena_reset(&import->arena, RECORD_BYTES_MAX);
        good = frames_next(&import->frames, &import->arena, &record, error);
        console_progress_tell(&import->progress, "checking", import->frames.number, 0);
    }
    import->expected = import->frames.number;
    frames_close(&import->frames);
    return good;
}

static bool open_file(struct import *import, const char *path, struct error *error)
{
    struct manifest manifest = {.is_whole = true};

    if (!import->replay->settings->force) {
        if (!check_file(import, path, &manifest, error))
            return false;
    } else if (!frames_guess(path, &manifest.encoding, error) ||
               !check_records(import, path, manifest.encoding, error)) {
        return false;
    }
    if (!manifest.is_whole)
        console_say("\"%s\" holds a part of a ledger, not the whole of one", path);
    return frames_open(&import->frames, path, manifest.encoding, error);
}

/* ---- the ledger ------------------------------------------------------------------------------------------------- */

static const struct postgres_statement empty_statement = {
    "import_empty", "SELECT EXISTS (SELECT FROM taskledger.task_event) OR EXISTS (SELECT FROM taskledger.task_base)"};

static bool say_if_not_empty(struct import *import, struct error *error)
{
    AUTO_POSTGRES_RESULT result = NULL;
    struct slice value;

    if (!postgres_query(import->change.postgres, &empty_statement, NULL, 0, &result, error))
        return false;
    if (postgres_value(result, 0, 0, &value) && postgres_read_boolean(value))
        console_say("the ledger is not empty: what it holds already stays as it is, the rest is added");
    return true;
}

/* Redactions and bases are the owner's to write; what the stream holds any consumer may apply. */
static bool open_ledger(struct import *import, bool as_owner, struct error *error)
{
    const struct settings *settings = import->replay->settings;
    const struct change_options change = {.url = settings->database_url,
                                          .lock = SCHEMA_LOCK_IMPORT,
                                          .as_owner = as_owner,
                                          .clock = import->replay->clock};
    struct apply_options apply = {
        .stream = settings->stream, .shards = (unsigned)settings->shards, .clock = import->replay->clock};

    if (!change_open(&import->change, &change, error) || !say_if_not_empty(import, error))
        return false;
    import->apply = apply_new(import->change.postgres, &apply, error);
    return import->apply != NULL;
}

static void tell_change(void *observer, const struct error *error)
{
    (void)observer;
    if (error != NULL)
        console_say("%s; trying again", error->text);
}

static bool pump_all(struct import *import, struct source source, struct error *error)
{
    static const volatile sig_atomic_t never;
    const struct clock *clock = import->replay->clock;
    struct pump pump = {.source = source, .sink = apply_sink(import->apply), .clock = clock, .on_change = tell_change};

    backoff_init(&pump.backoff, BACKOFF_BASE_MS, BACKOFF_CAP_MS, (uint64_t)clock->monotonic_us(clock->self));
    return pump_run(&pump, &never, error);
}

/* A consumer folds what is held by itself; without one it would be left to the first. */
static bool fold(struct import *import, struct error *error)
{
    struct watermark watermark;
    uint64_t folds;

    watermark_init(&watermark, import->change.postgres, import->replay->clock, false);
    bool good = watermark_round(&watermark, NULL, error);
    do {
        folds = watermark.counters.folds;
        good = good && watermark_finish(&watermark, NULL, error);
    } while (good && watermark.counters.folds > folds);
    watermark_close(&watermark);
    return good;
}

/* ---- the answer ------------------------------------------------------------------------------------------------- */

static const struct column columns[] = {
    {"kind", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"came", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"added", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"set_aside", "set aside", COLUMN_INTEGER, COLUMN_CELL},
};

static const struct section section = {
    .name = "records",
    .item = "records",
    .is_list = true,
    .is_main = true,
    .columns = columns,
    .count = sizeof columns / sizeof *columns,
};

static uint64_t set_aside(const struct import *import)
{
    const struct apply_counters *counters = apply_counters(import->apply);
    uint64_t count = 0;

    for (enum apply_reason reason = 0; reason < APPLY_REASONS; reason++)
        count += counters->rejected[reason];
    return count;
}

static void tell(const struct import *import)
{
    struct output *output = import->replay->output;

    output_begin(output, &section);
    for (enum record_kind kind = RECORD_BEGIN + 1; kind < RECORD_EVENT && import->frames.number > 0; kind++) {
        const struct value values[] = {value_words(record_forms[kind].name),
                                       value_unsigned(import->frames.counts[kind]), value_unsigned(import->added[kind]),
                                       value_unsigned(0)};
        output_row(output, values);
    }
    const struct value values[] = {value_words("event"), value_unsigned(import->entries),
                                   value_unsigned(apply_counters(import->apply)->events),
                                   value_unsigned(set_aside(import))};
    output_row(output, values);
    output_end(output);
    output_say(output, TONE_PLAIN, "\"taskledger-replay verify\" tells whether all is there");
}

/* What was set aside, and bases that are there with another content, somebody should look at. */
static enum exit_code exit_of(const struct import *import)
{
    bool has_other_bases =
        import->added[RECORD_BASE] > 0 && import->added[RECORD_BASE] < import->frames.counts[RECORD_BASE];

    if (has_other_bases)
        console_say("%" PRIu64 " tasks had a base of pruned events already, which stands",
                    import->frames.counts[RECORD_BASE] - import->added[RECORD_BASE]);
    if (set_aside(import) > 0)
        console_say("\"taskledger-replay rejected list\" tells what was set aside");
    return set_aside(import) > 0 ? EXIT_FINDINGS : EXIT_OK;
}

/* ---- the command ------------------------------------------------------------------------------------------------ */

static bool import_file(struct import *import, const char *path, struct error *error)
{
    struct record first;

    if (!open_file(import, path, error) || !open_ledger(import, true, error) || !import_books(import, &first, error))
        return false;
    struct import_events *events = import_events_new(import, &first, error);
    bool good = events != NULL && pump_all(import, import_events_source(events), error);
    import_events_free(events);
    return good;
}

static bool import_stream(struct import *import, struct error *error)
{
    struct import_stream *stream = import_stream_new(import, error);
    bool good = stream != NULL && open_ledger(import, false, error) && import_stream_open(stream, error) &&
                pump_all(import, import_stream_source(stream), error);
    import_stream_free(stream);
    return good;
}

static bool check_usage(const struct settings *settings, const char *path, struct error *error)
{
    if (settings->from_stream == (path != NULL))
        return error_set(error, ERROR_FATAL, "usage", "an import is of a FILE, or --from-stream");
    if (!settings->from_stream && (settings->since != NULL || settings->until != NULL))
        return error_set(error, ERROR_FATAL, "usage", "--since and --until belong to --from-stream");
    return true;
}

static bool run(struct replay *replay, char *const *arguments, enum exit_code *exit, struct error *error)
{
    struct import import = {.replay = replay, .frames = {.descriptor = -1}};

    console_progress_start(&import.progress, replay->clock);
    console_on_interrupt("what was imported stays; run it again to go on: what is there already is passed over");
    bool good =
        check_usage(replay->settings, arguments[0], error) &&
        (replay->settings->from_stream ? import_stream(&import, error) : import_file(&import, arguments[0], error)) &&
        fold(&import, error);
    console_on_interrupt(NULL);
    console_progress_end(&import.progress);
    if (good) {
        tell(&import);
        *exit = exit_of(&import);
    }
    apply_free(import.apply);
    change_close(&import.change);
    frames_close(&import.frames);
    arena_close(&import.arena);
    return good;
}

static const char *const flags[] = {"--force", "--from-stream", "--since", "--until", NULL};

const struct command import_command = {
    .name = "import",
    .arguments = "[FILE]",
    .argument_min = 0,
    .argument_max = 1,
    .summary = "apply what was exported, or what the stream still holds",
    .description = "FILE is checked first, by FILE.manifest.json; then it goes the way that events always go, so that "
                   "what is there\n"
                   "already stays as it is, and an import that was cut off is run again. Into an empty ledger: the "
                   "ledger that was\n"
                   "exported, with the times at which it learnt each event. The same event with other bytes is set "
                   "aside. It takes\n"
                   "a user who may act as the ledger's owner.\n"
                   "\n"
                   "--from-stream applies what the stream holds, settled or not, after PostgreSQL was lost or restored "
                   "from an old\n"
                   "backup: all of it, or from --since to --until, each an ID like 1700000000000-0 or a time.\n"
                   "\n"
                   "Exit codes: 0 imported, 1 something was set aside, 4 FILE is damaged or not whole, 6 another "
                   "import is at it.\n",
    .example = "taskledger-replay import ledger.jsonl\n"
               "taskledger-replay import --from-stream --since 2026-11-21T22:00:00Z\n",
    .flags = flags,
    .run = run,
};
