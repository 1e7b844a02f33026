#include "replay/web/sign_in.h"

#include "replay/web/monitor_inside.h"
#include "replay/web/reply.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { COOKIE_BYTES = ACCESS_COOKIE_BYTES + 96, SECONDS_A_DAY = 86400 };

static void redirect(struct server_exchange *exchange, const char *where, const char *cookie)
{
    const struct server_header headers[] = {
        {"Location", where},
        {"Cache-Control", "no-store"},
        {"Set-Cookie", cookie},
    };
    const struct server_answer answer = {.status = REPLY_SEE_OTHER,
                                         .body = slice_of("", 0),
                                         .is_static = true,
                                         .headers = headers,
                                         .header_count = cookie == NULL ? 2 : 3};

    server_answer(exchange, &answer);
}

static bool is_by_https(const struct access_request *request)
{
    static const char https[] = "https://";

    return request->origin.size >= sizeof https - 1 &&
           strncasecmp((const char *)request->origin.data, https, sizeof https - 1) == 0;
}

/* "token=..." of a form; '+' is a blank there. The text is decoded into `buffer`. False: there is none, or too long. */
static bool read_token(struct slice form, char buffer[ACCESS_TOKEN_BYTES_MAX], struct slice *token)
{
    static const char name[] = "token=";
    char encoded[3 * ACCESS_TOKEN_BYTES_MAX];
    size_t size = sizeof name - 1;

    while (form.size > 0) {
        const uint8_t *end = memchr(form.data, '&', form.size);
        struct slice pair = slice_of(form.data, end == NULL ? form.size : (size_t)(end - form.data));
        form = end == NULL ? slice_of(NULL, 0) : slice_of(end + 1, form.size - pair.size - 1);
        if (pair.size < size || memcmp(pair.data, name, size) != 0)
            continue;
        if (pair.size - size > sizeof encoded)
            return false;
        for (size_t i = size; i < pair.size; i++)
            encoded[i - size] = pair.data[i] == '+' ? ' ' : (char)pair.data[i];
        size_t decoded;
        char text[sizeof encoded];
        if (!server_decode(slice_of(encoded, pair.size - size), text, &decoded) || decoded > ACCESS_TOKEN_BYTES_MAX)
            return false;
        memcpy(buffer, text, decoded);
        *token = slice_of(buffer, decoded);
        return true;
    }
    return false;
}

static void let_in(const struct question *question, const struct access_request *request)
{
    char cookie[ACCESS_COOKIE_BYTES];
    char header[COOKIE_BYTES];

    if (!access_cookie(&question->monitor->rules, cookie)) {
        reply_error(question->exchange, REPLY_UNAVAILABLE, "memory is short");
        return;
    }
    snprintf(header, sizeof header, "%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Strict%s", cookie,
             SIGN_IN_DAYS * SECONDS_A_DAY, is_by_https(request) ? "; Secure" : "");
    redirect(question->exchange, "/", header);
}

void sign_in_serve(const struct question *question)
{
    struct monitor *monitor = question->monitor;
    const struct access_request *request = question->request;
    char client[ACCESS_CLIENT_BYTES_MAX];
    char buffer[ACCESS_TOKEN_BYTES_MAX];
    struct slice name = access_client(&monitor->rules, request, ACCESS_SIGNS_IN, client);
    struct slice token;
    int wait_s = limiter_wait_s(monitor->sign_ins, name, question->asked_us);

    if (!access_is_from_us(request)) {
        reply_error(question->exchange, REPLY_FORBIDDEN, "that form was not on a page of this server");
    } else if (wait_s > 0) {
        reply_later(question->exchange, REPLY_TOO_MANY, "too many wrong tokens; wait a little", wait_s);
    } else if (!read_token(server_body(question->exchange), buffer, &token) ||
               !access_is_token(&monitor->rules, token)) {
        limiter_count(monitor->sign_ins, name, question->asked_us);
        counts_sign_in_refused(&monitor->counts);
        redirect(question->exchange, "/?refused", NULL);
    } else {
        let_in(question, request);
    }
}

void sign_in_serve_out(const struct question *question)
{
    if (access_is_from_us(question->request))
        redirect(question->exchange, "/", "taskledger_monitor=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict");
    else
        reply_error(question->exchange, REPLY_FORBIDDEN, "that form was not on a page of this server");
}
