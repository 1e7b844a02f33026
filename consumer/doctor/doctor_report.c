#include "consumer/doctor/doctor_report.h"

#include "proto/arena.h"
#include "proto/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { CURE_MAX = 4096 };

static const struct {
    const char *people; /* what is wrong catches the eye, also without colours */
    const char *machines;
} words[DOCTOR_VERDICTS] = {{"ok   ", "ok"}, {"note ", "note"}, {"WRONG", "wrong"}};

static const char *const servers[DOCTOR_SERVERS] = {"redis", "postgresql"};

__attribute__((format(printf, 2, 0))) static void set_text(struct doctor_finding *finding, const char *format,
                                                           va_list arguments)
{
    vsnprintf(finding->text, sizeof finding->text, format, arguments);
}

void doctor_report_set(struct doctor_finding *finding, enum doctor_verdict verdict, const char *format, ...)
{
    va_list arguments;

    finding->verdict = verdict;
    va_start(arguments, format);
    set_text(finding, format, arguments);
    va_end(arguments);
}

void doctor_report_unknown(struct doctor_finding *finding, const char *what, const struct error *why)
{
    if (strcmp(why->reason, "noperm") == 0 || strcmp(why->reason, "rights") == 0)
        doctor_report_set(finding, DOCTOR_NOTE, "not known: no right to %s", what);
    else
        doctor_report_set(finding, DOCTOR_NOTE, "not known: %s", why->text);
}

/* ---- telling ----------------------------------------------------------------------------------------------------- */

static void name_subject(char text[CURE_MAX], const char *cure, const char *subject)
{
    size_t used = 0;

    text[0] = '\0';
    for (const char *at = cure; *at != '\0' && used + 1 < CURE_MAX; used = strlen(text)) {
        bool is_place = strncmp(at, "{}", 2) == 0;

        snprintf(text + used, CURE_MAX - used, "%.*s", is_place ? DOCTOR_SUBJECT_MAX : 1, is_place ? subject : at);
        at += is_place ? 2 : 1;
    }
}

/* Names and messages come from servers. */
static void print_line(const char *head, const char *name, const char *text)
{
    struct arena arena = {.limit_bytes = 0};
    struct slice harmless = text_escape(slice_from_text(text), &arena);

    printf("%s %s%.*s\n", head, name, SLICE_PRINT(harmless));
    arena_close(&arena);
}

static void tell_people(const char *name, const struct doctor_finding *finding, const char *cure)
{
    char named[128];

    snprintf(named, sizeof named, "%s: ", name);
    print_line(words[finding->verdict].people, named, finding->text);
    if (finding->verdict == DOCTOR_WRONG)
        print_line("  do:", "", cure);
}

static void tell_machines(struct json_writer *json, const char *name, const struct doctor_finding *finding,
                          const char *cure)
{
    json_writer_object_begin(json);
    json_writer_key(json, "name");
    json_writer_text(json, name);
    json_writer_key(json, "verdict");
    json_writer_text(json, words[finding->verdict].machines);
    json_writer_key(json, "text");
    json_writer_text(json, finding->text);
    if (finding->verdict == DOCTOR_WRONG) {
        json_writer_key(json, "do");
        json_writer_text(json, cure);
    }
    json_writer_object_end(json);
}

void doctor_report_begin(struct doctor_report *report, bool is_json)
{
    *report = (struct doctor_report){.is_json = is_json};
    if (!is_json)
        return;
    json_writer_object_begin(&report->json);
    json_writer_key(&report->json, "checks");
    json_writer_array_begin(&report->json);
}

void doctor_report_tell(struct doctor_report *report, const char *name, const struct doctor_finding *finding,
                        const char *cure)
{
    char text[CURE_MAX];

    name_subject(text, cure, finding->subject);
    report->told[finding->verdict]++;
    if (report->is_json)
        tell_machines(&report->json, name, finding, text);
    else
        tell_people(name, finding, text);
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

static void summarise_for_people(const struct doctor_report *report)
{
    printf("%u ok, %u to note, %u wrong", report->told[DOCTOR_OK], report->told[DOCTOR_NOTE],
           report->told[DOCTOR_WRONG]);
    if (report->missed[DOCTOR_REDIS])
        printf("; Redis could not be examined");
    if (report->missed[DOCTOR_POSTGRESQL])
        printf("; PostgreSQL could not be examined");
    printf("\n");
}

static void summarise_for_machines(struct doctor_report *report)
{
    struct json_writer *json = &report->json;

    json_writer_array_end(json);
    json_writer_key(json, "ok");
    json_writer_unsigned(json, report->told[DOCTOR_OK]);
    json_writer_key(json, "notes");
    json_writer_unsigned(json, report->told[DOCTOR_NOTE]);
    json_writer_key(json, "wrong");
    json_writer_unsigned(json, report->told[DOCTOR_WRONG]);
    json_writer_key(json, "reached");
    json_writer_object_begin(json);
    for (int i = 0; i < DOCTOR_SERVERS; i++) {
        json_writer_key(json, servers[i]);
        json_writer_boolean(json, !report->missed[i]);
    }
    json_writer_object_end(json);
    json_writer_object_end(json);
    printf("%.*s\n", SLICE_PRINT(json_writer_slice(json)));
}

static enum exit_code code_of(const struct doctor_report *report)
{
    if (report->missed[DOCTOR_REDIS] || report->missed[DOCTOR_POSTGRESQL])
        return EXIT_UNREACHABLE;
    return report->told[DOCTOR_WRONG] > 0 ? EXIT_FINDINGS : EXIT_OK;
}

bool doctor_report_end(struct doctor_report *report, enum exit_code *code, struct error *error)
{
    if (report->is_json)
        summarise_for_machines(report);
    else
        summarise_for_people(report);

    bool whole = !report->json.failed && fflush(stdout) == 0 && !ferror(stdout);
    json_writer_close(&report->json);
    if (!whole)
        return error_set(error, ERROR_FATAL, "output", "cannot write what was found");
    *code = code_of(report);
    return true;
}
