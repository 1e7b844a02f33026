/* verify --quick: every number, and no payload. */
#include "replay/verify/verify.h"

#include "replay/verify/numbers.h"
#include "replay/verify/verify_told.h"

struct counting {
    struct verify *verify;
    struct numbers numbers;
};

static bool tell(void *self, const struct chain_finding *told, struct error *error)
{
    struct counting *counting = self;

    (void)error;
    /* Only the links around holes are looked at, so there is nothing to say of the others. */
    if (told->kind != CHAIN_UNLINKED)
        verify_told(counting->verify, told, counting->numbers.producers.book.closed_at_us);
    return true;
}

bool verify_numbers(struct verify *verify, struct error *error)
{
    struct counting counting = {
        .verify = verify,
        .numbers =
            {
                .ledger = &verify->ledger,
                .part = &verify->part,
                .tell = tell,
                .progress = &verify->progress,
                .expected_events = verify->expected_events,
            },
    };

    counting.numbers.self = &counting;
    bool good = numbers_walk(&counting.numbers, error);
    verify->totals.events = counting.numbers.events;
    verify->totals.producers = counting.numbers.producers.count;
    return good;
}
