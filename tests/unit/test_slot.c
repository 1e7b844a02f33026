/* Names of slots. */
#include "consumer/stream/slot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static unsigned number_of(const char *name)
{
    return slot_number(slice_from_text(name));
}

static void names_of_slots_have_numbers(void **state)
{
    (void)state;
    assert_int_equal(number_of("c-1"), 1);
    assert_int_equal(number_of("c-12"), 12);
    assert_int_equal(number_of("c-1024"), 1024);
}

static void other_names_have_none(void **state)
{
    const char *const names[] = {"",     "c",     "c-",     "c-0", "c-01", "c-1025", "c-9999", "c-10240",
                                 "c-1a", "c--1",  "C-1",    "x-1", "c1",   "worker", "c-1 ",   "c-4294967297",
                                 " c-1", "c-\n1", "c-1\x80"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(number_of(names[i]), 0);
}

static void groups_have_slots_of_their_own(void **state)
{
    struct slot one;
    struct slot other;

    (void)state;
    slot_init(&one, NULL, "taskledger");
    slot_init(&other, NULL, "audit");
    assert_int_not_equal(one.lock_class, other.lock_class);
}

/* Programs of different versions must agree on it: CRC-32C of "slot:taskledger". */
static void the_class_of_the_usual_group_never_changes(void **state)
{
    struct slot slot;

    (void)state;
    slot_init(&slot, NULL, "taskledger");
    assert_int_equal((uint32_t)slot.lock_class, 0x28c3fb07);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_slots_have_numbers),
        cmocka_unit_test(other_names_have_none),
        cmocka_unit_test(groups_have_slots_of_their_own),
        cmocka_unit_test(the_class_of_the_usual_group_never_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
