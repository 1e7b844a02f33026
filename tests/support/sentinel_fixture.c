#include "tests/support/sentinel_fixture.h"

#include "tests/support/kind.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static size_t take_answers(struct sentinel_fixture *fixture, const char *const *texts,
                           struct redis_peer_answer *answers)
{
    size_t count = 0;

    for (; texts[count] != NULL; count++) {
        answers[count].bytes = texts[count];
        if (strcmp(texts[count], FIRST) == 0)
            answers[count].bytes = fixture->places[0];
        if (strcmp(texts[count], SECOND) == 0)
            answers[count].bytes = fixture->places[1];
    }
    return count;
}

static struct redis_peer *start_peer(struct sentinel_fixture *fixture, const char *const *texts)
{
    struct redis_peer_answer *answers = fixture->answers[fixture->server_count + fixture->sentinel_count];

    return redis_peer_start_on_port(answers, take_answers(fixture, texts, answers));
}

void sentinel_fixture_add_server(struct sentinel_fixture *fixture, const char *const *texts)
{
    struct redis_peer *peer = start_peer(fixture, texts);
    char *place = fixture->places[fixture->server_count];
    char port[8];

    fixture->servers[fixture->server_count++] = peer;
    snprintf(port, sizeof port, "%u", redis_peer_port(peer));
    snprintf(place, sizeof fixture->places[0], "*2\r\n$9\r\n127.0.0.1\r\n$%zu\r\n%s\r\n", strlen(port), port);
}

void sentinel_fixture_add_sentinel(struct sentinel_fixture *fixture, const char *const *texts)
{
    struct redis_peer *peer = start_peer(fixture, texts);

    fixture->sentinels[fixture->sentinel_count++] = peer;
}

void sentinel_fixture_open(struct sentinel_fixture *fixture)
{
    memset(fixture, 0, sizeof *fixture);
    arena_init(&fixture->arena, 0);
}

/* A line by these sentinels; `login` goes before the hosts, `tail` behind the service. */
void sentinel_fixture_make_line(struct sentinel_fixture *fixture, const char *login, const char *tail,
                                struct redis_options options)
{
    char url[512];
    size_t used = (size_t)snprintf(url, sizeof url, "redis+sentinel://%s", login);

    for (size_t i = 0; i < fixture->sentinel_count; i++)
        used += (size_t)snprintf(url + used, sizeof url - used, "%s127.0.0.1:%u", i == 0 ? "" : ",",
                                 redis_peer_port(fixture->sentinels[i]));
    snprintf(url + used, sizeof url - used, "/mymaster%s", tail);
    options.url = url;
    options.request_timeout_ms = SENTINEL_FIXTURE_PATIENCE_MS;
    if (options.connect_timeout_ms == 0)
        options.connect_timeout_ms = SENTINEL_FIXTURE_PATIENCE_MS;
    fixture->redis = redis_new(&options, &fixture->error);
    assert_non_null(fixture->redis);
}

void sentinel_fixture_make_plain_line(struct sentinel_fixture *fixture)
{
    sentinel_fixture_make_line(fixture, "", "", (struct redis_options){.url = NULL});
}

void sentinel_fixture_close(struct sentinel_fixture *fixture)
{
    redis_free(fixture->redis);
    arena_close(&fixture->arena);
    for (size_t i = 0; i < fixture->sentinel_count; i++)
        redis_peer_stop(fixture->sentinels[i]);
    for (size_t i = 0; i < fixture->server_count; i++)
        redis_peer_stop(fixture->servers[i]);
}

static bool connects(struct sentinel_fixture *fixture)
{
    return redis_connect(fixture->redis, &fixture->error);
}

void sentinel_fixture_assert_connects(struct sentinel_fixture *fixture)
{
    if (!connects(fixture))
        fail_msg("%s: %s", fixture->error.reason, fixture->error.text);
    assert_true(redis_is_connected(fixture->redis));
}

void sentinel_fixture_assert_refused(struct sentinel_fixture *fixture, enum error_kind kind, const char *reason)
{
    assert_false(connects(fixture));
    assert_false(redis_is_connected(fixture->redis));
    if (fixture->error.kind != kind || strcmp(fixture->error.reason, reason) != 0)
        fail_msg("%s %s: %s", kind_name(fixture->error.kind), fixture->error.reason, fixture->error.text);
}

bool sentinel_fixture_call(struct sentinel_fixture *fixture, const char *word)
{
    const struct slice words[] = {slice_from_text(word)};

    return redis_call(fixture->redis, words, 1, &fixture->arena, &fixture->reply, &fixture->error);
}
