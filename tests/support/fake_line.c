#include "tests/support/fake_line.h"

#include "proto/redis.h"

#include <assert.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ENTRIES_MAX = 20000, BYTES_MAX = 16 * 1024 * 1024, OUTSTANDING_MAX = 1024, DEADLINE_S = 30, POLL_MS = 5 };

/* XADD, HGET of a watermark, XRANGE of one entry. */
enum question { ADD, ASK, LOOK };

struct command {
    enum question question;
    struct fake_line_entry entry; /* ADD: the payload is borrowed until it is sent. LOOK: its key */
    struct stream_id id;          /* what it got, or is asked for */
};

struct redis {
    int cancel_descriptor;
    int request_timeout_ms;
    bool connected;
    struct command appended[OUTSTANDING_MAX];
    size_t appended_count;
    size_t outstanding;
    enum fake_line_trouble sent_in; /* decides about the answers */
    unsigned answered;              /* on this connection */
    char text[STREAM_ID_BYTES_MAX]; /* of the last answer */
    struct reply elements[5];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t change = PTHREAD_COND_INITIALIZER;
static enum fake_line_trouble trouble;
static struct fake_line_entry entries[ENTRIES_MAX];
static uint8_t bytes[BYTES_MAX]; /* of the entries; static, so that a test may let malloc fail */
static size_t count, bytes_used;
static unsigned calls, connects, lost_call, appends, lines, flushes;
static uint64_t archived;

/* ---- for the test ------------------------------------------------------------------------------------------------ */

void fake_line_reset(void)
{
    pthread_mutex_lock(&lock);
    trouble = FAKE_LINE_GOOD;
    count = bytes_used = 0;
    calls = connects = lost_call = appends = flushes = 0;
    archived = 0;
    pthread_mutex_unlock(&lock);
}

void fake_line_set_trouble(enum fake_line_trouble next)
{
    pthread_mutex_lock(&lock);
    trouble = next;
    pthread_mutex_unlock(&lock);
}

void fake_line_set_archived(uint64_t sequence)
{
    pthread_mutex_lock(&lock);
    archived = sequence;
    pthread_mutex_unlock(&lock);
}

void fake_line_flush(void)
{
    pthread_mutex_lock(&lock);
    count = bytes_used = 0;
    archived = 0;
    flushes++;
    pthread_mutex_unlock(&lock);
}

void fake_line_lose_call(unsigned number)
{
    pthread_mutex_lock(&lock);
    lost_call = number == 0 ? 0 : calls + number;
    pthread_mutex_unlock(&lock);
}

static unsigned read_count(const unsigned *counted)
{
    pthread_mutex_lock(&lock);
    unsigned now = *counted;
    pthread_mutex_unlock(&lock);
    return now;
}

unsigned fake_line_calls(void)
{
    return read_count(&calls);
}

unsigned fake_line_connects(void)
{
    return read_count(&connects);
}

static bool wait_for(size_t entries_wanted, unsigned calls_wanted, unsigned lines_at_most)
{
    struct timespec deadline;
    int late = 0;

    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += DEADLINE_S;
    pthread_mutex_lock(&lock);
    while ((count < entries_wanted || calls < calls_wanted || lines > lines_at_most) && late == 0)
        late = pthread_cond_clockwait(&change, &lock, CLOCK_MONOTONIC, &deadline);
    pthread_mutex_unlock(&lock);
    return late == 0;
}

bool fake_line_wait_for_entries(size_t wanted)
{
    return wait_for(wanted, 0, UINT_MAX);
}

bool fake_line_wait_for_calls(unsigned wanted)
{
    return wait_for(0, wanted, UINT_MAX);
}

bool fake_line_wait_for_freed(void)
{
    return wait_for(0, 0, 0);
}

size_t fake_line_count(void)
{
    return count;
}

const struct fake_line_entry *fake_line_entry(size_t number)
{
    assert(number < count);
    return &entries[number];
}

/* ---- for the sender ---------------------------------------------------------------------------------------------- */

static void count_line(unsigned more)
{
    pthread_mutex_lock(&lock);
    lines += more;
    pthread_cond_broadcast(&change);
    pthread_mutex_unlock(&lock);
}

struct redis *redis_new(const struct redis_options *options, struct error *error)
{
    if (strncmp(options->url, "redis://", 8) != 0) {
        error_set(error, ERROR_FATAL, "config", "expected redis://");
        return NULL;
    }
    struct redis *redis = calloc(1, sizeof *redis);
    if (redis == NULL) {
        error_set(error, ERROR_TRANSIENT, "memory", "could not get memory");
        return NULL;
    }
    count_line(1);
    redis->cancel_descriptor = options->cancel_descriptor;
    redis->request_timeout_ms = options->request_timeout_ms;
    return redis;
}

void redis_free(struct redis *redis)
{
    if (redis != NULL)
        count_line(-1U);
    free(redis);
}

void redis_disconnect(struct redis *redis)
{
    redis->connected = false;
    redis->appended_count = redis->outstanding = 0;
    redis->answered = 0;
}

bool redis_is_connected(const struct redis *redis)
{
    return redis->connected;
}

void redis_abandon(struct redis *redis)
{
    (void)redis;
}

static bool lose(struct redis *redis, struct error *error, const char *reason)
{
    redis_disconnect(redis);
    return error_set(error, ERROR_TRANSIENT, reason, "could not: %s", reason);
}

/* Count a call; false when it is the one to be lost. With the lock held. */
static bool is_call_lost(void)
{
    calls++;
    pthread_cond_broadcast(&change);
    return calls == lost_call;
}

static enum fake_line_trouble begin_call(bool *lost)
{
    pthread_mutex_lock(&lock);
    *lost = is_call_lost() || trouble == FAKE_LINE_AWAY;
    enum fake_line_trouble now = trouble;
    pthread_mutex_unlock(&lock);
    return now;
}

bool redis_connect(struct redis *redis, struct error *error)
{
    bool lost;

    if (redis->connected)
        return true;
    if (begin_call(&lost), lost)
        return lose(redis, error, "connection");
    pthread_mutex_lock(&lock);
    connects++;
    pthread_mutex_unlock(&lock);
    redis->connected = true;
    return true;
}

static bool is_word(struct slice word, const char *text)
{
    return slice_equal(word, slice_from_text(text));
}

static void take_command(struct command *command, const struct slice *words, size_t word_count)
{
    command->question = is_word(words[0], "XADD") ? ADD : is_word(words[0], "HGET") ? ASK : LOOK;
    if (command->question == ADD)
        assert(word_count == 5 && is_word(words[2], "*") && is_word(words[3], STREAM_FIELD));
    else if (command->question == ASK)
        assert(word_count == 3 && is_word(words[1], STREAM_ARCHIVED_KEY) && words[2].size == 32);
    else
        assert(word_count == 6 && is_word(words[0], "XRANGE") && slice_equal(words[2], words[3]));
    memcpy(command->entry.key, words[1].data, words[1].size);
    command->entry.key[words[1].size] = '\0';
    command->entry.payload = command->question == ADD ? words[4] : slice_of(NULL, 0);
    if (command->question == LOOK)
        stream_id_parse(words[2], &command->id);
}

bool redis_append(struct redis *redis, const struct slice *words, size_t word_count, struct error *error)
{
    bool lost;
    enum fake_line_trouble now = begin_call(&lost);

    if (lost || !redis->connected)
        return lose(redis, error, "connection");
    if (now == FAKE_LINE_CRAMPED && ++appends % 3 == 0)
        return error_set(error, ERROR_TRANSIENT, "memory", "could not get memory");

    assert(redis->outstanding == 0); /* the sender answers for a batch before it begins the next */
    assert(redis->appended_count < OUTSTANDING_MAX);
    take_command(&redis->appended[redis->appended_count++], words, word_count);
    return true;
}

static bool is_refused(enum fake_line_trouble now, const struct redis *redis, size_t number)
{
    return now == FAKE_LINE_FULL || now == FAKE_LINE_DEMOTED || now == FAKE_LINE_WRONG_TYPE ||
           (now == FAKE_LINE_HALF_FULL && number % 2 == 0) ||
           (now == FAKE_LINE_ONE_WRONG && strstr(redis->appended[number].entry.key, "{1}") != NULL);
}

/* With the lock held. */
static void keep(const struct fake_line_entry *entry, struct stream_id *id)
{
    uint8_t *copy = bytes + bytes_used;

    assert(count < ENTRIES_MAX && bytes_used + entry->payload.size <= BYTES_MAX);
    memcpy(copy, entry->payload.data, entry->payload.size);
    bytes_used += entry->payload.size;
    *id = (struct stream_id){.ms = UINT64_C(1700000000000) + flushes, .sequence = count};
    entries[count] = *entry;
    entries[count++].payload = slice_of(copy, entry->payload.size);
}

/* What a server does with a pipeline: all of it, whether or not anybody reads the answers. */
bool redis_send(struct redis *redis, struct error *error)
{
    bool lost;
    enum fake_line_trouble now = begin_call(&lost);

    if (lost || !redis->connected)
        return lose(redis, error, "connection");
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < redis->appended_count; i++) {
        if (redis->appended[i].question == ADD && !is_refused(now, redis, i))
            keep(&redis->appended[i].entry, &redis->appended[i].id);
    }
    pthread_cond_broadcast(&change);
    pthread_mutex_unlock(&lock);
    redis->outstanding = redis->appended_count;
    redis->sent_in = now;
    return true;
}

/* Until time is up, or somebody cancels, or the trouble is over. */
static bool wait_in_silence(struct redis *redis, struct error *error)
{
    struct pollfd cancel = {.fd = redis->cancel_descriptor, .events = POLLIN};

    for (int waited_ms = 0; waited_ms < redis->request_timeout_ms; waited_ms += POLL_MS)
        if (poll(&cancel, 1, POLL_MS) > 0)
            return lose(redis, error, "canceled");
    return lose(redis, error, "timeout");
}

static struct reply text_reply(const char *text)
{
    return (struct reply){.type = REPLY_STRING, .text = slice_from_text(text)};
}

/* [[id, [field, payload]]], or []. With the lock held. */
static struct reply entry_reply(struct redis *redis, const struct command *look)
{
    struct reply *all = redis->elements;

    if (look->id.ms != UINT64_C(1700000000000) + flushes || look->id.sequence >= count ||
        strcmp(entries[look->id.sequence].key, look->entry.key) != 0)
        return (struct reply){.type = REPLY_ARRAY};
    all[0] = (struct reply){.type = REPLY_ARRAY, .elements = &all[1], .count = 2};
    stream_id_format(look->id, redis->text);
    all[1] = text_reply(redis->text);
    all[2] = (struct reply){.type = REPLY_ARRAY, .elements = &all[3], .count = 2};
    all[3] = text_reply(STREAM_FIELD);
    all[4] = (struct reply){.type = REPLY_STRING, .text = entries[look->id.sequence].payload};
    return (struct reply){.type = REPLY_ARRAY, .elements = all, .count = 1};
}

/* Good until the next one. */
static struct reply answer_to(struct redis *redis, const struct command *command)
{
    struct reply reply = {.type = REPLY_NIL};

    pthread_mutex_lock(&lock);
    if (command->question == LOOK) {
        reply = entry_reply(redis, command);
    } else if (command->question == ADD || archived > 0) {
        stream_id_format(command->id, redis->text);
        if (command->question == ASK)
            snprintf(redis->text, sizeof redis->text, "%" PRIu64, archived);
        reply = text_reply(redis->text);
    }
    pthread_mutex_unlock(&lock);
    return reply;
}

static bool refuse(struct redis *redis, enum fake_line_trouble now, struct error *error)
{
    if (now == FAKE_LINE_WRONG_TYPE || now == FAKE_LINE_ONE_WRONG)
        return error_set(error, ERROR_FATAL, "wrongtype", "WRONGTYPE not a stream");
    if (now != FAKE_LINE_DEMOTED)
        return error_set(error, ERROR_TRANSIENT, "oom", "OOM used memory > maxmemory");
    redis_disconnect(redis);
    return error_set(error, ERROR_TRANSIENT, "readonly", "READONLY a replica");
}

bool redis_receive(struct redis *redis, struct arena *arena, int extra_wait_ms, struct reply *reply,
                   struct error *error)
{
    bool lost;
    enum fake_line_trouble now = redis->sent_in;
    size_t number = redis->appended_count - redis->outstanding;

    (void)arena;
    (void)extra_wait_ms;
    begin_call(&lost);
    if (lost || !redis->connected || (now == FAKE_LINE_FORGETFUL && redis->answered == 3))
        return lose(redis, error, "connection");
    if (now == FAKE_LINE_SILENT)
        return wait_in_silence(redis, error);

    redis->answered++;
    if (--redis->outstanding == 0)
        redis->appended_count = 0;
    const struct command *command = &redis->appended[number];
    if (command->question == ADD && is_refused(now, redis, number))
        return refuse(redis, now, error);
    *reply = answer_to(redis, command);
    if (now == FAKE_LINE_UNREADABLE)
        *reply = (struct reply){.type = REPLY_INTEGER};
    return true;
}
