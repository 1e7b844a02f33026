/* confirming: a struct confirm under a clock that stands still. */
#ifndef TASKLEDGER_TESTS_SUPPORT_CONFIRMING_H
#define TASKLEDGER_TESTS_SUPPORT_CONFIRMING_H

#include "producer/confirm.h"

#include <stdbool.h>
#include <stdint.h>

struct confirming {
    int64_t time_us;
    struct confirm confirm;
};

extern struct confirming confirming;
extern const struct clock confirming_clock;

/* For cmocka: before each test. */
int confirming_begin(void **state);

void confirming_pass_ms(int64_t ms);

struct uuid confirming_producer(uint8_t number);

/* Redis has answered for these ordinals of that producer; its sequences are the same. */
void confirming_send(uint8_t number, uint64_t first, uint64_t last);

/* The ledger has so much of that producer, as was asked. */
uint64_t confirming_archive(uint8_t number, uint64_t sequence);

enum confirm_due confirming_due(bool in_hurry);

/* Let time pass until something is due; returns how long that was. */
int64_t confirming_wait_ms(enum confirm_due *what);

/* Answer every question so until another thing is due; returns how long that was, and how many questions there were. */
int64_t confirming_wait_for_other_ms(uint8_t number, uint64_t sequence, enum confirm_due *what, unsigned *questions);
enum confirm_due confirming_next_other(uint8_t number, uint64_t sequence);

#endif
