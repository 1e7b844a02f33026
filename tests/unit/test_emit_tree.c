/* tree, process, usage: who belongs to a command, and what it costs, from a /proc of our own making. */
#include "producer/emit/run/tree.h"
#include "producer/emit/run/usage.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATH_BYTES = 256, ROOT = 100 };

static char proc[64];

struct someone {
    int pid;
    int parent;
    char state;
    unsigned started;
    unsigned ticks; /* of each kind: own and of children, user and system */
    unsigned pages;
};

static void write_stat(const struct someone *one, const char *name)
{
    char path[PATH_BYTES];

    snprintf(path, sizeof path, "%s/%d", proc, one->pid);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/%d/stat", proc, one->pid);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file,
            "%d (%s) %c %d 1 1 0 -1 4194304 97 0 0 0 %u %u %u %u 20 0 1 0 %u 6489656 %u 18446744073709551615 1 1\n",
            one->pid, name, one->state, one->parent, one->ticks, one->ticks, one->ticks, one->ticks, one->started,
            one->pages);
    fclose(file);
}

static void born(int pid, int parent, unsigned started)
{
    write_stat(&(struct someone){.pid = pid, .parent = parent, .state = 'S', .started = started}, "x");
}

static void gone(int pid)
{
    char path[PATH_BYTES];

    snprintf(path, sizeof path, "%s/%d", proc, pid);
    scratch_remove(path);
}

static int set_up(void **state)
{
    (void)state;
    scratch_make(proc, sizeof proc);
    born(1, 0, 1);
    born(ROOT, 1, 10);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    scratch_remove(proc);
    return 0;
}

static bool has(const struct tree *tree, pid_t pid)
{
    for (size_t i = 0; i < tree->count; i++)
        if (tree->members[i].pid == pid)
            return true;
    return false;
}

static void a_name_may_hold_anything(void **state)
{
    static const char text[] = "7 (a) R 1 (b c) S 3 1 1 0 -1 4 97 0 0 0 11 12 13 14 20 0 1 0 99 648 33 1";
    struct process process;

    (void)state;
    assert_true(process_parse(slice_from_text(text), &process));
    assert_int_equal(process.pid, 7);
    assert_int_equal(process.parent, 3);
    assert_int_equal(process.state, 'S');
    assert_int_equal(process.user_ticks, 11 + 13);
    assert_int_equal(process.system_ticks, 12 + 14);
    assert_int_equal(process.started, 99);
    assert_int_equal(process.resident_pages, 33);
}

static void who_has_lost_his_first_thread_lives_by_the_others(void **state)
{
    struct process process;

    (void)state;
    assert_true(
        process_parse(slice_from_text("7 (a) Z 3 1 1 0 -1 4 97 0 0 0 11 12 13 14 20 0 2 0 99 0 0 1"), &process));
    assert_false(process_is_dead(&process));
    assert_true(
        process_parse(slice_from_text("7 (a) Z 3 1 1 0 -1 4 97 0 0 0 11 12 13 14 20 0 1 0 99 0 0 1"), &process));
    assert_true(process_is_dead(&process));
}

static void what_is_no_stat_is_refused(void **state)
{
    static const char *const texts[] = {"",
                                        "7",
                                        "7 (a",
                                        "7 (a)",
                                        "7 (a) ",
                                        "7 (a) S",
                                        "7 (a) S 1 2 3",
                                        "x (a) S 1 2 3",
                                        "7 (a) S x 1 1 0 -1 4 97 0 0 0 11 12 13 14 20 0 1 0 99 648 33 1",
                                        "-1 (a) S 3 1 1 0 -1 4 97 0 0 0 11 12 13 14 20 0 1 0 99 648 33 1"};
    char endless[5000];
    struct process process;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_false(process_parse(slice_from_text(texts[i]), &process));
    memset(endless, '7', sizeof endless);
    assert_false(process_parse(slice_of(endless, sizeof endless), &process));
}

static void children_and_their_children_belong_whatever_their_numbers(void **state)
{
    struct tree tree;

    (void)state;
    born(300, ROOT, 20);
    born(50, 300, 30); /* numbers wrap around */
    born(40, 50, 31);
    born(400, 1, 20);
    tree_init(&tree, proc, ROOT);
    tree_look(&tree);
    assert_int_equal(tree.count, 4);
    assert_true(has(&tree, ROOT) && has(&tree, 300) && has(&tree, 50) && has(&tree, 40));
    tree_close(&tree);
}

static void an_orphan_that_was_known_stays_and_brings_its_children(void **state)
{
    struct tree tree;

    (void)state;
    born(300, ROOT, 20);
    tree_init(&tree, proc, ROOT);
    tree_look(&tree);
    born(300, 1, 20);
    born(301, 300, 40);
    gone(ROOT);
    tree_root_ended(&tree);
    tree_look(&tree);
    assert_int_equal(tree.count, 2);
    assert_true(has(&tree, 300) && has(&tree, 301));
    tree_close(&tree);
}

static void a_number_that_is_used_again_is_somebody_else(void **state)
{
    struct tree tree;

    (void)state;
    born(300, ROOT, 20);
    tree_init(&tree, proc, ROOT);
    tree_look(&tree);
    born(300, 1, 77);
    tree_look(&tree);
    assert_int_equal(tree.count, 1);

    tree_root_ended(&tree);
    born(ROOT, 1, 78);
    tree_look(&tree);
    assert_int_equal(tree.count, 0);
    tree_close(&tree);
}

static void the_dead_do_not_live(void **state)
{
    struct tree tree;

    (void)state;
    write_stat(&(struct someone){.pid = 300, .parent = ROOT, .state = 'Z'}, "dead");
    tree_init(&tree, proc, ROOT);
    tree_look(&tree);
    assert_int_equal(tree.count, 2);
    assert_int_equal(tree_living(&tree), 1);
    tree_close(&tree);
}

static void without_proc_the_tree_is_empty(void **state)
{
    struct tree tree;

    (void)state;
    tree_init(&tree, "/nowhere", ROOT);
    tree_look(&tree);
    assert_int_equal(tree.count, 0);
    tree_close(&tree);
}

static void without_proc_a_signal_reaches_the_root(void **state)
{
    struct tree tree;
    int status = 0;
    pid_t root = fork();

    (void)state;
    if (root == 0) {
        alarm(30);
        pause();
        _exit(1);
    }
    tree_init(&tree, "/nowhere", root);
    tree_signal(&tree, SIGKILL);
    assert_int_equal(waitpid(root, &status, 0), root);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    tree_close(&tree);
}

static void a_thousand_are_found(void **state)
{
    struct tree tree;

    (void)state;
    for (int i = 0; i < 1000; i++)
        born(1000 + i, i == 0 ? ROOT : 999 + i, 20);
    tree_init(&tree, proc, ROOT);
    tree_look(&tree);
    assert_int_equal(tree.count, 1001);
    tree_close(&tree);
}

static void usage_is_the_sum_and_never_falls(void **state)
{
    double a_second = (double)sysconf(_SC_CLK_TCK);
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    struct usage usage = {.rss_bytes = 0};
    struct rusage rest = {.ru_maxrss = 1};
    struct tree tree;

    (void)state;
    write_stat(&(struct someone){.pid = ROOT, .parent = 1, .state = 'S', .started = 10, .ticks = 100, .pages = 7}, "r");
    write_stat(&(struct someone){.pid = 300, .parent = ROOT, .state = 'R', .ticks = 50, .pages = 5}, "c");
    tree_init(&tree, proc, ROOT);
    tree_look(&tree);
    usage_of_tree(&usage, &tree);
    assert_true(usage.cpu_user_seconds == 300 / a_second && usage.cpu_system_seconds == 300 / a_second);
    assert_true(usage.rss_bytes == 12 * page && usage.max_rss_bytes == 12 * page);

    gone(300);
    tree_look(&tree);
    usage_of_tree(&usage, &tree);
    usage_of_rest(&usage, &rest);
    assert_true(usage.cpu_user_seconds == 300 / a_second);
    assert_true(usage.rss_bytes == 0 && usage.max_rss_bytes == 12 * page);
    tree_close(&tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_may_hold_anything),
        cmocka_unit_test(who_has_lost_his_first_thread_lives_by_the_others),
        cmocka_unit_test(what_is_no_stat_is_refused),
        cmocka_unit_test_setup_teardown(children_and_their_children_belong_whatever_their_numbers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_orphan_that_was_known_stays_and_brings_its_children, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_number_that_is_used_again_is_somebody_else, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_dead_do_not_live, set_up, tear_down),
        cmocka_unit_test(without_proc_the_tree_is_empty),
        cmocka_unit_test(without_proc_a_signal_reaches_the_root),
        cmocka_unit_test_setup_teardown(a_thousand_are_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(usage_is_the_sum_and_never_falls, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
