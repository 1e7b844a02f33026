/* redis_urls: parsing a URL that must be good, and one that must be refused. Parts of the tests of redis_url. */
#ifndef TASKLEDGER_TESTS_SUPPORT_REDIS_URLS_H
#define TASKLEDGER_TESTS_SUPPORT_REDIS_URLS_H

#include "proto/redis_url.h"

struct redis_url redis_urls_parsed(const char *text);

/* Refused as configuration, with these words in the text, and the output left alone. */
void redis_urls_assert_refused(const char *text, const char *because);

#endif
