#include "replay/web/page_reply.h"

#include "replay/web/page_files.h"
#include "replay/web/reply.h"

#include <string.h>

static const char POLICY[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'";

static const struct page_file *find(struct slice path)
{
    for (size_t i = 0; i < page_files_count; i++)
        if (slice_equal(path, slice_from_text(page_files[i].path)))
            return &page_files[i];
    return NULL;
}

/* "*", or one of a list, weak or not: with its quotes it cannot be a part of another. */
static bool is_known(const struct server_exchange *exchange, const char *etag)
{
    struct slice known;

    if (!server_header(exchange, "If-None-Match", &known))
        return false;
    return slice_equal(known, slice_from_text("*")) || memmem(known.data, known.size, etag, strlen(etag)) != NULL;
}

/* "same-origin" and not "no-referrer": with that a browser hides from us where the form for signing in was. */
void page_reply_serve(const struct question *question)
{
    const struct page_file *file = find(server_path(question->exchange));

    if (file == NULL) {
        reply_error(question->exchange, REPLY_NOT_FOUND, "there is nothing at this address");
        return;
    }
    const struct server_header headers[] = {
        {"Cache-Control", "no-cache"},
        {"ETag", file->etag},
        {"Content-Security-Policy", POLICY},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "same-origin"},
        {"Cross-Origin-Opener-Policy", "same-origin"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
    };
    struct server_answer answer = {
        .status = REPLY_OK,
        .type = file->type,
        .body = slice_of(file->bytes, file->size),
        .is_static = true,
        .headers = headers,
        .header_count = sizeof headers / sizeof *headers,
    };
    if (is_known(question->exchange, file->etag)) {
        answer.status = REPLY_NOT_MODIFIED;
        answer.type = NULL;
        answer.body = slice_of("", 0);
    }
    server_answer(question->exchange, &answer);
}
