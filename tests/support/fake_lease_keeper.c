#include "tests/support/fake_lease_keeper.h"

#include "proto/decimal.h"

#include <assert.h>
#include <string.h>
#include <time.h>

enum { KEPT_MAX = 512 };

/* One that has something, or stands in line for it; in the order of coming. */
struct kept {
    char name[FAKE_LEASE_NAME_BYTES];
    char token[FAKE_LEASE_TOKEN_BYTES];
    char holder[FAKE_LEASE_NAME_BYTES];
    bool waits;
    int64_t attempt;
    int64_t until_ms;
};

static struct kept kept[KEPT_MAX];
static size_t kept_count;
static int64_t attempts;

void fake_lease_keeper_reset(void)
{
    kept_count = 0;
    attempts = FAKE_LEASE_ATTEMPT;
}

void fake_lease_keeper_flush(void)
{
    kept_count = 0;
}

/* ---- deciding ---------------------------------------------------------------------------------------------------- */

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void drop(size_t number)
{
    memmove(&kept[number], &kept[number + 1], (--kept_count - number) * sizeof *kept);
}

static void drop_the_dead(void)
{
    for (size_t i = kept_count; i-- > 0;)
        if (kept[i].until_ms <= now_ms())
            drop(i);
}

static size_t find(const char *name, const char *token)
{
    size_t i = 0;

    while (i < kept_count && (strcmp(kept[i].name, name) != 0 || strcmp(kept[i].token, token) != 0))
        i++;
    return i;
}

static size_t count_of(const char *name, bool waits, size_t before)
{
    size_t count = 0;

    for (size_t i = 0; i < before; i++)
        count += strcmp(kept[i].name, name) == 0 && kept[i].waits == waits;
    return count;
}

static struct kept *keep(const struct fake_lease_command *command, bool waits)
{
    size_t number = find(command->name, command->token);

    if (number == kept_count) {
        assert(kept_count < KEPT_MAX);
        kept[kept_count++] = (struct kept){.waits = true};
    }
    struct kept *one = &kept[number];
    memcpy(one->name, command->name, sizeof one->name);
    memcpy(one->token, command->token, sizeof one->token);
    memcpy(one->holder, command->holder, sizeof one->holder);
    one->waits = waits;
    one->until_ms = now_ms() + (waits ? 5000 : command->lease_ms);
    return one;
}

static const struct kept *holder_of(const char *name)
{
    for (size_t i = 0; i < kept_count; i++)
        if (strcmp(kept[i].name, name) == 0)
            return &kept[i];
    return NULL;
}

static void do_claim(struct fake_lease_command *command)
{
    const struct kept *holder = holder_of(command->name);
    bool is_own = holder != NULL && strcmp(holder->token, command->token) == 0;

    if (holder == NULL || is_own) {
        int64_t attempt = is_own ? holder->attempt : command->attempt != 0 ? command->attempt : ++attempts;
        struct kept *own = keep(command, false);
        own->attempt = attempt > command->attempt ? attempt : command->attempt;
        holder = own;
        is_own = true;
    }
    command->numbers[0] = is_own;
    command->numbers[1] = holder->attempt;
    command->numbers[2] = 1000;
    command->numbers[3] = holder->until_ms - now_ms();
    command->numbers[4] = (INT64_C(1577836800) + FAKE_LEASE_ATTEMPT) * 1000;
    memcpy(command->text, holder->holder, sizeof command->text);
}

static void do_permit(struct fake_lease_command *command)
{
    size_t number = find(command->name, command->token);
    bool has = number < kept_count && !kept[number].waits;
    size_t held = count_of(command->name, false, kept_count) - has;
    size_t ahead = command->verb == 'a' ? count_of(command->name, true, number) : 0;
    int64_t place = has ? 0 : (int64_t)(ahead + held + 1) - command->limit;

    if (place <= 0 || command->in_line)
        keep(command, place > 0);
    else if (number < kept_count)
        drop(number);
    command->numbers[0] = place <= 0;
    command->numbers[1] = place > 0 ? place : 0;
    command->numbers[2] = (int64_t)held;
    command->numbers[3] = now_ms();
}

static void release(struct fake_lease_command *command)
{
    size_t number = find(command->name, command->token);

    if (number < kept_count)
        drop(number);
    command->numbers[0] = 1;
}

void fake_lease_keeper_run(struct fake_lease_command *command)
{
    drop_the_dead();
    if (command->verb == 'l')
        release(command);
    else if (command->is_permit)
        do_permit(command);
    else
        do_claim(command);
}

size_t fake_lease_keeper_count(const char *name, bool waits)
{
    drop_the_dead();
    return count_of(name, waits, kept_count);
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static void take_text(struct slice word, char *text, size_t size)
{
    assert(word.size < size);
    memcpy(text, word.data, word.size);
    text[word.size] = '\0';
}

static int64_t take_number(struct slice word)
{
    uint64_t number = 0;

    assert(decimal_read(word, INT64_MAX, &number));
    return (int64_t)number;
}

/* The name is what stands in the key's braces. */
void fake_lease_keeper_read(struct fake_lease_command *command, const struct slice *words, size_t count)
{
    size_t keys = (size_t)take_number(words[2]);
    bool is_permit = keys > 1;
    const struct slice *arguments = words + 3 + keys;
    const uint8_t *brace = memchr(words[3].data, '{', words[3].size);

    assert(count == 3 + keys + (is_permit ? 7 : 8));
    *command = (struct fake_lease_command){.is_permit = is_permit};
    take_text(slice_of(brace + 1, (size_t)(words[3].data + words[3].size - brace) - 2), command->name,
              FAKE_LEASE_NAME_BYTES);
    command->verb = (char)arguments[0].data[arguments[0].size == 7 ? 2 : 0];
    take_text(arguments[1], command->token, FAKE_LEASE_TOKEN_BYTES);
    take_text(arguments[2], command->holder, FAKE_LEASE_NAME_BYTES);
    command->lease_ms = take_number(arguments[is_permit ? 4 : 3]);
    if (is_permit)
        command->limit = take_number(arguments[3]);
    else
        command->attempt = take_number(arguments[4]);
    command->in_line = is_permit && command->verb == 'a' && arguments[6].data[0] == '1';
}
