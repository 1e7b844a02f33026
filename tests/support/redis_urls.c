#include "tests/support/redis_urls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct redis_url redis_urls_parsed(const char *text)
{
    struct redis_url url;
    struct error error = {.kind = ERROR_NONE};

    if (!redis_url_parse(text, &url, &error))
        fail_msg("%s: %s", text, error.text);
    assert_int_equal(error.kind, ERROR_NONE);
    return url;
}

void redis_urls_assert_refused(const char *text, const char *because)
{
    struct redis_url url = {.db = 77};
    struct error error = {.kind = ERROR_NONE};

    if (redis_url_parse(text, &url, &error))
        fail_msg("accepted: %s", text);
    assert_int_equal(error.kind, ERROR_FATAL);
    assert_string_equal(error.reason, "config");
    if (strstr(error.text, because) == NULL)
        fail_msg("%s: \"%s\" does not say \"%s\"", text, error.text, because);
    assert_int_equal(url.db, 77);
}
