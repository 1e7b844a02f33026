/* console_voice: how the parts of the console share standard error. For replay/console*.c alone. */
#ifndef TASKLEDGER_REPLAY_CONSOLE_VOICE_H
#define TASKLEDGER_REPLAY_CONSOLE_VOICE_H

#include "proto/json_writer.h"
#include "replay/console.h"

enum console_manner { CONSOLE_OFF, CONSOLE_LINE, CONSOLE_PLAIN, CONSOLE_JSON };

/* How progress is told. */
enum console_manner console_voice_manner(void);

/* Nobody asked for progress: runs of less than a second need none. */
bool console_voice_is_shy(void);

/* Put this into the place of the line that is written over; cut where the terminal ends. "" takes it away. */
void console_voice_line(const char *text);

/* An object as a line of its own, and close the writer. */
void console_voice_object(struct json_writer *json);

#endif
