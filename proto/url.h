/* url: what URLs are made of: parts between characters and percent-encoding.
 *
 * Functions that refuse return what was expected instead, in words for a message, and NULL when all is well; the words
 * never quote the URL, since that may hold a password. */
#ifndef TASKLEDGER_PROTO_URL_H
#define TASKLEDGER_PROTO_URL_H

#include "proto/slice.h"

#include <stdbool.h>
#include <stddef.h>

/* Where `wanted` stands first; the size of the text when it is not there. */
size_t url_find(struct slice text, char wanted);

/* The text up to there, and what lies behind the first `size` bytes. */
struct slice url_front(struct slice text, size_t size);
struct slice url_behind(struct slice text, size_t size);

/* The part up to the separator off the front, and the separator with it; all of the text when there is none. */
struct slice url_take(struct slice *text, char separator);

/* Takes `start` off the front if the text begins so. */
bool url_take_start(struct slice *text, const char *start);

/* Percent-decoding into a terminated text of at most `size` bytes with the NUL. */
const char *url_decode(struct slice text, char *decoded, size_t size);

#endif
