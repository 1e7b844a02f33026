/* How far a long run has come, in each of its forms. */
#include "replay/console.h"

#include "replay/console_voice.h"
#include "replay/duration.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    SECOND_US = 1000000,
    SHY_US = SECOND_US,
    LINE_EVERY_US = SECOND_US / 5,
    PLAIN_EVERY_US = 10 * SECOND_US,
    JSON_EVERY_US = SECOND_US,
    LINE_BYTES_MAX = 256,
};

static int64_t now_of(const struct console_progress *progress)
{
    return progress->clock->monotonic_us(progress->clock->self);
}

/* Per second; 0: not known yet. */
static double rate_of(const struct console_progress *progress)
{
    int64_t passed_us = progress->told_us - progress->phase_us;

    return passed_us <= 0 ? 0 : (double)progress->done * SECOND_US / (double)passed_us;
}

/* Below 0: not known. */
static double seconds_left(const struct console_progress *progress)
{
    double rate = rate_of(progress);

    return progress->total == 0 || rate <= 0 ? -1 : (double)(progress->total - progress->done) / rate;
}

__attribute__((format(printf, 2, 3))) static void add(char line[LINE_BYTES_MAX], const char *format, ...)
{
    size_t length = strlen(line);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line + length, LINE_BYTES_MAX - length, format, arguments);
    va_end(arguments);
}

static void add_errors(char line[LINE_BYTES_MAX], uint64_t errors)
{
    if (errors > 0)
        add(line, ", %" PRIu64 " %s", errors, errors == 1 ? "error" : "errors");
}

static void write_present(const struct console_progress *progress, char line[LINE_BYTES_MAX])
{
    char left[DURATION_TEXT_BYTES];

    add(line, "%s: %" PRIu64, progress->phase, progress->done);
    if (progress->total > 0)
        add(line, " of about %" PRIu64 ", %.0f %%", progress->total,
            (double)progress->done * 100 / (double)progress->total);
    if (rate_of(progress) > 0)
        add(line, ", %.0f/s", rate_of(progress));
    if (seconds_left(progress) > 0) {
        duration_format((int64_t)(seconds_left(progress) * SECOND_US), left);
        add(line, ", %s left", left);
    }
    add_errors(line, progress->errors);
}

static void write_end(const struct console_progress *progress, char line[LINE_BYTES_MAX])
{
    char passed[DURATION_TEXT_BYTES];

    duration_format(now_of(progress) - progress->phase_us, passed);
    add(line, "%s: %" PRIu64 " in %s", progress->phase, progress->done, passed);
    if (rate_of(progress) > 0)
        add(line, ", %.0f/s", rate_of(progress));
    add_errors(line, progress->errors);
}

static void add_number(struct json_writer *json, const char *key, double value, bool is_known)
{
    json_writer_key(json, key);
    if (is_known)
        json_writer_integer(json, (int64_t)value);
    else
        json_writer_null(json);
}

static void say_object(const struct console_progress *progress, bool has_ended)
{
    struct json_writer json = {.text = NULL};

    json_writer_object_begin(&json);
    json_writer_key(&json, "message_type");
    json_writer_text(&json, "progress");
    json_writer_key(&json, "phase");
    json_writer_text(&json, progress->phase);
    json_writer_key(&json, "done");
    json_writer_unsigned(&json, progress->done);
    add_number(&json, "total", (double)progress->total, progress->total > 0);
    add_number(&json, "rate", rate_of(progress), rate_of(progress) > 0);
    add_number(&json, "seconds_left", has_ended ? 0 : seconds_left(progress), has_ended || seconds_left(progress) >= 0);
    json_writer_key(&json, "errors");
    json_writer_unsigned(&json, progress->errors);
    json_writer_key(&json, "ended");
    json_writer_boolean(&json, has_ended);
    json_writer_object_end(&json);
    console_voice_object(&json);
}

static void show(struct console_progress *progress, bool has_ended)
{
    enum console_manner manner = console_voice_manner();
    char line[LINE_BYTES_MAX] = "";

    if (manner == CONSOLE_JSON) {
        say_object(progress, has_ended);
    } else if (has_ended) {
        write_end(progress, line);
        fprintf(stderr, "%s\n", line);
    } else {
        write_present(progress, line);
        if (manner == CONSOLE_LINE)
            console_voice_line(line);
        else
            fprintf(stderr, "%s\n", line);
    }
    progress->shown_us = progress->told_us;
}

static bool is_due(const struct console_progress *progress)
{
    static const int64_t every_us[] = {
        [CONSOLE_LINE] = LINE_EVERY_US, [CONSOLE_PLAIN] = PLAIN_EVERY_US, [CONSOLE_JSON] = JSON_EVERY_US};

    if (console_voice_is_shy() && progress->told_us - progress->began_us < SHY_US)
        return false;
    return progress->told_us - progress->shown_us >= every_us[console_voice_manner()];
}

static void end_phase(struct console_progress *progress)
{
    bool is_short = console_voice_is_shy() && now_of(progress) - progress->began_us < SHY_US;

    if (progress->phase != NULL && !is_short && console_voice_manner() != CONSOLE_LINE)
        show(progress, true);
    progress->phase = NULL;
}

void console_progress_start(struct console_progress *progress, const struct clock *clock)
{
    *progress = (struct console_progress){.clock = console_voice_manner() == CONSOLE_OFF ? NULL : clock};
    if (progress->clock == NULL)
        return;
    progress->began_us = now_of(progress);
    progress->told_us = progress->began_us;
    progress->shown_us = progress->began_us;
}

/* A phase began when the one before it was last told of: its first telling comes when some of it is done. */
void console_progress_tell(struct console_progress *progress, const char *phase, uint64_t done, uint64_t expected)
{
    if (progress->clock == NULL)
        return;
    if (progress->phase == NULL || strcmp(progress->phase, phase) != 0) {
        end_phase(progress);
        progress->phase = phase;
        progress->phase_us = progress->told_us;
        progress->total = expected;
    }
    progress->done = done;
    if (progress->total > 0 && progress->total < done)
        progress->total = done;
    progress->told_us = now_of(progress);
    if (is_due(progress))
        show(progress, false);
}

void console_progress_end(struct console_progress *progress)
{
    if (progress->clock == NULL)
        return;
    end_phase(progress);
    progress->told_us = now_of(progress);
    console_voice_line("");
}
