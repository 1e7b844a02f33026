/* tree: a command and all that it has started, as far as /proc shows it.
 *
 * Who was seen in it once stays in it as long as it lives, also when its parent ends and it is nobody's child any more.
 * What became an orphan between two looks is not found: it left on purpose, as daemons do, or it was too quick. Without
 * /proc the tree is empty, and signals reach the root alone. */
#ifndef TASKLEDGER_PRODUCER_EMIT_RUN_TREE_H
#define TASKLEDGER_PRODUCER_EMIT_RUN_TREE_H

#include "producer/emit/run/process.h"

#include <stddef.h>

enum { TREE_PROCESSES_MAX = 32768 }; /* of the machine; what is beyond is not seen */

struct tree {
    const char *proc; /* "/proc", borrowed */
    pid_t root;       /* 0: it has ended, and its number may be somebody else's */
    struct process *members;
    size_t count;
};

void tree_init(struct tree *tree, const char *proc, pid_t root);

/* Look again; when memory is short nothing changes. */
void tree_look(struct tree *tree);

/* The root was waited for: its number is free. */
void tree_root_ended(struct tree *tree);

/* How many there are that are not dead, as of the last look. */
size_t tree_living(const struct tree *tree);

/* Look, then signal each; the root also when it is not seen. */
void tree_signal(struct tree *tree, int signal);

void tree_close(struct tree *tree);

#endif
