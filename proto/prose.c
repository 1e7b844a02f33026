#include "proto/prose.h"

#include <string.h>

static const char spaces[] = " \n";

static size_t columns_of(const char *word, size_t size)
{
    size_t columns = 0;

    for (size_t i = 0; i < size; i++)
        columns += ((unsigned char)word[i] & 0xc0) != 0x80; /* not inside a character */
    return columns;
}

static void put_word(struct prose *prose, const char *word, size_t size)
{
    size_t columns = columns_of(word, size);

    if (prose->column > prose->indent) {
        if (prose->column + 1 + columns > PROSE_COLUMNS) {
            fputc('\n', prose->out);
            prose->column = 0;
        } else {
            fputc(' ', prose->out);
            prose->column++;
        }
    }
    if (prose->column < prose->indent)
        prose->column += (size_t)fprintf(prose->out, "%*s", (int)(prose->indent - prose->column), "");
    fwrite(word, 1, size, prose->out);
    prose->column += columns;
}

void prose_words(struct prose *prose, const char *words, size_t size)
{
    const char *end = words + size;

    while (words < end) {
        size_t length = strcspn(words, spaces);

        if (length > (size_t)(end - words))
            length = (size_t)(end - words);
        if (length > 0)
            put_word(prose, words, length);
        words += length + 1;
    }
}

void prose_end(struct prose *prose)
{
    if (prose->column > 0)
        fputc('\n', prose->out);
    prose->column = 0;
}

void prose_print(const char *text, FILE *out)
{
    struct prose prose = {.out = out};

    while (*text != '\0') {
        size_t length = strcspn(text, "\n");

        if (length == 0 || text[0] == ' ') {
            prose_end(&prose);
            fprintf(out, "%.*s\n", (int)length, text);
        } else {
            prose_words(&prose, text, length);
        }
        text += length + (text[length] == '\n');
    }
    prose_end(&prose);
}
