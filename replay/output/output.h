/* output: one model of an answer, four ways to write it.
 *
 * An answer is a few sections, each a record or a list of rows; all are written as they come, so memory stays flat.
 *
 *   table   records as "title  value" lines, lists as aligned columns; for people
 *   json    one object with a key per section; records are objects, lists arrays of objects
 *   jsonl   an object per row, its key "type" names what it is
 *   csv     RFC 4180, the main section only
 *
 * Colour only where it is asked for, and never the only bearer of a meaning. Text of tasks never reaches a terminal raw
 * (replay/text.h). A failure to write is remembered and told by output_close. */
#ifndef TASKLEDGER_REPLAY_OUTPUT_OUTPUT_H
#define TASKLEDGER_REPLAY_OUTPUT_OUTPUT_H

#include "proto/arena.h"
#include "proto/error.h"
#include "proto/json_writer.h"
#include "replay/output/value.h"
#include "replay/zone.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum output_format { OUTPUT_TABLE, OUTPUT_JSON, OUTPUT_JSONL, OUTPUT_CSV };

enum column_type {
    COLUMN_TEXT,
    COLUMN_INTEGER,
    COLUMN_FRACTION, /* 0 to 1; in tables as percent */
    COLUMN_BOOLEAN,
    COLUMN_TIME,     /* Unix microseconds; RFC 3339 */
    COLUMN_DURATION, /* microseconds; in tables as people say it */
    COLUMN_JSON,     /* text that is JSON */
};

enum column_place {
    COLUMN_CELL,
    COLUMN_YIELDING, /* a cell; below the row where the terminal is too narrow for the table */
    COLUMN_BELOW,    /* in tables on lines of its own below the row, if given */
    COLUMN_MACHINE,  /* not in tables */
    COLUMN_PEOPLE,   /* only in tables */
};

struct column {
    const char *name;  /* for machines; never changes */
    const char *title; /* for tables; NULL: the name */
    enum column_type type;
    enum column_place place;
};

struct section {
    const char *name;  /* the key in json */
    const char *item;  /* the "type" in jsonl */
    const char *title; /* over the rows of a table; NULL: none */
    bool is_list;
    bool is_main; /* the one that csv writes */
    const struct column *columns;
    size_t count; /* at most OUTPUT_COLUMNS_MAX */
};

enum { OUTPUT_COLUMNS_MAX = 32 };

struct output {
    enum output_format format;
    FILE *stream; /* borrowed */
    struct zone zone;
    bool has_colour;
    bool is_terminal;
    size_t width;         /* of the terminal, in columns; 0: without end */
    void (*starts)(void); /* called before the first words of the answer; NULL: nobody */

    /* The rest is the writers' own. */
    const struct section *section;
    bool began;      /* something was written */
    bool began_rows; /* of this section */
    bool failed;     /* memory */
    struct json_writer json;
    struct arena arena;
    struct table *table;
};

/* A zeroed output with `format` and `stream` set is open. */

/* Start a section; it must live until its end. */
void output_begin(struct output *output, const struct section *section);

/* One row: as many values as the section has columns. A record has exactly one. */
void output_row(struct output *output, const struct value *values);

/* A line between the rows that follow and those before, with a few words on it: in tables only. */
void output_heading(struct output *output, const char *words);

/* Let what was written so far be seen, within a section too; the widths of a table's columns stay as they are then. */
void output_flush(struct output *output);

/* The section has ended. */
void output_end(struct output *output);

/* A sentence for people, in tables only. */
void output_say(struct output *output, enum tone tone, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The answer has ended. FATAL, "output", when not all of it could be written. The output is then as before. */
bool output_close(struct output *output, struct error *error);

/* Instead of close, when there will be no more of an answer that was begun: what was written stays as it is, so that
 * half an answer is not taken for a whole one. */
void output_abandon(struct output *output);

/* "table", "json", "jsonl", "csv", as the option's choices are; the word is one of them. */
enum output_format output_format_parse(const char *word);

#endif
