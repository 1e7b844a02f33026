#include "producer/emit/run/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>

enum { FIRST_CAPACITY = 256 };

/* All processes of the machine, by pid. */
struct census {
    struct process *found;
    bool *belongs; /* to the tree */
    size_t count;
    size_t capacity;
};

void tree_init(struct tree *tree, const char *proc, pid_t root)
{
    *tree = (struct tree){.proc = proc, .root = root};
}

/* ---- everybody --------------------------------------------------------------------------------------------------- */

static bool has_room(struct census *census)
{
    if (census->count < census->capacity)
        return true;

    size_t capacity = census->capacity == 0 ? FIRST_CAPACITY : 2 * census->capacity;
    struct process *found = reallocarray(census->found, capacity, sizeof *found);
    if (found == NULL)
        return false;
    census->found = found;
    census->capacity = capacity;
    return true;
}

static pid_t pid_of(const char *name)
{
    char *end;
    long pid = strtol(name, &end, 10);

    return *end == '\0' && pid > 0 ? (pid_t)pid : 0;
}

static bool count_all(struct census *census, DIR *proc)
{
    const struct dirent *entry;

    while (census->count < TREE_PROCESSES_MAX && (entry = readdir(proc)) != NULL) { /* NOLINT(concurrency-mt-unsafe) */
        pid_t pid = pid_of(entry->d_name);

        if (pid == 0)
            continue;
        if (!has_room(census))
            return false;
        if (process_read(dirfd(proc), pid, &census->found[census->count]))
            census->count++;
    }
    return true;
}

static int by_pid(const void *a, const void *b)
{
    pid_t one = ((const struct process *)a)->pid;
    pid_t other = ((const struct process *)b)->pid;

    return (one > other) - (one < other);
}

static bool census_take(struct census *census, const char *path)
{
    DIR *proc = opendir(path);

    if (proc == NULL)
        return true; /* nobody is seen */
    bool taken = count_all(census, proc);
    closedir(proc);
    if (!taken)
        return false;

    census->belongs = calloc(census->count + 1, sizeof *census->belongs);
    if (census->belongs == NULL)
        return false;
    if (census->count > 0)
        qsort(census->found, census->count, sizeof *census->found, by_pid);
    return true;
}

static void census_close(struct census *census)
{
    free(census->found);
    free(census->belongs);
}

/* ---- who belongs ------------------------------------------------------------------------------------------------- */

static const struct process *find(const struct process *processes, size_t count, pid_t pid)
{
    const struct process wanted = {.pid = pid};

    return count == 0 ? NULL : bsearch(&wanted, processes, count, sizeof *processes, by_pid);
}

static bool is_root_or_known(const struct tree *tree, const struct process *process)
{
    const struct process *known = find(tree->members, tree->count, process->pid);

    return process->pid == tree->root || (known != NULL && known->started == process->started);
}

static bool parent_belongs(const struct census *census, const struct process *process)
{
    const struct process *parent = find(census->found, census->count, process->parent);

    return parent != NULL && census->belongs[parent - census->found];
}

/* Children may have smaller numbers than their parents, so once is not enough. */
static void mark(struct census *census, const struct tree *tree)
{
    bool more = true;

    for (size_t i = 0; i < census->count; i++)
        census->belongs[i] = is_root_or_known(tree, &census->found[i]);
    while (more) {
        more = false;
        for (size_t i = 0; i < census->count; i++)
            if (!census->belongs[i] && parent_belongs(census, &census->found[i]))
                census->belongs[i] = more = true;
    }
}

void tree_look(struct tree *tree)
{
    struct census census = {.count = 0};
    size_t kept = 0;

    if (!census_take(&census, tree->proc)) {
        census_close(&census);
        return;
    }
    mark(&census, tree);
    for (size_t i = 0; i < census.count; i++)
        if (census.belongs[i])
            census.found[kept++] = census.found[i];

    free(tree->members);
    tree->members = census.found;
    tree->count = kept;
    free(census.belongs);
}

void tree_root_ended(struct tree *tree)
{
    size_t kept = 0;

    for (size_t i = 0; i < tree->count; i++)
        if (tree->members[i].pid != tree->root)
            tree->members[kept++] = tree->members[i];
    tree->count = kept;
    tree->root = 0;
}

size_t tree_living(const struct tree *tree)
{
    size_t living = 0;

    for (size_t i = 0; i < tree->count; i++)
        living += process_is_dead(&tree->members[i]) ? 0 : 1;
    return living;
}

/* Between look and signal a number could become somebody else's only if all numbers were used up in between. */
void tree_signal(struct tree *tree, int signal)
{
    tree_look(tree);
    if (tree->root != 0 && find(tree->members, tree->count, tree->root) == NULL)
        kill(tree->root, signal);
    for (size_t i = 0; i < tree->count; i++)
        if (!process_is_dead(&tree->members[i]))
            kill(tree->members[i].pid, signal);
}

void tree_close(struct tree *tree)
{
    free(tree->members);
    *tree = (struct tree){.proc = tree->proc};
}
