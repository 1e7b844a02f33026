/* settings: what flags and environment said.
 *
 * One table for the whole program, so that a flag means the same wherever it is taken; a command names the flags that
 * are its own. */
#ifndef TASKLEDGER_REPLAY_SETTINGS_H
#define TASKLEDGER_REPLAY_SETTINGS_H

#include "proto/options.h"

#include <stdbool.h>
#include <stdint.h>

/* NULL: not given. Texts live as long as the process. */
struct settings {
    const char *database_url; /* NULL: libpq's own PG* variables */
    const char *redis_url;    /* NULL: the stream is not asked */
    const char *redis_ca_file;
    const char *redis_certificate_file;
    const char *redis_key_file;
    const char *stream;
    int64_t shards;
    const char *group;
    const char *format;
    const char *zone;
    const char *colour;
    const char *progress;
    bool no_pager;
    const char *pager;
    const char *temporary; /* folder */
    bool help;
    bool version;
    bool print_configuration;
    const char *print_completion;
    const char *print_manual;

    const char *as_of;
    const char *known_at;
    const char *status; /* which tasks are listed */
    const char *name;
    const char *worker;
    const char *queue;
    const char *step;
    const char *since;
    const char *until;
    bool follow;
    bool raw;
    bool reverse;
    bool tree;
    int64_t older_ms;
    int64_t limit;
    int64_t in_flight_ms;
    int64_t settle_ms;
    bool full;
    bool quick;
    const char *subset;
    const char *seal;
    const char *key;
    const char *public_key;
    const char *encoding;
    const char *cursor_file;
    bool from_stream;
    bool force;
    const char *before;
    const char *exported;
    const char *reason;
    bool all;
    bool execute;
    int64_t jobs;
    bool rollback;
    bool drop;
    bool abort;
    int64_t lock_timeout_ms;
    int64_t swap_within_ms;
    bool open;
    const char *producer;
};

enum { SETTINGS_COUNT_MAX = 96 };

/* In a command's list of flags: --limit of those who list everything when it is not given. */
#define SETTINGS_LIMIT_OF_ROWS "--limit (of rows)"

/* Room for a part of the table. */
struct settings_table {
    struct options_table table;
    struct option_spec specs[SETTINGS_COUNT_MAX];
};

/* What stands before a command. */
void settings_of_program(struct settings_table *part);

/* What makes sense without a command only, but for what is for those who build. */
void settings_alone(struct settings_table *part);

/* What every command takes. */
void settings_shared(struct settings_table *part);

/* What a command takes besides: `flags` ends with NULL. */
void settings_own(struct settings_table *part, const char *const *flags);

/* Both. */
void settings_of_command(struct settings_table *part, const char *const *flags);

#endif
