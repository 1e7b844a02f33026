/* What a service manager hears, and when. */
#include "consumer/daemon/manager.h"

#include "tests/support/scratch.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MINUTE_US (INT64_C(60) * 1000000)

struct fixture {
    char folder[64];
    char socket[128]; /* as NOTIFY_SOCKET has it */
    int ear;
    int64_t now_us;
    struct clock clock;
    struct manager manager;
};

static int64_t told_us(void *self)
{
    return *(const int64_t *)self;
}

static int listen_at(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t size = strlen(name);
    int ear = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    memcpy(address.sun_path, name, size);
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    assert_int_equal(bind(ear, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size)),
                     0);
    return ear;
}

static int set_up(void **state)
{
    static struct fixture fixture;

    fixture = (struct fixture){.now_us = 1000 * MINUTE_US};
    fixture.clock = (struct clock){.monotonic_us = told_us, .self = &fixture.now_us};
    scratch_make(fixture.folder, sizeof fixture.folder);
    snprintf(fixture.socket, sizeof fixture.socket, "%s/notify", fixture.folder);
    fixture.ear = listen_at(fixture.socket);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    manager_close(&fixture->manager);
    close(fixture->ear);
    scratch_remove(fixture->folder);
    return 0;
}

static void open_it(struct fixture *fixture, const char *watchdog_us, const char *watchdog_pid)
{
    const struct manager_terms terms = {fixture->socket, watchdog_us, watchdog_pid};
    struct error error = {.kind = ERROR_NONE};

    if (!manager_open(&fixture->manager, &terms, &fixture->clock, &error))
        fail_msg("%s", error.text);
}

static void assert_hears(const struct fixture *fixture, const char *words)
{
    char heard[512] = "";
    ssize_t size = recv(fixture->ear, heard, sizeof heard - 1, 0);

    assert_true(size >= 0);
    assert_string_equal(heard, words);
}

static void assert_hears_nothing(const struct fixture *fixture)
{
    char heard[512];

    assert_int_equal(recv(fixture->ear, heard, sizeof heard, 0), -1);
    assert_int_equal(errno, EAGAIN);
}

static void what_is_new_is_told_at_the_next_turn_and_once(void **state)
{
    struct fixture *fixture = *state;

    open_it(fixture, NULL, NULL);
    manager_tick(&fixture->manager);
    assert_hears_nothing(fixture);

    manager_status(&fixture->manager, "waiting for %s", "Redis");
    manager_ready(&fixture->manager);
    assert_hears_nothing(fixture);
    manager_tick(&fixture->manager);
    assert_hears(fixture, "READY=1\nSTATUS=waiting for Redis\n");
    manager_status(&fixture->manager, "waiting for %s", "Redis");
    manager_ready(&fixture->manager);
    manager_tick(&fixture->manager);
    assert_hears_nothing(fixture);

    manager_stopping(&fixture->manager);
    manager_tick(&fixture->manager);
    assert_hears(fixture, "STOPPING=1\n");
}

static void the_watchdog_hears_three_times_in_its_time_that_the_loop_turns(void **state)
{
    struct fixture *fixture = *state;

    open_it(fixture, "60000000", NULL);
    manager_tick(&fixture->manager);
    assert_hears(fixture, "WATCHDOG=1\n");
    manager_tick(&fixture->manager);
    assert_hears_nothing(fixture);

    fixture->now_us += MINUTE_US / 3 - 1;
    manager_tick(&fixture->manager);
    assert_hears_nothing(fixture);
    fixture->now_us += 1;
    manager_tick(&fixture->manager);
    assert_hears(fixture, "WATCHDOG=1\n");
}

static void a_watchdog_of_another_process_or_without_a_time_hears_nothing(void **state)
{
    const char *const times[] = {"", "0", "soon", "-1", "99999999999999999999"};
    struct fixture *fixture = *state;

    open_it(fixture, "60000000", "1");
    manager_tick(&fixture->manager);
    assert_hears_nothing(fixture);
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        manager_close(&fixture->manager);
        open_it(fixture, times[i], NULL);
        manager_tick(&fixture->manager);
        assert_hears_nothing(fixture);
    }
}

static void a_watchdog_that_names_this_process_hears_it(void **state)
{
    struct fixture *fixture = *state;
    char pid[16];

    snprintf(pid, sizeof pid, "%d", (int)getpid());
    open_it(fixture, "60000000", pid);
    manager_tick(&fixture->manager);
    assert_hears(fixture, "WATCHDOG=1\n");
}

static void a_status_is_one_line_and_cut_where_it_is_too_long(void **state)
{
    struct fixture *fixture = *state;
    char text[2 * MANAGER_STATUS_BYTES_MAX];
    char heard[512] = "";

    open_it(fixture, NULL, NULL);
    manager_status(&fixture->manager, "%s", "group a\nREADY=1");
    manager_tick(&fixture->manager);
    assert_hears(fixture, "STATUS=group a READY=1\n");

    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    manager_status(&fixture->manager, "%s", text);
    manager_tick(&fixture->manager);
    assert_int_equal(recv(fixture->ear, heard, sizeof heard, 0), strlen("STATUS=") + MANAGER_STATUS_BYTES_MAX);
}

static void what_a_manager_did_not_take_is_told_again_when_it_is_back(void **state)
{
    struct fixture *fixture = *state;

    open_it(fixture, "60000000", NULL);
    close(fixture->ear);
    unlink(fixture->socket);
    manager_ready(&fixture->manager);
    manager_tick(&fixture->manager);

    fixture->ear = listen_at(fixture->socket);
    manager_tick(&fixture->manager);
    assert_hears(fixture, "READY=1\nWATCHDOG=1\n");
}

/* Its queue is full: to wait for it would be to stand still. */
static void a_manager_that_does_not_read_holds_up_nobody(void **state)
{
    struct fixture *fixture = *state;

    open_it(fixture, NULL, NULL);
    for (unsigned turn = 0; turn < 100000 && fixture->manager.told.status[0] == fixture->manager.now.status[0];
         turn++) {
        manager_status(&fixture->manager, "%c", "ab"[turn % 2]);
        manager_tick(&fixture->manager);
    }
    assert_true(fixture->manager.told.status[0] != fixture->manager.now.status[0]);
}

static void a_name_without_a_file_is_spoken_to(void **state)
{
    struct fixture *fixture = *state;

    close(fixture->ear);
    snprintf(fixture->socket, sizeof fixture->socket, "@taskledger-test-%d", (int)getpid());
    fixture->ear = listen_at(fixture->socket);
    open_it(fixture, NULL, NULL);
    manager_ready(&fixture->manager);
    manager_tick(&fixture->manager);
    assert_hears(fixture, "READY=1\n");
}

static void where_there_is_no_manager_nobody_is_told(void **state)
{
    const struct manager_terms none = {.watchdog_us = "1000"};
    struct fixture *fixture = *state;
    struct error error = {.kind = ERROR_NONE};

    assert_true(manager_open(&fixture->manager, &none, &fixture->clock, &error));
    manager_ready(&fixture->manager);
    manager_tick(&fixture->manager);
    assert_hears_nothing(fixture);
}

static void a_socket_that_is_none_is_refused(void **state)
{
    const char *const names[] = {"@", "/", "notify", "vsock:2:1234"};
    struct fixture *fixture = *state;
    struct error error = {.kind = ERROR_NONE};
    char long_name[200] = "/";

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct manager_terms terms = {.socket = names[i]};

        assert_false(manager_open(&fixture->manager, &terms, &fixture->clock, &error));
        assert_int_equal(error.kind, ERROR_FATAL);
        assert_string_equal(error.reason, "config");
        assert_non_null(strstr(error.text, names[i]));
    }
    memset(long_name + 1, 'x', sizeof long_name - 2);
    assert_false(
        manager_open(&fixture->manager, &(struct manager_terms){.socket = long_name}, &fixture->clock, &error));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_new_is_told_at_the_next_turn_and_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_watchdog_hears_three_times_in_its_time_that_the_loop_turns, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_watchdog_of_another_process_or_without_a_time_hears_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_watchdog_that_names_this_process_hears_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_status_is_one_line_and_cut_where_it_is_too_long, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_a_manager_did_not_take_is_told_again_when_it_is_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_manager_that_does_not_read_holds_up_nobody, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_name_without_a_file_is_spoken_to, set_up, tear_down),
        cmocka_unit_test_setup_teardown(where_there_is_no_manager_nobody_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_socket_that_is_none_is_refused, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
