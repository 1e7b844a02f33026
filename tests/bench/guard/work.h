/* work: the things of which the guards count the instructions. */
#ifndef TASKLEDGER_TESTS_BENCH_GUARD_WORK_H
#define TASKLEDGER_TESTS_BENCH_GUARD_WORK_H

struct work {
    const char *name;
    void (*prepare)(void); /* NULL: nothing to do */
    void (*turn)(void);    /* the same for every event of the sample; aborts when that fails */
};

/* They end with one that has no name. */
extern const struct work work_producer[]; /* how an event comes into being */
extern const struct work work_consumer[]; /* how a batch becomes rows */
extern const struct work work_verify[];   /* how a stored event is looked at */

#endif
