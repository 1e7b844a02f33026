#include "proto/redis.h"

#include "proto/deadline.h"
#include "proto/redis_error.h"
#include "proto/redis_login.h"
#include "proto/redis_output.h"
#include "proto/redis_parser.h"
#include "proto/redis_settings.h"
#include "proto/redis_tree.h"
#include "proto/transport.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

enum { INPUT_BYTES = 64 * 1024 };

struct redis {
    struct redis_settings settings;
    struct transport transport;
    struct redis_parser *parser; /* NULL: not connected */
    struct redis_output output;
    size_t outstanding;
    struct slice input; /* received, not yet given to the parser; in `received` */
    uint8_t received[INPUT_BYTES];
};

/* ---- making ---- */

struct redis *redis_new(const struct redis_options *options, struct error *error)
{
    struct redis *redis = calloc(1, sizeof *redis);

    if (redis == NULL) {
        error_set(error, ERROR_TRANSIENT, "memory", "could not make a Redis line: out of memory");
        return NULL;
    }
    transport_init(&redis->transport);
    if (!redis_settings_init(&redis->settings, options, error)) {
        redis_free(redis);
        return NULL;
    }
    return redis;
}

void redis_free(struct redis *redis)
{
    if (redis == NULL)
        return;
    redis_disconnect(redis);
    transport_free(&redis->transport);
    redis_output_close(&redis->output);
    redis_settings_close(&redis->settings);
    free(redis);
}

/* ---- the connection ---- */

void redis_disconnect(struct redis *redis)
{
    transport_close(&redis->transport);
    redis_parser_free(redis->parser);
    redis->parser = NULL;
    redis_output_reset(&redis->output);
    redis->outstanding = 0;
    redis->input = (struct slice){0};
}

bool redis_is_connected(const struct redis *redis)
{
    return redis->parser != NULL;
}

const char *redis_address(const struct redis *redis)
{
    return redis->settings.address;
}

void redis_abandon(struct redis *redis)
{
    transport_abandon(&redis->transport);
}

/* Say whose error it is. */
static bool told_by(const struct redis *redis, struct error *error)
{
    return error_wrap(error, "%s", redis->settings.address);
}

/* What the line can no longer be trusted after. */
static bool fail(struct redis *redis, struct error *error)
{
    redis_disconnect(redis);
    return told_by(redis, error);
}

static bool check_connected(const struct redis *redis, struct error *error)
{
    if (redis_is_connected(redis))
        return true;
    error_set(error, ERROR_TRANSIENT, "connection", "not connected");
    return told_by(redis, error);
}

static struct deadline deadline_in(const struct redis *redis, int64_t timeout_ms)
{
    return (struct deadline){
        .clock = redis->settings.clock,
        .at_us = clock_deadline_us(redis->settings.clock, timeout_ms),
        .cancel_descriptor = redis->settings.cancel_descriptor,
    };
}

/* ---- sending ---- */

static bool append(struct redis *redis, const struct slice *words, size_t count, struct error *error)
{
    if (!redis_output_append(&redis->output, words, count, error))
        return false;
    redis->outstanding++;
    return true;
}

bool redis_append(struct redis *redis, const struct slice *words, size_t count, struct error *error)
{
    if (!check_connected(redis, error))
        return false;
    return append(redis, words, count, error) || told_by(redis, error);
}

static bool send_output(struct redis *redis, struct error *error)
{
    struct deadline deadline = deadline_in(redis, redis->settings.request_timeout_ms);

    if (!transport_send(&redis->transport, slice_of(redis->output.data, redis->output.size), &deadline, error))
        return false;
    redis_output_reset(&redis->output);
    return true;
}

bool redis_send(struct redis *redis, struct error *error)
{
    if (!check_connected(redis, error))
        return false;
    return send_output(redis, error) || fail(redis, error);
}

/* ---- receiving ---- */

/* How long to wait for bytes of an answer: for its first, and then either for all others together or for each. */
struct patience {
    int64_t first_ms;
    int64_t others_ms;
    bool for_each;
};

static struct patience patience_of(const struct redis *redis, int extra_first_ms)
{
    int64_t request_ms = redis->settings.request_timeout_ms;

    return (struct patience){.first_ms = request_ms + extra_first_ms, .others_ms = request_ms};
}

static bool receive_input(struct redis *redis, const struct deadline *deadline, struct error *error)
{
    size_t size;

    if (!transport_receive(&redis->transport, redis->received, sizeof redis->received, &size, deadline, error))
        return false;
    redis->input = slice_of(redis->received, size);
    return true;
}

/* Parse up to the end of the answer, or until about `part_bytes` of it have gone in. */
static bool receive_until(struct redis *redis, const struct redis_visitor *visitor, size_t part_bytes,
                          struct patience patience, bool *complete, struct error *error)
{
    bool begun = redis->input.size > 0 || redis_parser_has_begun(redis->parser);
    struct deadline deadline = deadline_in(redis, begun ? patience.others_ms : patience.first_ms);
    size_t taken = 0;

    for (;;) {
        size_t before = redis->input.size;

        if (!redis_parser_step(redis->parser, visitor, &redis->input, complete, error))
            return false;
        taken += before - redis->input.size;
        if (*complete || taken >= part_bytes)
            return true;
        if (redis->input.size > 0)
            continue;

        if (!receive_input(redis, &deadline, error))
            return false;
        if (!begun || patience.for_each)
            deadline = deadline_in(redis, patience.others_ms);
        begun = true;
    }
}

/* An answer is complete: what it says is no failure of the line. */
static bool conclude(struct redis *redis, struct error *error)
{
    redis->outstanding--;
    return redis_parser_verdict(redis->parser, error) || told_by(redis, error);
}

bool redis_receive_part(struct redis *redis, const struct redis_visitor *visitor, size_t part_bytes, int extra_wait_ms,
                        bool *complete, struct error *error)
{
    struct patience patience = patience_of(redis, extra_wait_ms);
    bool ended = false;

    patience.for_each = true;
    if (!check_connected(redis, error))
        return false;
    assert(redis->outstanding > 0);

    if (!receive_until(redis, visitor, part_bytes, patience, &ended, error))
        return fail(redis, error);
    if (ended && !conclude(redis, error))
        return false;
    *complete = ended;
    return true;
}

/* The answer as a tree, but without a verdict on what it says. */
static bool receive_tree(struct redis *redis, struct arena *arena, struct patience patience, struct reply *reply,
                         struct error *error)
{
    struct redis_tree tree = {.arena = arena};
    struct redis_visitor visitor = redis_tree_visitor(&tree);
    bool complete;

    if (!receive_until(redis, &visitor, SIZE_MAX, patience, &complete, error))
        return false;
    *reply = tree.root;
    return true;
}

bool redis_receive(struct redis *redis, struct arena *arena, int extra_wait_ms, struct reply *reply,
                   struct error *error)
{
    struct reply received;

    if (!check_connected(redis, error))
        return false;
    assert(redis->outstanding > 0);

    if (!receive_tree(redis, arena, patience_of(redis, extra_wait_ms), &received, error))
        return fail(redis, error);
    if (!conclude(redis, error))
        return false;
    *reply = received;
    return true;
}

bool redis_call(struct redis *redis, const struct slice *words, size_t count, struct arena *arena, struct reply *reply,
                struct error *error)
{
    assert(redis->outstanding == 0);
    return redis_append(redis, words, count, error) && redis_send(redis, error) &&
           redis_receive(redis, arena, 0, reply, error);
}

/* ---- connecting ---- */

static bool receive_login_answer(struct redis *redis, const struct redis_login_step *step, struct patience patience,
                                 struct error *error)
{
    uint8_t memory[1024];
    struct arena arena;
    struct reply ignored;

    arena_init_with(&arena, memory, sizeof memory, 0);
    bool received = receive_tree(redis, &arena, patience, &ignored, error);
    arena_close(&arena);
    if (!received)
        return false;

    redis->outstanding--;
    return redis_parser_verdict(redis->parser, error) || redis_login_forgives(step, error);
}

/* A server that hangs up on us may have said why (too many clients, no certificate): when sending fails, what it said is
 * there already, and tells more than the broken pipe. */
static bool receive_login(struct redis *redis, const struct redis_login *login, const struct error *unsent,
                          struct error *error)
{
    bool sent = unsent->kind == ERROR_NONE;
    struct patience patience = sent ? patience_of(redis, 0) : (struct patience){0};

    for (size_t i = 0; i < login->count; i++) {
        if (receive_login_answer(redis, &login->steps[i], patience, error))
            continue;
        if (!sent && (redis_error_is(error, "timeout") || redis_error_is(error, "connection")))
            *error = *unsent;
        return false;
    }
    return true;
}

static bool log_in(struct redis *redis, struct error *error)
{
    struct redis_login login;
    struct error unsent = {.kind = ERROR_NONE};

    redis_login_plan(&login, &redis->settings.url, redis->settings.client_name);
    for (size_t i = 0; i < login.count; i++)
        if (!append(redis, login.steps[i].words, login.steps[i].count, error))
            return false;

    (void)send_output(redis, &unsent);
    redis_output_close(&redis->output); /* it held the password */
    return receive_login(redis, &login, &unsent, error);
}

static bool open_line(struct redis *redis, struct error *error)
{
    const struct transport_options options = {
        .url = &redis->settings.url,
        .ca_file = redis->settings.ca_file,
        .certificate_file = redis->settings.certificate_file,
        .key_file = redis->settings.key_file,
    };
    struct deadline deadline = deadline_in(redis, redis->settings.connect_timeout_ms);

    if (!transport_open(&redis->transport, &options, &deadline, error))
        return false;
    redis->parser = redis_parser_new(redis->settings.reply_string_max, redis->settings.url.password);
    return redis->parser != NULL || error_set(error, ERROR_TRANSIENT, "memory", "could not connect: out of memory");
}

bool redis_connect(struct redis *redis, struct error *error)
{
    struct error why;

    if (redis_is_connected(redis))
        return true;
    if (open_line(redis, &why) && log_in(redis, &why))
        return true;

    *error = why;
    return fail(redis, error);
}
