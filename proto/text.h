/* text: what others wrote, as a terminal may see it.
 *
 * A message of a task, or an argument, may hold anything, also what moves the cursor, sets the window's title or turns
 * the reading direction. Here such characters become visible: \n \t \r, \x1b for other control characters and bytes
 * that are not UTF-8, \u202e for the invisible ones of Unicode. */
#ifndef TASKLEDGER_PROTO_TEXT_H
#define TASKLEDGER_PROTO_TEXT_H

#include "proto/arena.h"
#include "proto/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The next character, at least one byte, of text that is not empty; *code is its code point, or UINT32_MAX when the
 * byte is not UTF-8. Returns its bytes. */
size_t text_next(struct slice text, uint32_t *code);

/* Must not reach a terminal as it is. */
bool text_is_hostile(uint32_t code);

/* A copy without hostile characters; the text itself when it has none. Data is NULL when the arena is exhausted. */
struct slice text_escape(struct slice text, struct arena *arena);

/* How many columns of a terminal harmless text takes. Wide characters count as two where the process's LC_CTYPE knows
 * UTF-8, else everything counts as one. */
size_t text_width(struct slice text);

#endif
