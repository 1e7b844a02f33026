#include "tests/support/cluster_net.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct cluster_net cluster_net;

static void write_out(char text[CLUSTER_NET_TEXT_MAX], const char *pattern)
{
    size_t used = 0;

    for (; *pattern != '\0'; pattern++) {
        bool is_port = *pattern == '%';

        if (is_port)
            pattern++;
        used += is_port ? (size_t)snprintf(text + used, CLUSTER_NET_TEXT_MAX - used, "%u",
                                           redis_peer_port(cluster_net.peers[*pattern - '0']))
                        : (size_t)snprintf(text + used, CLUSTER_NET_TEXT_MAX - used, "%c", *pattern);
        assert_true(used < CLUSTER_NET_TEXT_MAX);
    }
}

int cluster_net_open(void **state)
{
    (void)state;
    memset(&cluster_net, 0, sizeof cluster_net);
    arena_init(&cluster_net.arena, 0);
    for (size_t i = 0; i < CLUSTER_NET_PEERS; i++)
        cluster_net.peers[i] = redis_peer_start_on_port(cluster_net.answers[i], CLUSTER_NET_ANSWERS_MAX);
    return 0;
}

int cluster_net_close(void **state)
{
    (void)state;
    redis_free(cluster_net.line);
    for (size_t i = 0; i < CLUSTER_NET_PEERS; i++)
        redis_peer_stop(cluster_net.peers[i]);
    arena_close(&cluster_net.arena);
    return 0;
}

/* Before anybody asks. */
void cluster_net_prepare(size_t peer, const char *const *patterns)
{
    for (size_t i = 0; patterns[i] != NULL; i++) {
        write_out(cluster_net.texts[peer][i], patterns[i]);
        cluster_net.answers[peer][i].bytes = cluster_net.texts[peer][i];
        cluster_net.answers[peer][i].hangs_up = strcmp(patterns[i], CLUSTER_NET_GONE) == 0;
    }
}

void cluster_net_connect(void)
{
    cluster_net_connect_to("redis+cluster://127.0.0.1:%0");
}

void cluster_net_connect_to(const char *pattern)
{
    cluster_net_connect_with(pattern, (struct redis_options){.request_timeout_ms = CLUSTER_NET_WAIT_MS});
}

void cluster_net_connect_with(const char *pattern, struct redis_options options)
{
    char url[CLUSTER_NET_TEXT_MAX];
    struct error error;

    write_out(url, pattern);
    options.url = url;
    options.connect_timeout_ms = CLUSTER_NET_WAIT_MS;
    cluster_net.line = redis_new(&options, &error);
    assert_non_null(cluster_net.line);
    if (!redis_connect(cluster_net.line, &error))
        fail_msg("%s", error.text);
}

void cluster_net_append_get(const char *key)
{
    const struct slice words[] = {slice_from_text("GET"), slice_from_text(key)};
    struct error error;

    if (!redis_append(cluster_net.line, REDIS_WORDS(words), &error))
        fail_msg("%s", error.text);
}

void cluster_net_send(void)
{
    struct error error;

    if (!redis_send(cluster_net.line, &error))
        fail_msg("%s", error.text);
}

void cluster_net_assert_answer(const char *expected)
{
    struct reply reply;
    struct error error;

    if (!redis_receive(cluster_net.line, &cluster_net.arena, 0, &reply, &error))
        fail_msg("%s", error.text);
    assert_int_equal(reply.type, REPLY_STRING);
    assert_true(slice_equal(reply.text, slice_from_text(expected)));
}

void cluster_net_assert_refused(const char *reason, const char *words)
{
    struct reply reply;
    struct error error = {.kind = ERROR_NONE};

    assert_false(redis_receive(cluster_net.line, &cluster_net.arena, 0, &reply, &error));
    assert_int_equal(error.kind, ERROR_TRANSIENT);
    assert_string_equal(error.reason, reason);
    if (strstr(error.text, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error.text, words);
}
