/* prose: text in lines of a width.
 *
 * Text is paragraphs, whose lines end anywhere, and lines that begin with a space, which stay as they are: examples. */
#ifndef TASKLEDGER_PROTO_PROSE_H
#define TASKLEDGER_PROTO_PROSE_H

#include <stddef.h>
#include <stdio.h>

enum { PROSE_COLUMNS = 80 };

/* Where a paragraph stands: its first line goes on at `column`, the others begin at `indent`. */
struct prose {
    FILE *out;
    size_t indent;
    size_t column;
};

/* More words of the paragraph; characters count as one column each. */
void prose_words(struct prose *prose, const char *words, size_t size);

/* The line has ended, if one was begun. */
void prose_end(struct prose *prose);

/* A whole text. */
void prose_print(const char *text, FILE *out);

#endif
