#include "producer/adoption.h"
#include "producer/spool/glance.h"

#include <string.h>

struct count {
    const struct spool_options *options;
    struct segment_home home;
    struct adoption_left left;
    bool failed;
    struct error error; /* the last */
};

static void add(struct adoption_left *left, const struct glance_events *events)
{
    left->events += events->count;
    if (events->other_target[0] == '\0')
        return;
    left->others++;
    memcpy(left->other_target, events->other_target, sizeof left->other_target);
}

/* One that is gone meanwhile was adopted. */
static bool count_one(void *self, const char *name)
{
    struct count *count = self;
    const char *directory = count->options->directory;
    struct glance glance;
    struct glance_events events;

    if (!glance_take(directory, name, &glance, &count->error))
        return true;
    if (!glance.is_held && glance.segments > 0) {
        if (glance_count(directory, name, &count->home, &events, &count->error))
            add(&count->left, &events);
        else
            count->failed = true;
    }
    return true;
}

bool adoption_count(const struct spool_options *options, struct adoption_left *left, struct error *error)
{
    struct count count = {.options = options, .home = segment_home_of(options)};

    bool listed = spool_list(options->directory, count_one, &count, error);
    *left = count.left;
    if (!listed)
        return false;
    if (count.failed)
        *error = count.error;
    return !count.failed;
}
