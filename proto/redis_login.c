#include "proto/redis_login.h"

#include "proto/redis_error.h"

#include <stdio.h>

static struct redis_login_step *add(struct redis_login *login, enum redis_login_kind kind)
{
    struct redis_login_step *step = &login->steps[login->count++];

    *step = (struct redis_login_step){.kind = kind};
    return step;
}

static void say(struct redis_login_step *step, const char *word)
{
    step->words[step->count++] = slice_from_text(word);
}

void redis_login_plan(struct redis_login *login, const struct redis_url_server *server, const char *client_name)
{
    struct redis_login_step *step;

    login->count = 0;
    if (server->password[0] != '\0') {
        step = add(login, REDIS_LOGIN_AUTH);
        say(step, "AUTH");
        if (server->user[0] != '\0')
            say(step, server->user);
        say(step, server->password);
    }
    if (server->db != 0) {
        step = add(login, REDIS_LOGIN_SELECT);
        snprintf(login->db, sizeof login->db, "%u", server->db);
        say(step, "SELECT");
        say(step, login->db);
    }
    step = add(login, REDIS_LOGIN_GREET);
    if (client_name == NULL || client_name[0] == '\0') {
        say(step, "PING");
        return;
    }
    say(step, "CLIENT");
    say(step, "SETNAME");
    say(step, client_name);
}

/* A server that forbids or does not know the greeting has answered all the same. */
static bool forgives_greeting(const struct error *error)
{
    return redis_error_is(error, "noperm") || redis_error_is(error, "unknown");
}

static bool may_repeat_password(const struct error *error)
{
    return redis_error_is(error, "reply") || redis_error_is(error, "unknown");
}

bool redis_login_forgives(const struct redis_login_step *step, struct error *error)
{
    switch (step->kind) {
    case REDIS_LOGIN_AUTH:
        if (may_repeat_password(error))
            return error_set(error, error->kind, error->reason, "cannot log in: the server refuses AUTH");
        return error_wrap(error, "%s log in", error->kind == ERROR_FATAL ? "cannot" : "could not");
    case REDIS_LOGIN_SELECT:
        return error_wrap(error, "%s select the db", error->kind == ERROR_FATAL ? "cannot" : "could not");
    case REDIS_LOGIN_GREET:
        return forgives_greeting(error);
    }
    return false;
}
