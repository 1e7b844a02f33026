/* pager: who shows a long answer on a terminal, like less.
 *
 * It is started when the first words of the answer are there, so that progress and errors before them have the terminal
 * for themselves. */
#ifndef TASKLEDGER_REPLAY_PAGER_H
#define TASKLEDGER_REPLAY_PAGER_H

/* From now on standard output goes to it. `command` is for the shell; NULL: less where there is one. What cannot be
 * started is done without. */
void pager_start(const char *command);

/* All is written: wait until people have read it. Standard output is then what it was. */
void pager_wait(void);

/* For the handler of a signal: end what it is given, and wait, so that it leaves the terminal as it was. */
void pager_interrupted(void);

#endif
