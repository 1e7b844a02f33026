/* letters: bytes as text: base64 (RFC 4648, padded) and hexadecimal (lower case). */
#ifndef TASKLEDGER_REPLAY_TRANSFER_LETTERS_H
#define TASKLEDGER_REPLAY_TRANSFER_LETTERS_H

#include "proto/arena.h"
#include "proto/slice.h"

#include <stdbool.h>

/* The results are in the arena. False when it is exhausted, or when the text is no such text. */
bool letters_to_base64(struct slice bytes, struct arena *arena, struct slice *text);
bool letters_from_base64(struct slice text, struct arena *arena, struct slice *bytes);
bool letters_to_hex(struct slice bytes, struct arena *arena, struct slice *text);
bool letters_from_hex(struct slice text, struct arena *arena, struct slice *bytes);

#endif
