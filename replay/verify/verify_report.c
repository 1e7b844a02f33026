#include "replay/verify/verify_report.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

struct verify_kept {
    struct verify_kept *next;
    struct finding finding;
};

/* ---- keeping --------------------------------------------------------------------------------------------------- */

static struct slice keep(struct verify_report *report, struct slice text)
{
    return arena_copy(&report->arena, text);
}

static void append(struct verify_report *report, enum verdict_kind kind, struct verify_kept *first,
                   struct verify_kept *last)
{
    if (report->first[kind] == NULL)
        report->first[kind] = first;
    else
        report->last[kind]->next = first;
    report->last[kind] = last;
}

/* What does not fit any more is counted all the same. */
static void keep_finding(struct verify_report *report, const struct finding *finding, const char *detail)
{
    enum verdict_kind kind = finding->kind;
    struct verify_kept *kept = arena_take(&report->arena, sizeof *kept);

    if (kept == NULL)
        return;
    *kept = (struct verify_kept){.finding = *finding};
    kept->finding.task_id = keep(report, finding->task_id);
    kept->finding.column = keep(report, finding->column);
    kept->finding.stream = keep(report, finding->stream);
    kept->finding.stream_id = keep(report, finding->stream_id);
    kept->finding.detail = keep(report, slice_from_text(detail));

    append(report, kind, kept, kept);
    report->kept[kind]++;
}

void verify_report_add(struct verify_report *report, const struct finding *finding, const char *format, ...)
{
    char detail[VERIFY_REPORT_DETAIL_BYTES];
    va_list arguments;

    report->counts.of[finding->kind]++;
    if (report->kept[finding->kind] >= report->limit)
        return;
    va_start(arguments, format);
    vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    report->arena.limit_bytes = VERIFY_REPORT_BYTES_MAX;
    keep_finding(report, finding, detail);
}

void verify_report_turn(struct verify_report *report, enum verdict_kind from, enum verdict_kind to)
{
    struct verify_kept *first = report->first[from];

    report->counts.of[to] += report->counts.of[from];
    report->counts.of[from] = 0;
    if (first == NULL)
        return;
    append(report, to, first, report->last[from]);
    for (; first != NULL; first = first->next)
        first->finding.kind = to;
    report->kept[to] += report->kept[from];
    report->kept[from] = 0;
    report->first[from] = report->last[from] = NULL;
}

void verify_report_cover(struct verify_report *report, struct verify_coverage coverage)
{
    if (report->coverage_count < VERIFY_COVERAGE_MAX)
        report->coverage[report->coverage_count++] = coverage;
    if (coverage.state == VERIFY_PARTLY || coverage.state == VERIFY_UNREACHABLE)
        report->counts.incomplete = true;
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

static const struct column coverage_columns[] = {
    {"check", NULL, COLUMN_TEXT, COLUMN_CELL},    {"state", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"asked", NULL, COLUMN_TEXT, COLUMN_CELL},    {"items", "checked", COLUMN_INTEGER, COLUMN_CELL},
    {"detail", "what", COLUMN_TEXT, COLUMN_CELL},
};

static const struct section coverage_section = {
    .name = "coverage",
    .item = "coverage",
    .title = "Coverage",
    .is_list = true,
    .columns = coverage_columns,
    .count = sizeof coverage_columns / sizeof *coverage_columns,
};

static void write_coverage(const struct verify_report *report, struct output *output)
{
    static const char *const states[] = {[VERIFY_CHECKED] = "checked",
                                         [VERIFY_PARTLY] = "partly",
                                         [VERIFY_NOT_ASKED] = "not asked",
                                         [VERIFY_UNREACHABLE] = "unreachable"};

    output_begin(output, &coverage_section);
    for (size_t i = 0; i < report->coverage_count; i++) {
        const struct verify_coverage *coverage = &report->coverage[i];
        bool is_whole = coverage->state == VERIFY_CHECKED;
        struct value items = value_unsigned(coverage->items);

        items.is_given = coverage->state != VERIFY_NOT_ASKED || output->format != OUTPUT_TABLE;
        const struct value values[] = {
            value_words(coverage->check),
            value_toned(value_words(states[coverage->state]), is_whole ? TONE_GOOD : TONE_ODD),
            value_words(coverage->state == VERIFY_NOT_ASKED ? NULL
                        : coverage->asked != NULL           ? coverage->asked
                                                            : "all"),
            items,
            value_words(coverage->detail),
        };
        output_row(output, values);
    }
    output_end(output);
}

static const struct column count_columns[] = {
    {"kind", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"is_finding", NULL, COLUMN_BOOLEAN, COLUMN_MACHINE},
    {"count", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"meaning", NULL, COLUMN_TEXT, COLUMN_CELL},
};

static const struct section count_section = {
    .name = "counts",
    .item = "count",
    .title = "Counts",
    .is_list = true,
    .columns = count_columns,
    .count = sizeof count_columns / sizeof *count_columns,
};

static void write_counts(const struct verify_report *report, struct output *output)
{
    output_begin(output, &count_section);
    for (size_t i = 0; i < VERDICT_KINDS; i++) {
        enum verdict_kind kind = (enum verdict_kind)i;
        if (report->counts.of[i] == 0)
            continue;
        const struct value values[] = {
            value_toned(value_words(verdict_name(kind)), verdict_is_finding(kind) ? TONE_BAD : TONE_FAINT),
            value_integer(verdict_is_finding(kind)),
            value_unsigned(report->counts.of[i]),
            value_words(verdict_meaning(kind)),
        };
        output_row(output, values);
    }
    output_end(output);
}

static const struct column finding_columns[] = {
    {"kind", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"producer_id", "producer", COLUMN_TEXT, COLUMN_CELL},
    {"first_sequence", NULL, COLUMN_INTEGER, COLUMN_MACHINE},
    {"last_sequence", NULL, COLUMN_INTEGER, COLUMN_MACHINE},
    {"numbers", "number", COLUMN_TEXT, COLUMN_PEOPLE},
    {"task_id", "task", COLUMN_TEXT, COLUMN_CELL},
    {"column", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"stream", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"stream_id", "entry", COLUMN_TEXT, COLUMN_CELL},
    {"detail", NULL, COLUMN_TEXT, COLUMN_YIELDING},
};

static const struct section finding_section = {
    .name = "findings",
    .item = "finding",
    .title = "Findings",
    .is_list = true,
    .is_main = true,
    .columns = finding_columns,
    .count = sizeof finding_columns / sizeof *finding_columns,
};

static const struct section note_section = {
    .name = "notes",
    .item = "note",
    .title = "Notes",
    .is_list = true,
    .columns = finding_columns,
    .count = sizeof finding_columns / sizeof *finding_columns,
};

static struct value number(uint64_t sequence)
{
    return sequence == 0 ? (struct value){.is_given = false} : value_unsigned(sequence);
}

static void write_finding(const struct finding *finding, struct output *output)
{
    char producer[UUID_TEXT_BYTES] = "", numbers[48] = "";

    if (finding->has_producer)
        uuid_format(&finding->producer_id, producer);
    if (finding->first != 0 && finding->first == finding->last)
        snprintf(numbers, sizeof numbers, "%" PRIu64, finding->first);
    else if (finding->first != 0)
        snprintf(numbers, sizeof numbers, "%" PRIu64 "-%" PRIu64, finding->first, finding->last);

    const struct value values[] = {
        value_toned(value_words(verdict_name(finding->kind)),
                    verdict_is_finding(finding->kind) ? TONE_BAD : TONE_PLAIN),
        value_words(producer),
        number(finding->first),
        number(finding->last),
        value_words(numbers),
        value_text(finding->task_id),
        value_text(finding->column),
        value_text(finding->stream),
        value_text(finding->stream_id),
        value_text(finding->detail),
    };
    static_assert(sizeof values / sizeof *values == sizeof finding_columns / sizeof *finding_columns,
                  "a value a column");
    output_row(output, values);
}

static void write_kept(const struct verify_report *report, bool findings, struct output *output)
{
    output_begin(output, findings ? &finding_section : &note_section);
    for (size_t i = 0; i < VERDICT_KINDS; i++)
        if (verdict_is_finding((enum verdict_kind)i) == findings)
            for (const struct verify_kept *kept = report->first[i]; kept != NULL; kept = kept->next)
                write_finding(&kept->finding, output);
    output_end(output);
}

void verify_report_write(const struct verify_report *report, struct output *output)
{
    write_coverage(report, output);
    if (verdict_findings(&report->counts) > 0 || output->format != OUTPUT_TABLE)
        write_counts(report, output);
    write_kept(report, false, output);
    write_kept(report, true, output);
}

void verify_report_close(struct verify_report *report)
{
    arena_close(&report->arena);
}
