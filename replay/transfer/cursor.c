#include "replay/transfer/cursor.h"

#include "proto/decimal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char title[] = "taskledger-cursor 1\n";
static const char closing[] = "sha256 ";

enum { RANGE_BYTES_MAX = 48 };

static bool damaged(const struct cursor *cursor, const char *what, struct error *error)
{
    return error_set(error, ERROR_FATAL, "archive",
                     "\"%s\" %s; without it everything is exported again, with the last good copy of it less is",
                     cursor->path, what);
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

/* The next line with its line feed; false at the end. */
static bool read_line(struct cursor *cursor, struct slice *line)
{
    ssize_t size = getline(&cursor->line, &cursor->line_capacity, cursor->file);

    *line = slice_of(cursor->line, size < 0 ? 0 : (size_t)size);
    return size > 0;
}

static bool is_closing(struct slice line)
{
    return line.size > sizeof closing - 1 && memcmp(line.data, closing, sizeof closing - 1) == 0;
}

static bool closing_matches(struct slice line, const struct digest *digest)
{
    char hex[DIGEST_HEX_BYTES];

    digest_format(digest, hex);
    return line.size == sizeof closing - 1 + DIGEST_HEX_BYTES && line.data[line.size - 1] == '\n' &&
           memcmp(line.data + sizeof closing - 1, hex, DIGEST_HEX_BYTES - 1) == 0;
}

/* Is all of it there? */
static bool check(struct cursor *cursor, struct digester *digester, struct error *error)
{
    struct slice line;
    bool is_whole = false;

    digester_begin(digester);
    if (!read_line(cursor, &line) || !slice_equal(line, slice_from_text(title)))
        return damaged(cursor, "is no cursor of this version", error);
    do {
        struct digest digest = {{0}};

        if (is_whole)
            return damaged(cursor, "goes on behind its end", error);
        if (is_closing(line)) {
            digest = digester_so_far(digester);
            is_whole = closing_matches(line, &digest);
        }
        digester_add(digester, line);
    } while (read_line(cursor, &line));

    if (!is_whole || ferror(cursor->file) != 0)
        return damaged(cursor, "is damaged", error);
    rewind(cursor->file);
    return read_line(cursor, &line);
}

static bool open_old(struct cursor *cursor, struct error *error)
{
    cursor->file = fopen(cursor->path, "rbe");
    if (cursor->file == NULL && errno == ENOENT) {
        cursor->is_new = true;
        cursor->ended = true;
        return true;
    }
    if (cursor->file == NULL)
        return error_set_errno(error, ERROR_FATAL, "usage", "cannot read \"%s\"", cursor->path);

    struct digester *digester = digester_new();
    bool good = (digester != NULL || error_set(error, ERROR_FATAL, "memory", "cannot hash: out of memory")) &&
                check(cursor, digester, error) && cursor_next(cursor, error);
    digester_free(digester);
    return good;
}

bool cursor_open(struct cursor *cursor, const char *path, struct error *error)
{
    *cursor = (struct cursor){.path = path, .outlet = {.descriptor = -1}};
    return outlet_open(&cursor->outlet, path, error) && open_old(cursor, error) &&
           outlet_put(&cursor->outlet, slice_from_text(title), error);
}

static bool take_byte(struct slice *rest, uint8_t byte)
{
    if (rest->size == 0 || rest->data[0] != byte)
        return false;
    *rest = slice_of(rest->data + 1, rest->size - 1);
    return true;
}

/* "1-1234,1240-1300\n" */
static bool parse_ranges(struct slice rest, struct ranges *ranges)
{
    uint64_t first, last, before = 0;

    ranges->count = 0;
    do {
        if (!decimal_take(&rest, &first) || !take_byte(&rest, '-') || !decimal_take(&rest, &last) || first <= before ||
            last < first || last > INT64_MAX || !ranges_append(ranges, first, last))
            return false;
        before = last;
    } while (take_byte(&rest, ','));
    return take_byte(&rest, '\n') && rest.size == 0;
}

bool cursor_next(struct cursor *cursor, struct error *error)
{
    struct uuid before = cursor->producer_id;
    char producer[UUID_TEXT_BYTES] = "";
    struct slice line;

    if (!read_line(cursor, &line))
        return damaged(cursor, "could not be read to its end", error);
    cursor->ended = is_closing(line);
    if (cursor->ended)
        return true;

    if (line.size < UUID_TEXT_BYTES)
        return damaged(cursor, "is damaged", error);
    memcpy(producer, line.data, UUID_TEXT_BYTES - 1);
    struct slice rest = slice_of(line.data + UUID_TEXT_BYTES - 1, line.size - UUID_TEXT_BYTES + 1);
    if (!uuid_parse(producer, &cursor->producer_id) ||
        (cursor->is_amid && uuid_compare(&before, &cursor->producer_id) >= 0) || !take_byte(&rest, ' ') ||
        !parse_ranges(rest, &cursor->exported))
        return damaged(cursor, "is damaged", error);
    cursor->is_amid = true;
    return true;
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

bool cursor_put(struct cursor *cursor, const struct uuid *producer_id, const struct ranges *exported,
                struct error *error)
{
    char text[RANGE_BYTES_MAX];

    if (exported->count == 0)
        return true;
    uuid_format(producer_id, text);
    if (!outlet_put(&cursor->outlet, slice_from_text(text), error))
        return false;
    for (size_t i = 0; i < exported->count; i++) {
        const struct range *range = &exported->items[i];
        int size = snprintf(text, sizeof text, "%c%" PRIu64 "-%" PRIu64, i == 0 ? ' ' : ',', range->first, range->last);

        if (!outlet_put(&cursor->outlet, slice_of(text, (size_t)size), error))
            return false;
    }
    return outlet_put(&cursor->outlet, slice_from_text("\n"), error);
}

bool cursor_finish(struct cursor *cursor, struct error *error)
{
    const struct digest digest = outlet_digest(&cursor->outlet);
    char hex[DIGEST_HEX_BYTES];

    digest_format(&digest, hex);
    return outlet_put(&cursor->outlet, slice_from_text(closing), error) &&
           outlet_put(&cursor->outlet, slice_from_text(hex), error) &&
           outlet_put(&cursor->outlet, slice_from_text("\n"), error) && outlet_finish(&cursor->outlet, error);
}

void cursor_close(struct cursor *cursor)
{
    if (cursor->file != NULL)
        fclose(cursor->file);
    free(cursor->line);
    ranges_close(&cursor->exported);
    outlet_close(&cursor->outlet);
    *cursor = (struct cursor){.outlet = {.descriptor = -1}};
}
