#include "producer/emit/run/surroundings.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TASK_ID "TASKLEDGER_TASK_ID="
#define ATTEMPT "TASKLEDGER_ATTEMPT="

static bool starts_with(const char *entry, const char *name)
{
    return strncmp(entry, name, strlen(name)) == 0;
}

static size_t count_of(char **environment)
{
    size_t count = 0;

    while (environment[count] != NULL)
        count++;
    return count;
}

bool surroundings_init(struct surroundings *surroundings, char **environment, const char *task_id, struct error *error)
{
    size_t kept = 0;
    char **entries = calloc(count_of(environment) + 3, sizeof *entries);

    if (entries == NULL)
        return error_set_errno(error, ERROR_FATAL, "memory", "could not tell the command its task");

    for (; *environment != NULL; environment++)
        if (!starts_with(*environment, TASK_ID) && !starts_with(*environment, ATTEMPT))
            entries[kept++] = *environment;
    entries[kept++] = surroundings->task_id;
    entries[kept] = surroundings->attempt;
    snprintf(surroundings->task_id, sizeof surroundings->task_id, TASK_ID "%s", task_id);
    surroundings->entries = entries;
    surroundings_set_attempt(surroundings, 1);
    return true;
}

void surroundings_set_attempt(struct surroundings *surroundings, uint32_t attempt)
{
    snprintf(surroundings->attempt, sizeof surroundings->attempt, ATTEMPT "%" PRIu32, attempt);
}

void surroundings_close(struct surroundings *surroundings)
{
    free(surroundings->entries);
    surroundings->entries = NULL;
}
