#include "replay/console.h"

#include "proto/text.h"
#include "replay/console_voice.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct console_options speaking = {.progress = "off"};
static volatile bool is_line_shown;

void console_use(const struct console_options *options)
{
    speaking = *options;
}

enum console_manner console_voice_manner(void)
{
    if (strcmp(speaking.progress, "off") == 0)
        return CONSOLE_OFF;
    if (strcmp(speaking.progress, "json") == 0)
        return CONSOLE_JSON;
    return console_voice_is_shy() && speaking.is_terminal ? CONSOLE_LINE : CONSOLE_PLAIN;
}

bool console_voice_is_shy(void)
{
    return strcmp(speaking.progress, "auto") == 0;
}

/* A line that wraps could not be written over. Progress is ASCII but for its "µs", so bytes do for columns. */
void console_voice_line(const char *text)
{
    size_t columns = speaking.columns == NULL ? 0 : speaking.columns();
    size_t shown = strlen(text);

    if (columns > 1 && shown > columns - 1)
        shown = columns - 1;
    if (is_line_shown || shown > 0)
        fprintf(stderr, "\r\x1b[K%.*s", (int)shown, text);
    is_line_shown = shown > 0;
}

/* At once: whoever else writes there must not get in between. */
void console_voice_object(struct json_writer *json)
{
    json_writer_newline(json);
    if (!json->failed)
        fwrite(json->text, 1, json->length, stderr);
    json_writer_close(json);
}

static void say_object(struct slice text)
{
    struct json_writer json = {.text = NULL};

    json_writer_object_begin(&json);
    json_writer_key(&json, "message_type");
    json_writer_text(&json, "message");
    json_writer_key(&json, "text");
    json_writer_string(&json, text);
    json_writer_object_end(&json);
    console_voice_object(&json);
}

void console_say(const char *format, ...)
{
    char line[CONSOLE_LINE_BYTES_MAX];
    struct arena arena = {.limit_bytes = 0};
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    struct slice harmless = text_escape(slice_from_text(line), &arena);
    console_voice_line("");
    if (harmless.data != NULL && console_voice_manner() == CONSOLE_JSON)
        say_object(harmless);
    else if (harmless.data != NULL)
        fprintf(stderr, "taskledger-replay: %.*s\n", SLICE_PRINT(harmless));
    arena_close(&arena);
}

/* ---- what is said to who interrupts ------------------------------------------------------------------------------ */

/* Two of them: the handler never reads what is being written. */
static char hints[2][CONSOLE_LINE_BYTES_MAX];
static const char *volatile hint;

void console_on_interrupt(const char *format, ...)
{
    char *free_one = hint == hints[0] ? hints[1] : hints[0];
    va_list arguments;

    if (format == NULL) {
        hint = NULL;
        return;
    }
    va_start(arguments, format);
    vsnprintf(free_one, CONSOLE_LINE_BYTES_MAX, format, arguments);
    va_end(arguments);
    hint = free_one;
}

static void write_text(const char *text)
{
    (void)!write(STDERR_FILENO, text, strlen(text));
}

/* Hints are texts of the program, which JSON takes as they are but for the quotation marks. */
static void write_json_text(const char *text)
{
    write_text("{\"message_type\":\"message\",\"text\":\"");
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            write_text("\\");
        (void)!write(STDERR_FILENO, text, 1);
    }
    write_text("\"}\n");
}

/* On a terminal ^C stands on the line already, or what was written over does. */
void console_interrupted(void)
{
    const char *said = hint;

    if (said == NULL) {
        if (is_line_shown)
            write_text("\n");
        return;
    }
    if (console_voice_manner() == CONSOLE_JSON) {
        write_json_text(said);
        return;
    }
    if (speaking.is_terminal)
        write_text("\n");
    write_text("taskledger-replay: ");
    write_text(said);
    write_text("\n");
}
