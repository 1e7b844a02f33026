/* stream_options: where the stream is, as rows of a table of options.
 *
 * Flags, variables, limits and help are told once. The struct of the program has the members
 *
 *   const char *redis_url, *redis_ca_file, *redis_certificate_file, *redis_key_file, *stream;
 *   int64_t shards;
 *
 * and AT(member) is the offset of one of them in it. */
#ifndef TASKLEDGER_PROTO_STREAM_OPTIONS_H
#define TASKLEDGER_PROTO_STREAM_OPTIONS_H

#include "proto/options.h"
#include "proto/stream.h"

#define STREAM_OPTIONS_REDIS_URL "redis://127.0.0.1:6379/0"

/* Rows of a program: `url_fallback` is the default of REDIS_URL or NULL, `url_absent` what people are told of it. */
#define STREAM_OPTIONS(AT, url_fallback, url_absent) \
    STREAM_OPTIONS_ROWS(AT, STREAM_OPTIONS_TOLD, url_fallback, url_absent)

/* Rows of a library: variables alone, and what is not given stays as it is. */
#define STREAM_OPTIONS_VARIABLES(AT) STREAM_OPTIONS_ROWS(AT, STREAM_OPTIONS_UNTOLD, NULL, STREAM_OPTIONS_REDIS_URL)

#define STREAM_OPTIONS_TOLD(text)   (text)
#define STREAM_OPTIONS_UNTOLD(text) (NULL)

/* clang-format off */
#define STREAM_OPTIONS_ROWS(AT, TOLD, url_fallback, url_absent)                                                        \
    {.variable = "REDIS_URL", .type = OPTION_SECRET, .offset = AT(redis_url), .fallback = (url_fallback),              \
     .help = "where the stream is: redis://, rediss://, unix://, redis+sentinel:// or redis+cluster://; if not "       \
             "given, " url_absent},                                                                                    \
    {.variable = "REDIS_URL_FILE", .type = OPTION_FILE_OF, .help = "a file that holds the same"},                      \
    {.flag = TOLD("--redis-ca-file"), .variable = "TASKLEDGER_REDIS_CA_FILE", .type = OPTION_TEXT,                     \
     .offset = AT(redis_ca_file), .value = "FILE",                                                                     \
     .help = "certificates to trust with rediss://; if not given, the system's"},                                      \
    {.flag = TOLD("--redis-certificate-file"), .variable = "TASKLEDGER_REDIS_CERTIFICATE_FILE", .type = OPTION_TEXT,   \
     .offset = AT(redis_certificate_file), .value = "FILE", .help = "the certificate to show with rediss://"},         \
    {.flag = TOLD("--redis-key-file"), .variable = "TASKLEDGER_REDIS_KEY_FILE", .type = OPTION_TEXT,                   \
     .offset = AT(redis_key_file), .value = "FILE", .help = "its key"},                                                \
    {.flag = TOLD("--stream"), .variable = "TASKLEDGER_STREAM", .type = OPTION_TEXT, .offset = AT(stream),             \
     .fallback = TOLD(STREAM_DEFAULT), .value = "KEY", .help = "the Redis stream"},                                    \
    {.flag = TOLD("--shards"), .variable = "TASKLEDGER_SHARDS", .type = OPTION_INTEGER, .offset = AT(shards),          \
     .fallback = TOLD("1"), .minimum = 1, .maximum = STREAM_SHARDS_MAX,                                                \
     .help = "over how many streams tasks are spread; the same for producers and consumers"}
/* clang-format on */

#endif
