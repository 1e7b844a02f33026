#include "proto/redis_link.h"

#include "proto/deadline.h"
#include "proto/redis_error.h"
#include "proto/redis_login.h"
#include "proto/redis_parser.h"
#include "proto/redis_tree.h"

#include <assert.h>

enum {
    PART_PATIENCE = 10, /* so many request timeouts for one part of an answer */
    LAST_WORD_MS = 100, /* for what a server said before it hung up: it is there, or will not come */
};

/* ---- opening and closing ---- */

void redis_link_init(struct redis_link *link, const struct redis_settings *settings)
{
    transport_init(&link->transport);
    link->settings = settings;
    link->parser = NULL;
    link->output = (struct redis_output){0};
    redis_link_close(link);
}

void redis_link_close(struct redis_link *link)
{
    transport_close(&link->transport);
    redis_parser_free(link->parser);
    link->parser = NULL;
    redis_output_reset(&link->output);
    link->outstanding = 0;
    link->limit_us = INT64_MAX;
    link->input = (struct slice){0};
}

void redis_link_free(struct redis_link *link)
{
    redis_link_close(link);
    transport_free(&link->transport);
    redis_output_close(&link->output);
}

void redis_link_abandon(struct redis_link *link)
{
    transport_abandon(&link->transport);
}

bool redis_link_is_open(const struct redis_link *link)
{
    return link->parser != NULL;
}

/* What the link can no longer be trusted after. */
static bool fail(struct redis_link *link)
{
    redis_link_close(link);
    return false;
}

/* ---- time ---- */

void redis_link_limit(struct redis_link *link, int64_t limit_us)
{
    link->limit_us = limit_us;
}

static struct deadline deadline_at(const struct redis_link *link, int64_t at_us)
{
    return (struct deadline){
        .clock = link->settings->clock,
        .at_us = at_us < link->limit_us ? at_us : link->limit_us,
        .cancel_descriptor = link->settings->cancel_descriptor,
    };
}

static struct deadline deadline_in(const struct redis_link *link, int64_t timeout_ms)
{
    return deadline_at(link, clock_deadline_us(link->settings->clock, timeout_ms));
}

/* ---- sending ---- */

bool redis_link_append(struct redis_link *link, const struct slice *words, size_t count, struct error *error)
{
    if (!redis_output_append(&link->output, words, count, error))
        return false;
    link->outstanding++;
    return true;
}

bool redis_link_append_bytes(struct redis_link *link, struct slice command, struct error *error)
{
    if (!redis_output_append_bytes(&link->output, command, error))
        return false;
    link->outstanding++;
    return true;
}

static bool send_output(struct redis_link *link, struct error *error)
{
    struct deadline deadline = deadline_in(link, link->settings->request_timeout_ms);

    if (!transport_send(&link->transport, slice_of(link->output.data, link->output.size), &deadline, error))
        return false;
    redis_output_reset(&link->output);
    return true;
}

bool redis_link_send(struct redis_link *link, struct error *error)
{
    return send_output(link, error) || fail(link);
}

/* ---- receiving ---- */

/* How long to wait for bytes of an answer: for its first, then for each other, and for all that are read at once. */
struct patience {
    int64_t first_ms;
    int64_t each_ms;
    int64_t all_ms;
    bool has_extra; /* for the first */
};

static struct patience patience_of(const struct redis_link *link, int extra_first_ms)
{
    int64_t request_ms = link->settings->request_timeout_ms;

    return (struct patience){
        .first_ms = request_ms + extra_first_ms,
        .each_ms = request_ms,
        .all_ms = request_ms,
        .has_extra = extra_first_ms > 0,
    };
}

static struct deadline deadline_of_first(const struct redis_link *link, struct patience patience)
{
    struct deadline deadline = deadline_in(link, patience.first_ms);

    if (patience.has_extra && link->settings->wake_descriptor > 0)
        deadline.cancel_descriptor = link->settings->wake_descriptor;
    return deadline;
}

static bool receive_input(struct redis_link *link, const struct deadline *deadline, struct error *error)
{
    size_t size;

    if (!transport_receive(&link->transport, link->received, sizeof link->received, &size, deadline, error))
        return false;
    link->input = slice_of(link->received, size);
    return true;
}

/* Asked when something has come, too: a server may drip for ever, or gush. */
static bool check_time(const struct redis_link *link, const struct deadline *deadline, struct error *error)
{
    if (clock_left_ms(link->settings->clock, deadline->at_us) > 0)
        return true;
    return error_set(error, ERROR_TRANSIENT, "timeout", "could not get the whole answer in time");
}

/* Parse up to the end of the answer, or until about `part_bytes` of it have gone in. */
static bool receive_until(struct redis_link *link, const struct redis_visitor *visitor, size_t part_bytes,
                          struct patience patience, bool *complete, struct error *error)
{
    bool begun = link->input.size > 0 || redis_parser_has_begun(link->parser);
    struct deadline deadline = begun ? deadline_in(link, patience.each_ms) : deadline_of_first(link, patience);
    int64_t end_us = clock_deadline_us(link->settings->clock, patience.all_ms);
    size_t taken = redis_parser_unseen(link->parser);

    for (;;) {
        size_t before = link->input.size;

        if (!redis_parser_step(link->parser, visitor, &link->input, complete, error))
            return false;
        taken += before - link->input.size;
        if (*complete || taken >= part_bytes)
            return true;
        if (link->input.size > 0)
            continue;

        if (!receive_input(link, &deadline, error) || !check_time(link, &deadline, error))
            return false;
        if (!begun)
            end_us = clock_deadline_us(link->settings->clock, patience.all_ms);
        deadline = deadline_in(link, patience.each_ms);
        deadline.at_us = deadline.at_us < end_us ? deadline.at_us : end_us;
        begun = true;
    }
}

/* An answer is complete: what it says is no failure of the link. */
static bool conclude(struct redis_link *link, struct error *error)
{
    link->outstanding--;
    return redis_parser_verdict(link->parser, error);
}

bool redis_link_receive_part(struct redis_link *link, const struct redis_visitor *visitor, size_t part_bytes,
                             int extra_wait_ms, bool *complete, struct error *error)
{
    struct patience patience = patience_of(link, extra_wait_ms);
    bool ended = false;

    assert(link->outstanding > 0);
    patience.all_ms *= PART_PATIENCE;
    if (!receive_until(link, visitor, part_bytes, patience, &ended, error))
        return fail(link);
    if (ended && !conclude(link, error))
        return false;
    *complete = ended;
    return true;
}

/* What came behind an answer, in the same chunk, lies in the parser: the socket knows nothing of it any more. */
bool redis_link_has_buffered(const struct redis_link *link)
{
    return link->input.size > 0 || (link->parser != NULL && redis_parser_unseen(link->parser) > 0);
}

bool redis_link_has_input(const struct redis_link *link)
{
    return redis_link_has_buffered(link) || transport_has_input(&link->transport);
}

int redis_link_descriptor(const struct redis_link *link)
{
    return transport_descriptor(&link->transport);
}

/* The answer as a tree, but without a verdict on what it says. */
static bool receive_tree(struct redis_link *link, struct arena *arena, struct patience patience, struct reply *reply,
                         struct error *error)
{
    struct redis_tree tree = {.arena = arena};
    struct redis_visitor visitor = redis_tree_visitor(&tree);
    bool complete;

    if (!receive_until(link, &visitor, SIZE_MAX, patience, &complete, error))
        return false;
    *reply = tree.root;
    return true;
}

bool redis_link_receive(struct redis_link *link, struct arena *arena, int extra_wait_ms, struct reply *reply,
                        struct error *error)
{
    struct reply received;

    assert(link->outstanding > 0);
    if (!receive_tree(link, arena, patience_of(link, extra_wait_ms), &received, error))
        return fail(link);
    if (!conclude(link, error))
        return false;
    *reply = received;
    return true;
}

struct slice redis_link_refusal(const struct redis_link *link)
{
    return redis_parser_refusal(link->parser);
}

bool redis_link_call(struct redis_link *link, const struct slice *words, size_t count, struct arena *arena,
                     struct reply *reply, struct error *error)
{
    assert(link->outstanding == 0);
    return redis_link_append(link, words, count, error) && redis_link_send(link, error) &&
           redis_link_receive(link, arena, 0, reply, error);
}

/* ---- logging in ---- */

static bool receive_login_answer(struct redis_link *link, const struct redis_login_step *step, struct patience patience,
                                 struct error *error)
{
    uint8_t memory[1024];
    struct arena arena;
    struct reply ignored;

    arena_init_with(&arena, memory, sizeof memory, 0);
    bool received = receive_tree(link, &arena, patience, &ignored, error);
    arena_close(&arena);
    return received && (conclude(link, error) || redis_login_forgives(step, error));
}

/* A server that hangs up on us may have said why (too many clients, no certificate): when sending fails, what it said
 * is there already, and tells more than the broken pipe. */
static bool receive_login(struct redis_link *link, const struct redis_login *login, const struct error *unsent,
                          struct error *error)
{
    bool sent = unsent->kind == ERROR_NONE;
    const struct patience last_word = {.first_ms = LAST_WORD_MS, .each_ms = LAST_WORD_MS, .all_ms = LAST_WORD_MS};
    struct patience patience = sent ? patience_of(link, 0) : last_word;

    for (size_t i = 0; i < login->count; i++) {
        if (receive_login_answer(link, &login->steps[i], patience, error))
            continue;
        if (!sent && (redis_error_is(error, "timeout") || redis_error_is(error, "connection")))
            *error = *unsent;
        return false;
    }
    return true;
}

static bool log_in(struct redis_link *link, const struct redis_url_server *server, struct error *error)
{
    struct redis_login login;
    struct error unsent = {.kind = ERROR_NONE};

    redis_login_plan(&login, server, link->settings->client_name);
    for (size_t i = 0; i < login.count; i++)
        if (!redis_link_append(link, login.steps[i].words, login.steps[i].count, error))
            return false;

    (void)send_output(link, &unsent);
    redis_output_close(&link->output); /* it held the password */
    return receive_login(link, &login, &unsent, error);
}

/* ---- connecting ---- */

static bool connect_to(struct redis_link *link, const struct redis_url_server *server, int64_t connect_by_us,
                       struct error *error)
{
    const struct transport_options options = {
        .server = *server,
        .ca_file = link->settings->ca_file,
        .certificate_file = link->settings->certificate_file,
        .key_file = link->settings->key_file,
    };
    struct deadline deadline = deadline_at(link, connect_by_us);

    if (!transport_open(&link->transport, &options, &deadline, error))
        return false;
    link->parser = redis_parser_new(link->settings->reply_string_max, server->password);
    return link->parser != NULL || error_set(error, ERROR_TRANSIENT, "memory", "could not connect: out of memory");
}

bool redis_link_open(struct redis_link *link, const struct redis_url_server *server, int64_t connect_by_us,
                     struct error *error)
{
    assert(!redis_link_is_open(link));

    struct error why;
    if (connect_to(link, server, connect_by_us, &why) && log_in(link, server, &why))
        return true;
    *error = why;
    return fail(link);
}
