#include "producer/emit/lines.h"

#include "producer/emit/console.h"
#include "producer/emit/delivery.h"
#include "producer/emit/leftovers.h"
#include "producer/emit/line.h"
#include "producer/emit/line_reader.h"
#include "producer/emit/pace.h"
#include "producer/emit/stop.h"
#include "proto/clock.h"
#include "proto/exit_code.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define BYTE_ORDER_MARK "\xef\xbb\xbf"
#define TOO_LONG        "too long, a line has at most 262144 bytes"
_Static_assert(LINE_READER_BYTES_MAX == 262144, "TOO_LONG tells the limit");

enum { DRAIN_WHEN_STOPPED_MS = 2000 };

struct lines {
    const struct configuration *configuration;
    struct taskledger_producer *producer;
    struct line_reader reader;
    struct pace pace;
    uint64_t done; /* the last line that was accepted, told to be bad, or blank */
    uint64_t accepted;
    uint64_t bad;
    uint64_t dropped;
    uint64_t undelivered; /* events that Redis has not answered for, */
    uint64_t lost;        /* and of these, those that the spool has not got either */
    /* Numbers of the lines accepted last; the next one goes to accepted % DELIVERY_QUEUE_EVENTS. */
    uint64_t recent[DELIVERY_QUEUE_EVENTS];
};

/* ---- one line ---------------------------------------------------------------------------------------------------- */

static void say_bad(struct lines *lines, const char *reason)
{
    lines->bad++;
    console_say("line %" PRIu64 ": %s", lines->reader.number, reason);
}

static bool is_blank(const char *text)
{
    return text[strspn(text, " \t\r")] == '\0';
}

/* What the library refuses, in the line's own keys. */
static void say_refused(struct lines *lines, const struct line *line)
{
    const struct field_name names[] = {{line->data_key == NULL ? NULL : "data_json", line->data_key}, {NULL, NULL}};
    char reason[ERROR_TEXT_MAX];

    field_reword(taskledger_invalid_reason(), names, reason);
    say_bad(lines, reason);
}

static void emit(struct lines *lines, const struct line *line)
{
    switch (taskledger_emit(lines->producer, &line->event)) {
    case TASKLEDGER_ACCEPTED:
        lines->recent[lines->accepted % DELIVERY_QUEUE_EVENTS] = lines->reader.number;
        lines->accepted++;
        break;
    case TASKLEDGER_TOO_BIG:
    case TASKLEDGER_INVALID:
        say_refused(lines, line);
        break;
    case TASKLEDGER_FULL:
        /* The pace leaves only a shortage of memory. */
        lines->dropped++;
        console_say("line %" PRIu64 ": not accepted and lost: out of memory", lines->reader.number);
        break;
    case TASKLEDGER_CLOSED:
        break;
    }
}

static bool parse(char *text, size_t size, struct line *line, struct error *error)
{
    if (!line_parse(text, size, line, error))
        return false;
    return line->event.task_id != NULL || error_set(error, ERROR_REJECTED, "invalid", "task_id: not given");
}

static enum pace_result take(struct lines *lines, char *text, size_t size)
{
    struct line line;
    struct error error;

    if (size == strlen(text) && is_blank(text))
        return PACE_GO;
    if (!parse(text, size, &line, &error)) {
        say_bad(lines, error.text);
        return PACE_GO;
    }

    enum pace_result result = pace_wait(&lines->pace, size);
    if (result == PACE_GO)
        emit(lines, &line);
    return result;
}

/* Some programs put one in front of every file. */
static size_t mark_size(const struct lines *lines, const char *text)
{
    return lines->reader.number == 1 && strncmp(text, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0
               ? strlen(BYTE_ORDER_MARK)
               : 0;
}

/* ---- all lines --------------------------------------------------------------------------------------------------- */

static int read_all(struct lines *lines)
{
    char *text;
    size_t size, mark;
    struct error error;
    enum pace_result pace = PACE_GO;

    while (pace == PACE_GO) {
        switch (line_reader_next(&lines->reader, &text, &size, &error)) {
        case LINE_READER_LINE:
            mark = mark_size(lines, text);
            pace = take(lines, text + mark, size - mark);
            break;
        case LINE_READER_TOO_LONG:
            say_bad(lines, TOO_LONG);
            break;
        case LINE_READER_IDLE:
            pace = pace_look(&lines->pace);
            break;
        case LINE_READER_END:
            return EXIT_OK;
        case LINE_READER_STOPPED:
            return EXIT_INTERRUPTED;
        case LINE_READER_FAILED:
            console_say("%s", error.text);
            return EXIT_INCOMPLETE;
        }
        if (pace == PACE_GO)
            lines->done = lines->reader.number;
    }
    return pace == PACE_STOPPED ? EXIT_INTERRUPTED : EXIT_UNREACHABLE;
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* All lines before this one are with Redis or in the spool, but for the bad ones: what is missing is the last of
 * them. */
static uint64_t first_lost_line(const struct lines *lines)
{
    return lines->recent[(lines->accepted - lines->lost) % DELIVERY_QUEUE_EVENTS];
}

static void say_undelivered(const struct lines *lines, const struct taskledger_counters *counters)
{
    char reason[DELIVERY_REASON_BYTES];

    delivery_reason(lines->configuration, counters, reason);
    if (lines->lost > 0)
        console_say("lines from %" PRIu64 " on are not delivered and lost: %s%s%s", first_lost_line(lines), reason,
                    counters->spool_error[0] == '\0' ? "" : "; ", counters->spool_error);
    else
        delivery_say_spooled(lines->configuration, reason, lines->undelivered);
}

static void say_summary(const struct lines *lines, const struct taskledger_counters *counters)
{
    console_say("%" PRIu64 " lines read, %" PRIu64 " accepted, %" PRIu64 " bad, %" PRIu64 " delivered",
                lines->reader.number, lines->accepted, lines->bad,
                lines->accepted - least(lines->undelivered, lines->accepted));
    if (counters->cut > 0)
        console_say("data was cut to fit into an event in %" PRIu64 " of them", counters->cut);
}

/* Deliver what was accepted, as far as it can be. Returns the exit code so far. */
static int drain(struct lines *lines, int code)
{
    if (code != EXIT_UNREACHABLE && code != EXIT_INTERRUPTED && pace_drain(&lines->pace) == PACE_STOPPED)
        code = EXIT_INTERRUPTED;
    if (code == EXIT_UNREACHABLE)
        console_say("gave up after line %" PRIu64, lines->done);
    if (code == EXIT_INTERRUPTED) {
        console_say("stopped after line %" PRIu64, lines->done);
        taskledger_flush(lines->producer, pace_look(&lines->pace) == PACE_GO ? DRAIN_WHEN_STOPPED_MS : 0);
    }
    return code;
}

/* Close, and tell. What is lost is known only then; the goodbye, said last, is nobody's line. */
static int finish(struct lines *lines, int code)
{
    struct taskledger_counters counters = TASKLEDGER_COUNTERS_INIT;

    code = drain(lines, code);

    int64_t end_us = clock_deadline_us(clock_system(), lines->configuration->timeout_ms);
    taskledger_counters(lines->producer, &counters);
    lines->undelivered = counters.accepted - counters.sent;

    bool waits = lines->undelivered == 0 && code != EXIT_INTERRUPTED;
    uint64_t lost = taskledger_close(
        lines->producer, delivery_goodbye_ms(lines->configuration, waits ? lines->configuration->timeout_ms : 0));
    lines->lost =
        lines->undelivered == 0 || lost == 0 ? 0 : least(lost - 1, least(lines->accepted, DELIVERY_QUEUE_EVENTS));
    lines->producer = NULL;

    if (lines->undelivered > 0)
        say_undelivered(lines, &counters);
    say_summary(lines, &counters);
    if (lines->lost > 0 || lines->dropped > 0 || code == EXIT_UNREACHABLE)
        return (int)delivery_exit_code(&counters);
    if (waits)
        leftovers_send(lines->configuration, clock_left_ms(clock_system(), end_us), lines->reader.stop_fd);
    return code == EXIT_OK && lines->bad > 0 ? EXIT_FINDINGS : code;
}

/* Nothing is emitted: read on, so that whoever writes to us is not hurt. */
static int read_in_vain(struct lines *lines)
{
    char *text;
    size_t size;
    struct error error;
    enum line_reader_result result;

    do
        result = line_reader_next(&lines->reader, &text, &size, &error);
    while (result == LINE_READER_LINE || result == LINE_READER_TOO_LONG || result == LINE_READER_IDLE);
    return result == LINE_READER_STOPPED ? EXIT_INTERRUPTED : EXIT_OK;
}

static bool open_all(struct lines *lines, const struct configuration *configuration, int count, struct error *error)
{
    int stop_fd;

    if (count != 0)
        return error_set(error, ERROR_FATAL, "usage", "expected no words, found %d: lines are read from standard input",
                         count);
    if (!delivery_open(configuration, &lines->producer, error) || !stop_open(&stop_fd, error) ||
        !line_reader_init(&lines->reader, STDIN_FILENO, stop_fd, error))
        return false;
    pace_init(&lines->pace, lines->producer, stop_fd, configuration->timeout_ms);
    return true;
}

int lines_execute(const struct configuration *configuration, int count, char **words)
{
    struct lines lines = {.configuration = configuration};
    struct error error = {.kind = ERROR_NONE};

    (void)words;
    if (!open_all(&lines, configuration, count, &error)) {
        console_complain("lines", &error);
        taskledger_close(lines.producer, 0);
        return EXIT_USAGE;
    }

    int code = configuration->enabled ? finish(&lines, read_all(&lines)) : read_in_vain(&lines);
    taskledger_close(lines.producer, DELIVERY_GOODBYE_MS);
    close(lines.reader.stop_fd);
    line_reader_close(&lines.reader);
    return code;
}
