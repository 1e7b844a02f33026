/* json_check: what the checker says about many texts, for comparison with PostgreSQL.
 *
 * Reads texts as "LENGTH\nBYTES" from standard input; prints for each one line: "ok", or what is wrong. */
#include "proto/event.h"
#include "proto/json.h"

#include <stdio.h>
#include <stdlib.h>

static void check(const void *bytes, size_t size)
{
    size_t offset;
    const char *wrong = json_check_object(slice_of(bytes, size), EVENT_JSON_DEPTH_MAX, &offset);

    if (wrong == NULL)
        puts("ok");
    else
        printf("%s at byte %zu\n", wrong, offset);
}

int main(void)
{
    size_t size;

    while (scanf("%zu", &size) == 1 && getchar() == '\n') {
        /* Exactly as long as the text, so that a sanitizer sees the first byte read behind it. */
        char *bytes = malloc(size);

        if ((bytes == NULL && size > 0) || fread(bytes, 1, size, stdin) != size)
            return 1;
        check(bytes, size);
        free(bytes);
    }
    return feof(stdin) ? 0 : 1;
}
