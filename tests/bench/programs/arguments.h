/* arguments: what a program of the bench is told, as NAME=VALUE words. */
#ifndef TASKLEDGER_TESTS_BENCH_PROGRAMS_ARGUMENTS_H
#define TASKLEDGER_TESTS_BENCH_PROGRAMS_ARGUMENTS_H

struct argument {
    const char *name;
    long *value; /* holds its default; not negative */
};

/* Fill the values; a word that is none of these ends the program with exit code 2 and a line that names them all. The
 * table ends with a NULL name. */
void arguments_read(int argc, char **argv, const struct argument *arguments);

#endif
