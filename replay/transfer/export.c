#include "replay/transfer/export.h"

#include "replay/transfer/export_body.h"
#include "replay/transfer/manifest.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

static const struct postgres_statement window_statement = {
    "export_window", "SELECT " RECORD_EVENT_COLUMNS " FROM taskledger.task_event AS e"
                     " WHERE e.recorded_at >= $1::timestamptz AND e.recorded_at < $2::timestamptz"
                     " ORDER BY e.producer_id, e.sequence"};

/* ---- rows -------------------------------------------------------------------------------------------------------- */

bool export_put(struct export *export, enum record_kind kind, const struct postgres_row *row, struct error *error)
{
    struct record record = {.kind = kind};
    uint64_t *count = &export->archive.counts[kind];

    for (size_t i = 0; i < record_forms[kind].count && (kind != RECORD_EVENT || i < ROW_BODY); i++)
        postgres_row_value(row, i, &record.values[i]);
    if (kind == RECORD_EVENT && export->archive.encoding == ARCHIVE_JSONL &&
        !export_body_tell(&record, &export->arena, error))
        return false;
    if (!archive_put(&export->archive, &record, error))
        return false;
    if (*count % 1024 == 0)
        console_progress_tell(&export->progress, kind == RECORD_EVENT ? "events" : "books", *count,
                              kind == RECORD_EVENT ? export->expected_events : 0);
    return true;
}

struct visiting {
    struct export *export;
    enum record_kind kind;
};

static bool visit(void *self, const struct postgres_row *row, struct error *error)
{
    const struct visiting *visiting = self;

    return export_put(visiting->export, visiting->kind, row, error);
}

static bool put_kind(struct export *export, enum record_kind kind, struct error *error)
{
    struct visiting visiting = {.export = export, .kind = kind};

    return postgres_copy_out(export->ledger.main, &record_forms[kind].read, visit, &visiting, error);
}

static bool put_window(struct export *export, struct error *error)
{
    struct visiting visiting = {.export = export, .kind = RECORD_EVENT};
    struct arena arena = {.limit_bytes = 0};
    struct record times = {.kind = RECORD_BEGIN};
    bool good = record_put_time(&times, BEGIN_SINCE, export->window.since_us, &arena) &&
                record_put_time(&times, BEGIN_UNTIL, export->window.until_us, &arena);
    const struct postgres_parameter parameters[] = {{.value = times.values[BEGIN_SINCE]},
                                                    {.value = times.values[BEGIN_UNTIL]}};

    good = (good || error_set(error, ERROR_FATAL, "memory", "cannot get memory for two times")) &&
           postgres_stream(export->ledger.main, &window_statement, parameters, 2, visit, &visiting, error);
    arena_close(&arena);
    return good;
}

/* An increment is for others, who make what they need of events; what was redacted and what went wrong they are told
 * each time as a whole, since it changes. */
static bool put_books(struct export *export, struct error *error)
{
    static const bool belongs[][RECORD_KINDS] = {
        [EXPORT_WHOLE] = {[RECORD_REDACTION] = true,
                          [RECORD_PRODUCER] = true,
                          [RECORD_BOUNDARY] = true,
                          [RECORD_BASE] = true,
                          [RECORD_REJECTED] = true,
                          [RECORD_LOSS] = true},
        [EXPORT_WINDOW] = {[RECORD_REDACTION] = true},
        [EXPORT_INCREMENT] = {[RECORD_REDACTION] = true, [RECORD_REJECTED] = true, [RECORD_LOSS] = true},
    };

    for (enum record_kind kind = RECORD_BEGIN; kind < RECORD_EVENT; kind++)
        if (belongs[export->scope][kind] && !put_kind(export, kind, error))
            return false;
    return true;
}

static bool put_events(struct export *export, struct error *error)
{
    switch (export->scope) {
    case EXPORT_WINDOW:
        return put_window(export, error);
    case EXPORT_INCREMENT:
        return export_increment(export, error);
    case EXPORT_WHOLE:
        break;
    }
    return put_kind(export, RECORD_EVENT, error);
}

/* ---- the archive ------------------------------------------------------------------------------------------------- */

static bool make_begin(const struct export *export, struct record *begin, struct arena *arena, struct error *error)
{
    static const char *const scopes[] = {
        [EXPORT_WHOLE] = "whole", [EXPORT_WINDOW] = "window", [EXPORT_INCREMENT] = "increment"};

    *begin = (struct record){.kind = RECORD_BEGIN};
    begin->values[BEGIN_FORMAT] = slice_from_text(RECORD_FORMAT);
    begin->values[BEGIN_PROGRAM] = slice_from_text("taskledger-replay " TASKLEDGER_VERSION);
    begin->values[BEGIN_LEDGER] = slice_from_text(postgres_address(export->ledger.main));
    begin->values[BEGIN_SNAPSHOT] = slice_from_text(export->ledger.snapshot);
    begin->values[BEGIN_SCOPE] = slice_from_text(scopes[export->scope]);
    bool good =
        record_put_integer(begin, BEGIN_VERSION, RECORD_VERSION, arena) &&
        record_put_time(begin, BEGIN_TAKEN_AT, export->ledger.now_us, arena) &&
        (export->scope != EXPORT_WINDOW || (record_put_time(begin, BEGIN_SINCE, export->window.since_us, arena) &&
                                            record_put_time(begin, BEGIN_UNTIL, export->window.until_us, arena)));
    return good || error_set(error, ERROR_FATAL, "memory", "cannot get memory for a record");
}

/* The file, its manifest, and then the cursor: who dies in between exports the same once more. */
static bool finish(struct export *export, const char *path, const struct record *begin, struct error *error)
{
    bool has_place = strcmp(path, "-") != 0;

    return archive_finish(&export->archive, error) &&
           (!has_place || manifest_write(path, &export->archive, begin, error)) &&
           (export->scope != EXPORT_INCREMENT || cursor_finish(&export->cursor, error));
}

static bool write_archive(struct export *export, const char *path, struct error *error)
{
    struct arena arena = {.limit_bytes = 0};
    struct record begin;
    bool good = make_begin(export, &begin, &arena, error) && archive_put(&export->archive, &begin, error) &&
                put_books(export, error) && put_events(export, error) && finish(export, path, &begin, error);

    console_progress_end(&export->progress);
    arena_close(&arena);
    return good;
}

/* ---- the command ------------------------------------------------------------------------------------------------- */

static bool check_cursor(const struct settings *settings, const char *path, struct error *error)
{
    if (settings->since != NULL || settings->until != NULL)
        return error_set(error, ERROR_FATAL, "usage",
                         "--cursor-file knows itself since when; leave --since and --until");
    if (strcmp(path, "-") != 0 && access(path, F_OK) == 0)
        return error_set(error, ERROR_FATAL, "usage",
                         "\"%s\" is there already, and an increment never takes the place of another one", path);
    return true;
}

static bool read_settings(struct export *export, const char *path, struct error *error)
{
    const struct settings *settings = export->replay->settings;
    const struct clock *clock = export->replay->clock;

    if (settings->cursor_file != NULL) {
        export->scope = EXPORT_INCREMENT;
        return check_cursor(settings, path, error);
    }
    if (settings->since != NULL || settings->until != NULL)
        export->scope = EXPORT_WINDOW;
    export->window = (struct arguments_span){0, clock->unix_us(clock->self)};
    return arguments_between(settings->since, settings->until, clock, &export->window, error);
}

static bool open_all(struct export *export, const char *path, struct error *error)
{
    const struct settings *settings = export->replay->settings;
    bool is_protobuf = strcmp(settings->encoding, archive_encoding_names[ARCHIVE_PROTOBUF]) == 0;

    if (!archive_open(&export->archive, path, is_protobuf ? ARCHIVE_PROTOBUF : ARCHIVE_JSONL, error) ||
        (export->scope == EXPORT_INCREMENT && !cursor_open(&export->cursor, settings->cursor_file, error)) ||
        !ledger_open(&export->ledger, settings->database_url, export->replay->clock, error))
        return false;
    if (export->scope == EXPORT_INCREMENT)
        return ledger_begin_twice(&export->ledger, error);
    return ledger_begin(&export->ledger, error) && ledger_estimate(&export->ledger, &export->expected_events, error);
}

static const struct column columns[] = {
    {"kind", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"count", NULL, COLUMN_INTEGER, COLUMN_CELL},
};

static const struct section section = {
    .name = "records",
    .item = "records",
    .is_list = true,
    .is_main = true,
    .columns = columns,
    .count = sizeof columns / sizeof *columns,
};

/* When the archive went to standard output, nothing else may go there. */
static void tell(const struct export *export, const char *path)
{
    struct output *output = export->replay->output;
    const uint64_t *counts = export->archive.counts;

    if (strcmp(path, "-") == 0) {
        console_say("%" PRIu64 " events, %" PRIu64 " bytes", counts[RECORD_EVENT], export->archive.outlet.bytes);
        return;
    }
    output_begin(output, &section);
    for (enum record_kind kind = RECORD_BEGIN + 1; kind < RECORD_END; kind++) {
        const struct value values[] = {value_words(record_forms[kind].name), value_unsigned(counts[kind])};
        output_row(output, values);
    }
    output_end(output);
    output_say(output, TONE_PLAIN, "%" PRIu64 " bytes in %s, and what it must be in %s.manifest.json",
               export->archive.outlet.bytes, path, path);
}

static bool run(struct replay *replay, char *const *arguments, enum exit_code *exit, struct error *error)
{
    struct export export = {
        .replay = replay, .archive = {.outlet = {.descriptor = -1}}, .cursor = {.outlet = {.descriptor = -1}}};
    const char *path = arguments[0];

    console_progress_start(&export.progress, replay->clock);
    console_on_interrupt("nothing was exported; run it again to begin anew");
    bool good =
        read_settings(&export, path, error) && open_all(&export, path, error) && write_archive(&export, path, error);
    console_on_interrupt(NULL);
    if (good) {
        tell(&export, path);
        *exit = EXIT_OK;
    }
    ledger_close(&export.ledger);
    cursor_close(&export.cursor);
    archive_close(&export.archive);
    arena_close(&export.arena);
    return good;
}

static const char *const flags[] = {"--encoding", "--cursor-file", "--since", "--until", NULL};

const struct command export_command = {
    .name = "export",
    .arguments = "FILE",
    .argument_min = 1,
    .argument_max = 1,
    .summary = "write the ledger into a file, to be imported or for other systems",
    .description =
        "Everything that a ledger is made again of, as of one moment: events with the bytes received, what was set\n"
        "aside, losses, redactions, and what pruned events added up to. FILE is there as a whole or not at all, and\n"
        "FILE.manifest.json tells what it must be; - is standard output, without a manifest.\n"
        "\n"
        "With --since or --until: only events that were recorded then. A row may become visible after others with a\n"
        "later recorded_at, so windows are no way to follow a ledger; --cursor-file is: each run exports what no run\n"
        "before it did, by producer and number, and takes note of it when FILE is on disk. After a crash in between "
        "the\n"
        "same events come once more: who reads them keeps one for each (producer_id, sequence).\n"
        "\n"
        "Exit codes: 0 exported, 4 it could not be written, or the cursor file is damaged, 6 another run writes it.\n",
    .example = "taskledger-replay export ledger.jsonl\n"
               "taskledger-replay export --cursor-file exported.cursor new-events.jsonl\n",
    .flags = flags,
    .run = run,
};
