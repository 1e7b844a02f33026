/* cluster_net: a Redis line by nodes of a cluster that answer as they were told. */
#ifndef TASKLEDGER_TESTS_SUPPORT_CLUSTER_NET_H
#define TASKLEDGER_TESTS_SUPPORT_CLUSTER_NET_H

#include "proto/arena.h"
#include "proto/redis.h"
#include "tests/support/redis_peer.h"

#include <stddef.h>

enum {
    CLUSTER_NET_PEERS = 3,
    CLUSTER_NET_ANSWERS_MAX = 16,
    CLUSTER_NET_TEXT_MAX = 256,
    CLUSTER_NET_WAIT_MS = 5000,
};

#define CLUSTER_NET_PONG "+PONG\r\n"
#define CLUSTER_NET_GONE "" /* the connection ends */

/* Who has the slots 0 to 8191, and who the rest. */
#define CLUSTER_NET_SHARED(lower, upper)                                                                \
    "*2\r\n*3\r\n:0\r\n:8191\r\n*2\r\n$9\r\n127.0.0.1\r\n:" lower "\r\n*3\r\n:8192\r\n:16383\r\n*2\r\n" \
    "$9\r\n127.0.0.1\r\n:" upper "\r\n"
#define CLUSTER_NET_HALVES \
    "*2\r\n*3\r\n:0\r\n:8191\r\n*2\r\n$9\r\n127.0.0.1\r\n:%0\r\n*3\r\n:8192\r\n:16383\r\n*2\r\n$-1\r\n:%1\r\n"
#define CLUSTER_NET_ALL_OF_FIRST "*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:%0\r\n"

/* In answers, %0, %1 and %2 are the ports of the nodes. Each serves one connection at a time: there is never more than
 * one to any of them. */
struct cluster_net {
    struct redis_peer *peers[CLUSTER_NET_PEERS];
    struct redis_peer_answer answers[CLUSTER_NET_PEERS][CLUSTER_NET_ANSWERS_MAX];
    char texts[CLUSTER_NET_PEERS][CLUSTER_NET_ANSWERS_MAX][CLUSTER_NET_TEXT_MAX];
    struct redis *line;
    struct arena arena;
};

extern struct cluster_net cluster_net;

int cluster_net_open(void **state);
int cluster_net_close(void **state);

/* Before anybody asks. */
void cluster_net_prepare(size_t peer, const char *const *patterns);

/* The first node is the seed; or by a URL with ports as in answers. */
void cluster_net_connect(void);
void cluster_net_connect_to(const char *pattern);
void cluster_net_connect_with(const char *pattern, struct redis_options options);

void cluster_net_append_get(const char *key);
void cluster_net_send(void);
void cluster_net_assert_answer(const char *expected);
void cluster_net_assert_refused(const char *reason, const char *words);

#endif
