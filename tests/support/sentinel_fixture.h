/* sentinel_fixture: a Redis line by sentinels that answer as they were told, and the servers that they name. */
#ifndef TASKLEDGER_TESTS_SUPPORT_SENTINEL_FIXTURE_H
#define TASKLEDGER_TESTS_SUPPORT_SENTINEL_FIXTURE_H

#include "proto/redis.h"
#include "tests/support/redis_peer.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    SENTINEL_FIXTURE_SENTINELS_MAX = 3,
    SENTINEL_FIXTURE_SERVERS_MAX = 2,
    SENTINEL_FIXTURE_PEERS_MAX = SENTINEL_FIXTURE_SENTINELS_MAX + SENTINEL_FIXTURE_SERVERS_MAX,
    SENTINEL_FIXTURE_ANSWERS_MAX = 16,
    SENTINEL_FIXTURE_PATIENCE_MS = 20000,
};

#define PONG    "+PONG\r\n"
#define OK      "+OK\r\n"
#define MASTER  "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"
#define REPLICA "*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:1\r\n$9\r\nconnected\r\n:0\r\n"
#define UNKNOWN "*-1\r\n"

/* Answers of a sentinel: where the first server is, and the second. */
#define FIRST  "first"
#define SECOND "second"

/* What a peer says, one answer for each command, ended by NULL; then it keeps silent. */
typedef const char *const sentinel_fixture_answers[SENTINEL_FIXTURE_ANSWERS_MAX];

struct sentinel_fixture {
    struct redis_peer *servers[SENTINEL_FIXTURE_SERVERS_MAX];
    struct redis_peer *sentinels[SENTINEL_FIXTURE_SENTINELS_MAX];
    size_t server_count;
    size_t sentinel_count;
    struct redis_peer_answer answers[SENTINEL_FIXTURE_PEERS_MAX][SENTINEL_FIXTURE_ANSWERS_MAX];
    char places[SENTINEL_FIXTURE_SERVERS_MAX][64];
    struct redis *redis;
    struct arena arena;
    struct reply reply;
    struct error error;
};

void sentinel_fixture_open(struct sentinel_fixture *fixture);
void sentinel_fixture_close(struct sentinel_fixture *fixture);

/* Servers first, since the sentinels name them. */
void sentinel_fixture_add_server(struct sentinel_fixture *fixture, const char *const *texts);
void sentinel_fixture_add_sentinel(struct sentinel_fixture *fixture, const char *const *texts);

/* A line by these sentinels; `login` goes before the hosts, `tail` behind the service. */
void sentinel_fixture_make_line(struct sentinel_fixture *fixture, const char *login, const char *tail,
                                struct redis_options options);
void sentinel_fixture_make_plain_line(struct sentinel_fixture *fixture);

void sentinel_fixture_assert_connects(struct sentinel_fixture *fixture);
void sentinel_fixture_assert_refused(struct sentinel_fixture *fixture, enum error_kind kind, const char *reason);

/* A command of one word. */
bool sentinel_fixture_call(struct sentinel_fixture *fixture, const char *word);

#endif
