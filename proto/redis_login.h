/* redis_login: what is said first on a new connection, all in one pipeline.
 *
 *   AUTH [user] password     if there is a password
 *   SELECT db                if the db is not 0
 *   CLIENT SETNAME name      or PING if there is no name
 *
 * The last word is always there, so that a connection that is ready has answered: with TLS 1.3 a server refuses a
 * client's certificate only after the handshake, and a full server refuses a client only when it is accepted. */
#ifndef TASKLEDGER_PROTO_REDIS_LOGIN_H
#define TASKLEDGER_PROTO_REDIS_LOGIN_H

#include "proto/error.h"
#include "proto/redis_url.h"
#include "proto/slice.h"

#include <stdbool.h>
#include <stddef.h>

enum { REDIS_LOGIN_STEPS_MAX = 3, REDIS_LOGIN_WORDS_MAX = 3 };

enum redis_login_kind { REDIS_LOGIN_AUTH, REDIS_LOGIN_SELECT, REDIS_LOGIN_GREET };

struct redis_login_step {
    enum redis_login_kind kind;
    struct slice words[REDIS_LOGIN_WORDS_MAX];
    size_t count;
};

struct redis_login {
    struct redis_login_step steps[REDIS_LOGIN_STEPS_MAX];
    size_t count;
    char db[16];
};

/* Borrows all of it; must not be moved, since words point into it. `client_name` may be NULL. */
void redis_login_plan(struct redis_login *login, const struct redis_url_server *server, const char *client_name);

/* The step was answered by this error: true when it does not matter. Otherwise the error is given the words of the
 * step, and loses those of the server where they may repeat a part of the password. */
bool redis_login_forgives(const struct redis_login_step *step, struct error *error);

#endif
