#include "replay/history/history_marks.h"

#include <stdlib.h>

struct history_mark {
    struct uuid producer_id;
    uint64_t sequence;
    enum timeline_mark mark;
};

/* Room grows by doubling: there is none left when the count is a power of two. */
static bool make_room(struct history_marks *marks, struct error *error)
{
    if ((marks->count & (marks->count - 1)) != 0)
        return true;

    size_t room = marks->count == 0 ? 1 : 2 * marks->count;
    struct history_mark *items = realloc(marks->items, room * sizeof *items);
    if (items == NULL)
        return error_set(error, ERROR_FATAL, "memory", "cannot tell a history: out of memory");
    marks->items = items;
    return true;
}

bool history_marks_arrived(struct history_marks *marks, const struct event *event, struct error *error)
{
    enum timeline_mark mark = timeline_marker_next(&marks->marker, event);

    if (mark == TIMELINE_MOVED)
        return true;
    if (marks->count == HISTORY_MARKS_MAX) {
        marks->lost++;
        return true;
    }
    if (!make_room(marks, error))
        return false;
    marks->items[marks->count++] =
        (struct history_mark){.producer_id = event->producer_id, .sequence = event->sequence, .mark = mark};
    return true;
}

static int compare(const void *left, const void *right)
{
    const struct history_mark *a = left, *b = right;
    int order = uuid_compare(&a->producer_id, &b->producer_id);

    return order != 0 ? order : (a->sequence > b->sequence) - (a->sequence < b->sequence);
}

void history_marks_sort(struct history_marks *marks)
{
    if (marks->count > 0)
        qsort(marks->items, marks->count, sizeof *marks->items, compare);
}

enum timeline_mark history_marks_of(const struct history_marks *marks, const struct event *event)
{
    const struct history_mark key = {.producer_id = event->producer_id, .sequence = event->sequence};

    if (marks->count == 0)
        return TIMELINE_MOVED;
    const struct history_mark *found = bsearch(&key, marks->items, marks->count, sizeof key, compare);
    return found == NULL ? TIMELINE_MOVED : found->mark;
}

void history_marks_close(struct history_marks *marks)
{
    free(marks->items);
    marks->items = NULL;
}
