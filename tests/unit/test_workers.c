/* Threads that wait for PostgreSQL, here for each other. */
#include "replay/web/workers.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { PATIENCE_MS = 1000 };

/* What happens; work may be held until it is let go. */
struct scene {
    struct workers *workers;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned done;
    unsigned given_up;
    unsigned doing;
    unsigned desks;
    bool is_held;
    int64_t now_us; /* of the false clock */
};

static int64_t tell_time(void *self)
{
    struct scene *scene = self;

    pthread_mutex_lock(&scene->lock);
    int64_t now_us = scene->now_us;
    pthread_mutex_unlock(&scene->lock);
    return now_us;
}

static void do_it(void *self, void *desk)
{
    struct scene *scene = self;

    assert_ptr_equal(desk, scene);
    pthread_mutex_lock(&scene->lock);
    scene->doing++;
    pthread_cond_broadcast(&scene->changed);
    while (scene->is_held)
        pthread_cond_wait(&scene->changed, &scene->lock);
    scene->doing--;
    scene->done++;
    pthread_cond_broadcast(&scene->changed);
    pthread_mutex_unlock(&scene->lock);
}

static void give_up(void *self)
{
    struct scene *scene = self;

    pthread_mutex_lock(&scene->lock);
    scene->given_up++;
    pthread_cond_broadcast(&scene->changed);
    pthread_mutex_unlock(&scene->lock);
}

static void *new_desk(void *self)
{
    struct scene *scene = self;

    pthread_mutex_lock(&scene->lock);
    scene->desks++;
    pthread_mutex_unlock(&scene->lock);
    return scene;
}

static void free_desk(void *desk)
{
    struct scene *scene = desk;

    pthread_mutex_lock(&scene->lock);
    scene->desks--;
    pthread_mutex_unlock(&scene->lock);
}

static bool take(struct scene *scene)
{
    return workers_take(scene->workers, (struct work){do_it, give_up, scene});
}

static void wait_until(struct scene *scene, const unsigned *number, unsigned reached)
{
    pthread_mutex_lock(&scene->lock);
    while (*number < reached)
        pthread_cond_wait(&scene->changed, &scene->lock);
    pthread_mutex_unlock(&scene->lock);
}

static void hold(struct scene *scene, bool is_held, int64_t later_us)
{
    pthread_mutex_lock(&scene->lock);
    scene->is_held = is_held;
    scene->now_us += later_us;
    pthread_cond_broadcast(&scene->changed);
    pthread_mutex_unlock(&scene->lock);
}

static int setup(void **state)
{
    static struct scene scene;
    static struct clock clock;
    struct error error;

    memset(&scene, 0, sizeof scene);
    clock = (struct clock){.monotonic_us = tell_time, .self = &scene};
    pthread_mutex_init(&scene.lock, NULL);
    pthread_cond_init(&scene.changed, NULL);
    struct workers_options options = {.count = 2,
                                      .patience_ms = PATIENCE_MS,
                                      .clock = &clock,
                                      .new_desk = new_desk,
                                      .free_desk = free_desk,
                                      .self = &scene};
    scene.workers = workers_open(&options, &error);
    *state = &scene;
    return scene.workers == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    struct scene *scene = *state;

    workers_close(scene->workers);
    return scene->desks == 0 ? 0 : -1;
}

static void work_is_done_by_several_at_a_time(void **state)
{
    struct scene *scene = *state;

    hold(scene, true, 0);
    assert_true(take(scene));
    assert_true(take(scene));
    wait_until(scene, &scene->doing, 2);
    hold(scene, false, 0);
    wait_until(scene, &scene->done, 2);
}

static void what_does_not_fit_is_turned_away(void **state)
{
    struct scene *scene = *state;

    hold(scene, true, 0);
    assert_true(take(scene));
    assert_true(take(scene));
    wait_until(scene, &scene->doing, 2);
    for (unsigned i = 0; i < WORKERS_QUEUE_MAX; i++)
        assert_true(take(scene));
    assert_false(take(scene));
    hold(scene, false, 0);
    wait_until(scene, &scene->done, WORKERS_QUEUE_MAX + 2);
    assert_true(take(scene));
    wait_until(scene, &scene->done, WORKERS_QUEUE_MAX + 3);
    assert_int_equal(scene->given_up, 0);
}

static void what_has_waited_for_too_long_is_given_up(void **state)
{
    struct scene *scene = *state;

    hold(scene, true, 0);
    assert_true(take(scene));
    assert_true(take(scene));
    wait_until(scene, &scene->doing, 2);
    assert_true(take(scene));
    hold(scene, false, PATIENCE_MS * 1000 + 1);
    wait_until(scene, &scene->given_up, 1);
    assert_true(take(scene));
    wait_until(scene, &scene->done, 3);
}

static void each_piece_is_done_or_given_up_when_they_stop(void **state)
{
    enum { PIECES = 100 };
    struct scene *scene = *state;

    for (unsigned i = 0; i < PIECES; i++)
        assert_true(take(scene));
    workers_stop(scene->workers);
    assert_int_equal(scene->done + scene->given_up, PIECES);
    assert_false(take(scene));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(work_is_done_by_several_at_a_time),
        TEST(what_does_not_fit_is_turned_away),
        TEST(what_has_waited_for_too_long_is_given_up),
        TEST(each_piece_is_done_or_given_up_when_they_stop),
    };

    return cmocka_run_group_tests_name("workers", tests, NULL, NULL);
}
