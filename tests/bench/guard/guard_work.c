/* guard_work: does one thing for every event of the sample, for instructions to be counted.
 *
 *     guard_work          names the things, one a line
 *     guard_work NAME     does it once to warm up, and then once more, in counted(); prints how many events that were
 *
 * Only what counted() calls is meant to be counted (callgrind's --toggle-collect=counted), in its thread alone. */
#include "tests/bench/guard/sample.h"
#include "tests/bench/guard/work.h"

#include <stdio.h>
#include <string.h>

static const struct work *const rooms[] = {work_producer, work_consumer, work_verify, NULL};

void counted(const struct work *work);

__attribute__((noinline)) void counted(const struct work *work)
{
    work->turn();
}

static int measure(const struct work *work)
{
    if (work->prepare != NULL)
        work->prepare();
    work->turn();
    counted(work);
    printf("%d\n", SAMPLE_EVENTS);
    return 0;
}

int main(int argc, char **argv)
{
    for (const struct work *const *room = rooms; *room != NULL; room++) {
        for (const struct work *work = *room; work->name != NULL; work++) {
            if (argc == 1)
                puts(work->name);
            else if (strcmp(work->name, argv[1]) == 0)
                return measure(work);
        }
    }
    return argc == 1 ? 0 : 2;
}
