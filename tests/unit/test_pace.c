/* the pace of a sender: what comes fast goes together, what is alone or urgent goes at once. */
#include "producer/outbox.h"
#include "producer/outbox_sender.h"
#include "producer/settings.h"
#include "proto/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { QUEUE_EVENTS = 200, SOME = 20, ATTEMPTS = 20 };

static struct outbox *outbox;
static struct parcel parcel;

static int64_t now_us(void)
{
    return clock_system()->monotonic_us(NULL);
}

static int set_up(void **state)
{
    struct taskledger_options options = TASKLEDGER_OPTIONS_INIT;
    struct settings settings;
    struct error error;

    (void)state;
    options.redis_url = "unix:///nowhere.sock";
    options.queue_events = QUEUE_EVENTS;
    if (!settings_init(&settings, &options, &error))
        return -1;
    outbox = outbox_new(&settings, &error);
    settings_close(&settings);
    return outbox != NULL && parcel_init(&parcel) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    parcel_close(&parcel);
    outbox_release(outbox);
    return 0;
}

static void put(size_t events)
{
    const struct draft draft = {.body = slice_from_text("a body")};
    struct outbox_identity identity;

    for (size_t i = 0; i < events; i++)
        assert_int_equal(outbox_put(outbox, &draft, &identity), TASKLEDGER_ACCEPTED);
}

/* One parcel leaves and arrives; so many events were in it. */
static size_t send_one(void)
{
    parcel_reset(&parcel);
    outbox_sender_take(outbox, &parcel);
    for (size_t i = 0; i < parcel.count; i++)
        parcel.items[i].state = PARCEL_ANSWERED;
    outbox_sender_settle(outbox, &parcel, 0);
    return parcel.count;
}

/* The time that the sender is kept from what is there. */
static int64_t wait_us(void)
{
    int64_t start_us = now_us();

    assert_true(outbox_sender_wait(outbox, INT64_MAX));
    return now_us() - start_us;
}

/* Events come fast for a while. Tells when the last one left, or a little before. */
static int64_t send_fast(void)
{
    int64_t start_us = now_us();
    int64_t left_us;

    do {
        put(SOME);
        left_us = now_us();
        send_one();
    } while (left_us < start_us + 2 * OUTBOX_SENDER_LOOK_US);
    return left_us;
}

/* In most of a few attempts: while the machine is busy with something else, nothing comes fast. */
static void what_comes_fast_waits_for_more(void **state)
{
    int waited = 0;

    (void)state;
    for (int i = 0; i < ATTEMPTS; i++) {
        int64_t left_us = send_fast();
        put(1);
        wait_us();
        waited += now_us() >= left_us + OUTBOX_SENDER_PACE_US;
        send_one();
    }
    assert_in_range(waited, ATTEMPTS / 2, ATTEMPTS);
}

/* The least of a few attempts: the machine may be busy with something else. */
static void what_comes_slowly_goes_at_once(void **state)
{
    int64_t least_us = INT64_MAX;

    (void)state;
    for (int i = 0; i < ATTEMPTS; i++) {
        put(1);
        int64_t waited_us = wait_us();
        least_us = waited_us < least_us ? waited_us : least_us;
        assert_int_equal(send_one(), i == 0 ? 2 : 1); /* and that it was opened */
    }
    assert_true(least_us < OUTBOX_SENDER_PACE_US / 2);
}

static void what_fills_the_queue_goes_at_once(void **state)
{
    int64_t least_us = INT64_MAX;

    (void)state;
    for (int i = 0; i < ATTEMPTS; i++) {
        send_fast();
        put(QUEUE_EVENTS / 4 + 1);
        int64_t waited_us = wait_us();
        least_us = waited_us < least_us ? waited_us : least_us;
        while (send_one() > 0)
            ;
    }
    assert_true(least_us < OUTBOX_SENDER_PACE_US / 2);
}

/* From 2,000 a second on; as long as ten of them take, but no longer than 4 ms, and no shorter than 2. */
static void parcels_are_worth_their_price(void **state)
{
    static const struct {
        uint64_t events;
        int64_t passed_us, apart_us;
    } paces[] = {
        {0, 10000, 0},     {19, 10000, 0},     {20, 10000, 4000},     {25, 10000, 4000},           {40, 10000, 2500},
        {50, 10000, 2000}, {100, 10000, 2000}, {100000, 10000, 2000}, {1, INT64_C(3600000000), 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof paces / sizeof *paces; i++)
        assert_int_equal(outbox_sender_apart_us(paces[i].events, paces[i].passed_us), paces[i].apart_us);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_comes_fast_waits_for_more),
        TEST(what_comes_slowly_goes_at_once),
        TEST(what_fills_the_queue_goes_at_once),
        cmocka_unit_test(parcels_are_worth_their_price),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
