#include "proto/sentinel.h"

#include "proto/arena.h"
#include "proto/clock.h"
#include "proto/redis_error.h"

#include <assert.h>
#include <stdio.h>

enum { SHARE_MIN_MS = 100, ANSWER_BYTES = 1024, NODE_PLACE_MAX = REDIS_URL_HOST_MAX + REDIS_URL_PORT_MAX + 3 };

void sentinel_init(struct sentinel *sentinel, const struct redis_settings *settings)
{
    *sentinel = (struct sentinel){.settings = settings};
}

/* ---- one sentinel ------------------------------------------------------------------------------------------------ */

static bool read_answer(const struct sentinel *sentinel, const struct reply *reply, struct redis_url_node *master,
                        struct error *error)
{
    struct error ignored;

    if (reply->type == REPLY_NIL)
        return error_set(error, ERROR_FATAL, "service", "it knows no master by the name of \"%s\"",
                         sentinel->settings->url.service);
    if (reply->type == REPLY_ARRAY && reply->count == 2 && reply->elements[0].type == REPLY_STRING &&
        reply->elements[1].type == REPLY_STRING &&
        redis_url_read_node(reply->elements[0].text, reply->elements[1].text, master, &ignored))
        return true;
    return error_set(error, ERROR_TRANSIENT, "protocol", "could not understand where the master is");
}

static bool question(const struct sentinel *sentinel, struct redis_link *link, struct redis_url_node *master,
                     struct error *error)
{
    const struct slice words[] = {
        slice_from_text("SENTINEL"),
        slice_from_text("GET-MASTER-ADDR-BY-NAME"),
        slice_from_text(sentinel->settings->url.service),
    };
    uint8_t memory[ANSWER_BYTES];
    struct arena arena;
    struct reply reply;

    arena_init_with(&arena, memory, sizeof memory, 0);
    bool good = redis_link_call(link, REDIS_WORDS(words), &arena, &reply, error) &&
                read_answer(sentinel, &reply, master, error);
    arena_close(&arena);
    return good;
}

static bool ask(const struct sentinel *sentinel, size_t place, struct redis_link *link, struct redis_url_node *master,
                struct error *error)
{
    const struct redis_url_server server = redis_url_sentinel(&sentinel->settings->url, place);
    bool good = redis_link_open(link, &server, INT64_MAX, error) && question(sentinel, link, master, error);

    redis_link_close(link);
    return good;
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

/* What has been said so far, none of it a master. */
struct refusals {
    enum error_kind kind;
    const char *reason;
    char text[ERROR_TEXT_MAX];
    size_t used; /* of the text */
};

/* What may pass weighs more than what will not: tomorrow that one may know. */
static void note_refusal(struct refusals *refusals, const struct redis_url_node *node, const struct error *error)
{
    size_t room = sizeof refusals->text - refusals->used;
    const char *separator = refusals->used == 0 ? "" : "; ";
    char place[NODE_PLACE_MAX];

    if (refusals->kind == ERROR_NONE || (refusals->kind == ERROR_FATAL && error->kind == ERROR_TRANSIENT)) {
        refusals->kind = error->kind;
        refusals->reason = error->reason;
    }
    redis_url_describe_node(node, place, sizeof place);
    int wanted = snprintf(refusals->text + refusals->used, room, "%s%s: %s", separator, place, error->text);
    refusals->used += (size_t)wanted < room ? (size_t)wanted : room - 1;
}

static bool refuse(const struct refusals *refusals, struct error *error)
{
    return error_set(error, refusals->kind, refusals->reason, "%s find the master: %s",
                     refusals->kind == ERROR_FATAL ? "cannot" : "could not", refusals->text);
}

static int64_t share_us(const struct sentinel *sentinel, int64_t until_us)
{
    const struct clock *clock = sentinel->settings->clock;
    int64_t half_ms = clock_left_ms(clock, until_us) / 2;
    int64_t limit_us = clock_deadline_us(clock, half_ms < SHARE_MIN_MS ? SHARE_MIN_MS : half_ms);

    return limit_us < until_us ? limit_us : until_us;
}

bool sentinel_find_master(struct sentinel *sentinel, struct redis_link *link, int64_t until_us, struct error *error)
{
    const struct redis_url *url = &sentinel->settings->url;
    struct refusals refusals = {.kind = ERROR_NONE};

    assert(url->sentinel_count > 0);
    for (size_t i = 0; i < url->sentinel_count; i++) {
        size_t place = (sentinel->first + i) % url->sentinel_count;
        struct error why;

        redis_link_limit(link, share_us(sentinel, until_us));
        if (ask(sentinel, place, link, &sentinel->master, &why)) {
            sentinel->answered = place;
            return true;
        }
        note_refusal(&refusals, &url->sentinels[place], &why);
        if (redis_error_is(&why, "canceled"))
            break;
    }
    sentinel->first = (sentinel->first + 1) % url->sentinel_count;
    return refuse(&refusals, error);
}

void sentinel_note(struct sentinel *sentinel, bool led_to_master)
{
    sentinel->first = (sentinel->answered + !led_to_master) % sentinel->settings->url.sentinel_count;
}

/* ---- the master -------------------------------------------------------------------------------------------------- */

static bool read_role(const struct reply *reply, struct error *error)
{
    const struct reply *role = reply->elements;

    if (reply->type != REPLY_ARRAY || reply->count == 0 || role->type != REPLY_STRING)
        return error_set(error, ERROR_TRANSIENT, "protocol", "could not understand the answer to ROLE");
    if (!slice_equal(role->text, slice_from_text("master")))
        return error_set(error, ERROR_TRANSIENT, "notmaster",
                         "could not use it as the master: it says that it is a replica");
    return true;
}

static bool may_not_ask(const struct error *error)
{
    return redis_error_is(error, "noperm") || redis_error_is(error, "unknown");
}

bool sentinel_check_master(struct redis_link *link, struct error *error)
{
    const struct slice role = slice_from_text("ROLE");
    uint8_t memory[ANSWER_BYTES];
    struct arena arena;
    struct reply reply;
    struct error why;

    arena_init_with(&arena, memory, sizeof memory, 0);
    bool answered = redis_link_call(link, &role, 1, &arena, &reply, &why);
    bool good = answered ? read_role(&reply, &why) : may_not_ask(&why);
    arena_close(&arena);
    if (!good)
        *error = why;
    return good;
}
